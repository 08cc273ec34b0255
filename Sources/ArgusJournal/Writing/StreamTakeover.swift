internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// What a new stream does about the folder's earlier ones: it names them as parents, ends those whose writer was
/// killed, and learns what they lost.
///
/// ```
///   open ──close()──────────────────────▶ ended
///   open ──kill -9──▶ left ──run()──────▶ ended (recovered)   same boot: nothing lost
///   open ──power cut─▶ left ──run()─────▶ ended (recovered)   other boot, or the index knows more: gap
///   left, but does not verify ──run()───▶ left as it is       integrity
/// ```
enum StreamTakeover {
    struct Outcome {
        var parents: [JournalParent] = []
        /// To be recorded first in the new stream.
        var events: [AuditEvent] = []
        var denials: [(event: AuditEvent, repeats: JournalRepeats)] = []
        /// Streams whose counters are in `denials`; they stay locked until those are on disk.
        var counted: [SpoolStream] = []
        /// The newest root of the folder's index that an earlier stream names.
        var indexRoot: IndexMark?
        /// What the folder's earlier streams take up.
        var byteCount: UInt64 = 0
    }

    static func run(
        _ spool: DirectoryHandle, keys: JournalKeys, folder: FolderID, bootID: [UInt8],
        expecting: JournalMark?
    ) throws(JournalError) -> Outcome {
        Spool.removeUnfinishedStarts(spool)
        let scanned: (streams: [SpoolStream], findings: [JournalFinding])
        do throws(SystemError) {
            scanned = try Spool.scan(spool)
        } catch {
            throw .storage(errno: error.errno)
        }
        let own = scanned.streams.filter { $0.genesis.folder == folder }
        let settled = Set(own.flatMap { $0.genesis.parents.filter(\.isFinal).map(\.stream) })
        var taker = Taker(keys: ReadingKeys(keys), bootID: bootID, expecting: expecting)
        for candidate in own {
            let hasCounters = (try? candidate.directory.exists(JournalFormat.countersName)) ?? false
            if settled.contains(candidate.stream), !hasCounters { continue }
            taker.take(candidate, isSettled: settled.contains(candidate.stream), hasCounters: hasCounters)
        }
        let removals = (try? RemovalList.read(spool, folder: folder, keys: taker.keys)) ?? RemovalList()
        taker.finish(own, removals)
        // Each stream names it again. Where one has no record, or cannot be read, those before it tell.
        if taker.lacksIndexRoot {
            taker.outcome.indexRoot = IndexMark.max(
                taker.outcome.indexRoot, IndexMark.newest(in: own, keys: taker.keys, bootID: bootID))
        }
        taker.outcome.byteCount = Spool.byteCount(own)
        // The newest ones: any that do not fit stay unsettled, and the next stream names them.
        taker.outcome.parents = Array(taker.outcome.parents.suffix(JournalFormat.maxParentCount))
        return taker.outcome
    }

    /// Removes the counters that the new stream has recorded, once its records are on disk.
    static func clean(_ outcome: Outcome, in spool: DirectoryHandle) {
        for counted in outcome.counted {
            try? counted.directory.remove(JournalFormat.countersName)
            try? counted.directory.sync()
        }
    }
}

private struct Taker {
    let keys: ReadingKeys
    let bootID: [UInt8]
    let expecting: JournalMark?
    var outcome = StreamTakeover.Outcome()
    /// Whether the head that the index knew was seen.
    var isHeadFound = false
    var newest: (stream: StreamID, sequence: UInt64)?
    var hasGap = false
    /// Whether a stream that nobody has named as a parent yet tells no root of the index.
    var lacksIndexRoot = false

    mutating func take(_ candidate: SpoolStream, isSettled: Bool, hasCounters: Bool) {
        let isDead = candidate.lockExclusively()
        let reader: StreamReader
        var records: [JournalRecord] = []
        do throws(JournalFinding) {
            reader = try StreamReader(
                directory: candidate.directory, stream: candidate.stream, keys: keys, from: .newest)
            try reader.readMore(isLive: !isDead, mayBeTorn: candidate.genesis.bootID != bootID) { record in
                records.append(record)
                return true
            }
        } catch {
            noteIndexRoot(records)
            lacksIndexRoot = true
            // A live stream moves while it is read; it stays unsettled, and the next stream names it.
            if isDead, !isSettled { report(error, candidate) }
            return
        }
        if !noteIndexRoot(records), !isSettled { lacksIndexRoot = true }
        if let expecting,
            (reader.sequence, reader.hash) == (expecting.sequence, expecting.hash)
                || records.contains(where: { ($0.sequence, $0.hash) == (expecting.sequence, expecting.hash) })
        {
            isHeadFound = true
        }
        let isCounted = isDead && (hasCounters || !reader.isFinal)
        let (counters, finding) = isCounted ? reader.counters() : ([], nil)
        if let finding { report(finding, candidate) }
        if !isSettled {
            if isDead, !reader.isFinal {
                guard end(reader, candidate) else { return }
            } else if isDead, reader.hasKeyLeft {
                try? StreamEnding.wipe(reader)
            }
            newest = (candidate.stream, reader.sequence)
            outcome.parents.append(
                JournalParent(
                    stream: candidate.stream, sequence: reader.sequence, hash: reader.hash, isFinal: isDead))
        }
        if isDead, hasCounters { takeCounters(candidate, counters, records) }
    }

