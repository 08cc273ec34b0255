internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// The commit thread.
///
/// ```
///           append (idle)            group time, urgent or full
///   idle ───────────────▶ gathering ───────────────────────────▶ committing ──▶ idle
///                                              write commit, sync, next key, wake the waiting
/// ```
extension Journal {
    static let idleWakeNanoseconds: UInt64 = 60_000_000_000
    /// How long after a refusal the spare is tried again.
    static let spareRetryNanoseconds: UInt64 = 1_000_000_000
    /// How long a strict commit waits for those who shared the last one; about what a sync takes.
    static let siblingNanoseconds: UInt64 = 150_000
    static let pruneIntervalNanoseconds: UInt64 = 3_600_000_000_000

    func run() {
        lock.lock()
        while !isStopping {
            if isThreadNeeded {
                gather()
            } else {
                isThreadIdle = true
                _ = work.wait(lock, nanoseconds: idleNanoseconds)
                isThreadIdle = false
            }
            if isStopping { break }
            do throws(JournalError) {
                try work(isFailed: failure != nil)
            } catch {
                fail(error)
            }
        }
        // Whoever waits for a spare or the disk finds that nobody will bring it.
        if isAbandoned { fail(.closed) }
        progress.broadcast()
        lock.unlock()
    }

    private var isThreadNeeded: Bool {
        failure == nil && (ticket != durableTicket || isUrgent || isSpareWanted || isSlotDirty)
    }

    private var idleNanoseconds: UInt64 {
        if isSpareRefused { return Self.spareRetryNanoseconds }
        guard let deadline = denials.nextDeadline else { return Self.idleWakeNanoseconds }
        let now = clock.monotonicNanoseconds()
        return deadline > now ? min(deadline - now, Self.idleWakeNanoseconds) : 1_000_000
    }

    /// Lets the batch grow for the group time, unless someone waits for the disk or for room.
    private func gather() {
        guard ticket != durableTicket || isSlotDirty else { return }
        let end = Self.monotonicNanoseconds() + limits.groupNanoseconds
        while !isUrgent, !isSpareWanted, !isStopping {
            let now = Self.monotonicNanoseconds()
            guard now < end else { return }
            _ = work.wait(lock, nanoseconds: end - now)
        }
        awaitSiblings()
    }

    /// Those who shared the last commit are likely to come again in a moment: one sync for all of them is cheaper for
    /// each than one for the first and another for the rest. Someone alone never waits here.
    private func awaitSiblings() {
        guard mode == .strict, isUrgent, !isStopping, !isSpareWanted, lastGroupCount > 1 else { return }
        expectedTicket = durableTicket &+ lastGroupCount
        let end = Self.monotonicNanoseconds() + Self.siblingNanoseconds
        while ticket < expectedTicket, !isStopping, !isSpareWanted {
            let now = Self.monotonicNanoseconds()
            guard now < end, work.wait(lock, nanoseconds: end - now) else { break }
        }
        expectedTicket = 0
    }

    /// The machine's clock: the journal's own may be a test's, which stands still.
    private static func monotonicNanoseconds() -> UInt64 { SystemClock().monotonicNanoseconds() }

    private func work(isFailed: Bool) throws(JournalError) {
        guard !isFailed else { return }
        if isSpareWanted || isSpareRefused { makeSpare() }
        try recordCounts(all: false)
        if ticket != durableTicket || isUrgent {
            isUrgent = false
            try commitLocked([])
        } else if isSlotDirty {
            try syncSlot()
        }
        let now = Self.monotonicNanoseconds()
        if now >= nextPruneNanoseconds {
            nextPruneNanoseconds = now &+ Self.pruneIntervalNanoseconds
            lock.unlock()
            prune(forAnother: 0)
            lock.lock()
        }
    }

    func fail(_ error: JournalError) {
        if failure == nil { failure = error }
        progress.broadcast()
    }

    /// Closes the batch: commit frame, sync, next key. The lock is held before and after, not during the sync.
    func commitLocked(_ flags: CommitFrame.Flags) throws(JournalError) {
        if let failure { throw failure }
        let covered = ticket
        let hasCommit = sequence > committedSequence || flags.contains(.final)
        if hasCommit {
            let frame = CommitFrame.encode(
                stream: stream, epoch: commitCount, sequence: sequence, hash: hashBytes, flags: flags,
                seconds: clock.now().seconds, key: macKey)
            try frame.withBytes { bytes throws(JournalError) in try seal(bytes, kind: .commit) }
            commitCount += 1
            committedSequence = sequence
        }
        let leaving = retired
        let active = current
        let hasCounters = areCountersDirty
        let oldKey = macKey
        areCountersDirty = false
        lock.unlock()
        let synced = Result<SecretBytes?, SystemError>.init { () throws(SystemError) -> SecretBytes? in
            for (segment, _) in leaving { try segment.file.sync() }
            try active.file.sync()
            if hasCounters { try counters.sync() }
            return hasCommit ? MACKey.next(after: oldKey) : nil
        }
        lock.lock()
        switch synced {
        case .failure(let error):
            let storage = JournalError.storage(errno: error.errno)
            fail(storage)
            throw storage
        case .success(let next):
            // The batch is on disk: its key goes, everywhere, before anybody is told.
            if let next { try replaceKey(with: next, isFinal: flags.contains(.final)) }
            retired.removeFirst(leaving.count)
            lastGroupCount = covered &- durableTicket
            durableTicket = covered
            progress.broadcast()
            lock.unlock()
            defer { lock.lock() }
            for (segment, end) in leaving { retire(segment, end: end) }
        }
    }

    private func replaceKey(with next: SecretBytes, isFinal: Bool) throws(JournalError) {
        if isFinal {
            current.wipeSlots()
            for (segment, _) in retired { segment.wipeSlots() }
            return
        }
        let successor = epoch + 1
        do throws(CryptoError) {
            for segment in retired.map(\.segment) + [current] {
                segment.store(
                    slot: try KeySlot.encode(
                        next, epoch: successor, sealedWith: streamKeys.slots, ordinal: segment.ordinal),
                    epoch: successor)
            }
        } catch {
            throw .unauthentic(reason: "the MAC key could not be sealed")
        }
        macKey = next
        epoch = successor
        isSlotDirty = true
    }

    /// Ends a full segment, whose frames and whose successor are on disk: no key in it, no room behind its frames.
    ///
    /// A failure leaves it larger than it need be, or its sealed key of a batch that is closed to a later sync: neither
    /// is worth stopping the journal for.
    private func retire(_ segment: WritableSegment, end: Int) {
        segment.wipeSlots()
        try? segment.file.truncate(to: end)
        try? segment.file.sync()
    }

    /// Brings the newest key to disk where no further batch does: until then an image of the disk holds the old one.
    private func syncSlot() throws(JournalError) {
        let active = current
        isSlotDirty = false
        lock.unlock()
        defer { lock.lock() }
        do throws(SystemError) {
            try active.file.sync()
        } catch {
            throw .storage(errno: error.errno)
        }
    }

    /// After the last commit: exact size, no spare, no counters.
    func removeLeftovers() throws(SystemError) {
        try current.file.truncate(to: offset)
        try current.file.sync()
        if let spare { try directory.remove(JournalFormat.segmentName(spare.ordinal)) }
        try directory.remove(JournalFormat.countersName)
        try directory.sync()
        flock(directory.descriptor, LOCK_UN)
    }
}

extension SystemError {
    /// No room, as against a fault.
    var meansFull: Bool { errno == ENOSPC || errno == EDQUOT }
}