    /// False where none of them names one.
    @discardableResult
    private mutating func noteIndexRoot(_ records: [JournalRecord]) -> Bool {
        let found = records.reduce(nil) { IndexMark.max($0, $1.indexRoot) }
        outcome.indexRoot = IndexMark.max(outcome.indexRoot, found)
        return found != nil
    }

    /// Ends a stream whose writer is gone; false where its key does not fit.
    private mutating func end(_ reader: StreamReader, _ candidate: SpoolStream) -> Bool {
        do throws(JournalFinding) {
            try StreamEnding.end(reader)
        } catch {
            report(error, candidate)
            return false
        }
        if let expecting, expecting.isIn(candidate.stream), expecting.sequence > reader.sequence, !isHeadFound {
            gap(candidate.stream, after: reader.sequence, through: expecting.sequence)
        } else if candidate.genesis.bootID != bootID {
            gap(candidate.stream, after: reader.sequence, through: 0)
        } else {
            event(.recover, .success, "an earlier writer was ended without closing its stream; nothing was lost")
        }
        return true
    }

    private mutating func gap(_ stream: StreamID, after sequence: UInt64, through last: UInt64) {
        hasGap = true
        let reason =
            last > 0
            ? "records that the index knew did not reach the disk before an unclean end"
            : "records of the last 100 ms before the machine stopped may not have reached the disk"
        event(.gap, .failure, reason, JournalGap(stream: stream, first: sequence + 1, last: last))
    }

    /// After all streams: a head that is in none of them, the settled ones and what was passed over included.
    mutating func finish(_ streams: [SpoolStream], _ removals: RemovalList) {
        guard let expecting, expecting.sequence > 0, !isHeadFound, !hasGap else { return }
        let wentForAge = removals.entries.contains {
            $0.removal.isWhole && expecting.isIn($0.removal.stream) && $0.removal.sequence >= expecting.sequence
        }
        if wentForAge { return }
        if streams.reversed().contains(where: { holds($0, expecting) }) { return }
        let known = newest.flatMap { $0.sequence < expecting.sequence ? $0 : nil }
        event(
            .integrity, .failure, "the newest record that the index knew is not in the spool",
            known.map { JournalGap(stream: $0.stream, first: $0.sequence + 1, last: expecting.sequence) })
    }

    /// Whether the whole stream has that record, or had it before its oldest segments were removed.
    private func holds(_ candidate: SpoolStream, _ head: JournalMark) -> Bool {
        guard head.isIn(candidate.stream) else { return false }
        var isFound = false
        do throws(JournalFinding) {
            let reader = try StreamReader(directory: candidate.directory, stream: candidate.stream, keys: keys)
            if head.sequence <= reader.startSequence { return true }
            try reader.readMore(isLive: !candidate.lockExclusively(), mayBeTorn: candidate.genesis.bootID != bootID) {
                record in
                isFound = (record.sequence, record.hash) == (head.sequence, head.hash)
                return !isFound && record.sequence < head.sequence
            }
        } catch {
            // Whoever reads the stream next tells what is wrong with it.
        }
        return isFound
    }

    private mutating func report(_ finding: JournalFinding, _ candidate: SpoolStream) {
        event(.integrity, .failure, finding.message)
    }

    private mutating func takeCounters(
        _ candidate: SpoolStream, _ counters: [DenialCounter], _ records: [JournalRecord]
    ) {
        for counter in counters {
            let told = records.reduce(UInt64(0)) { sum, record in
                guard let repeats = record.repeats, repeats.stream == nil,
                    repeats.firstSequence == counter.firstSequence
                else { return sum }
                return sum &+ repeats.count
            }
            guard counter.count > told else { continue }
            var event: AuditEvent
            if let first = records.first(where: { $0.sequence == counter.firstSequence }) {
                event = AuditEvent(
                    activity: .denied, status: .failure, actor: first.actor, fileID: first.fileID, path: first.path,
                    reason: first.reason)
            } else {
                event = AuditEvent(
                    activity: .denied, status: .failure,
                    actor: AuditActor(uid: counter.uid, loginUID: .max, pid: 0, person: "", program: ""))
            }
            event.actor = event.actor.with { $0.pid = 0 }
            outcome.denials.append(
                (
                    event,
                    JournalRepeats(
                        count: counter.count - told, firstSequence: counter.firstSequence, stream: candidate.stream,
                        lastTime: counter.lastTime)
                ))
        }
        outcome.counted.append(candidate)
    }

    private mutating func event(
        _ activity: AuditActivity, _ status: AuditStatus, _ reason: String, _ gap: JournalGap? = nil
    ) {
        let actor = AuditActor(uid: getuid(), loginUID: .max, pid: UInt32(getpid()), person: "", program: "")
        var event = AuditEvent(activity: activity, status: status, actor: actor, reason: reason)
        event.gap = gap
        outcome.events.append(event)
    }
}

/// Ends a stream in its writer's place: the last commit under the key that its header holds, then no key.
private enum StreamEnding {
    static func end(_ reader: StreamReader) throws(JournalFinding) {
        guard let slot = reader.slot else { throw finding(reader, .keySlotMissing) }
        let key: SecretBytes
        switch slot.epoch {
        case reader.commitCount: key = slot.key
        case let epoch where epoch + 1 == reader.commitCount: key = MACKey.next(after: slot.key)
        default: throw finding(reader, .keySlotMismatch)
        }
        let plain = CommitFrame.encode(
            stream: reader.stream, epoch: reader.commitCount, sequence: reader.sequence, hash: reader.hash,
            flags: [.final, .recovered], seconds: SystemClock().now().seconds, key: key)
        let offset = reader.offset
        let frameCount = JournalFormat.frameByteCount(plain: plain.count)
        var image = [UInt8](repeating: 0, count: offset + frameCount)
        var nonce = [UInt8](repeating: 0, count: 12)
        nonce.withUnsafeMutableBytes { SecureRandom.fill($0) }
        do {
            try image.withUnsafeMutableBytes { image in
                try plain.withUnsafeBytes { plain in
                    try nonce.withUnsafeBytes { nonce in
                        try FrameSealer.seal(
                            plain, kind: .commit, stream: reader.stream, ordinal: reader.ordinal, offset: offset,
                            nonce: nonce, key: reader.streamKeys.frames, into: image)
                    }
                }
            }
            let file = try reader.directory.open(JournalFormat.segmentName(reader.ordinal), flags: O_RDWR)
            // What a torn write left goes first: behind the last frame there must be nothing.
            try check(ftruncate(file.rawValue, off_t(offset)), "ftruncate(2)")
            try write(image[offset...], to: file, at: offset)
            try check(fdatasync(file.rawValue), "fdatasync(2)")
            try wipe(reader)
        } catch let error as SystemError {
            throw finding(reader, .storage(errno: error.errno))
        } catch {
            throw finding(reader, .frameUnauthentic)
        }
    }

    /// Wipes every segment's key and takes away the spare.
    static func wipe(_ reader: StreamReader) throws {
        let zeros = [UInt8](repeating: 0, count: 2 * JournalFormat.slotByteCount)
        for ordinal in try StreamReader.ordinals(reader.directory, reader.stream) {
            let name = JournalFormat.segmentName(ordinal)
            if ordinal > reader.ordinal {
                try reader.directory.remove(name)
                continue
            }
            let file = try reader.directory.open(name, flags: O_RDWR)
            try write(zeros[...], to: file, at: JournalFormat.slotOffsets[0])
            try check(fdatasync(file.rawValue), "fdatasync(2)")
        }
        if try reader.directory.exists(JournalFormat.unfinishedName) {
            try reader.directory.remove(JournalFormat.unfinishedName)
        }
        try reader.directory.sync()
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to file: borrowing OwnedDescriptor, at offset: Int) throws {
        let count = bytes.withUnsafeBytes { pwrite(file.rawValue, $0.baseAddress, $0.count, off_t(offset)) }
        guard count == bytes.count else { throw SystemError(errno: count < 0 ? errno : ENOSPC, call: "pwrite(2)") }
    }

    private static func check(_ status: Int32, _ call: String) throws {
        guard status == 0 else { throw SystemError(errno: errno, call: call) }
    }

    private static func finding(_ reader: StreamReader, _ reason: JournalFinding.Reason) -> JournalFinding {
        JournalFinding(
            stream: reader.stream, segment: reader.ordinal, sequence: reader.sequence + 1, reason: reason)
    }
}
