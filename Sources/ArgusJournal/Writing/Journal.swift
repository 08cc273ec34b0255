package import ArgusCore
internal import ArgusCrypto
package import ArgusSystem
internal import Glibc

/// The journal of one folder, as one process writes it: a stream of records in mapped segments.
///
/// 1. When `append` returns, the record lies whole in a mapped file: it survives `kill -9`. In strict mode it is on disk.
/// 2. A record's hash covers the hash of the record before it, from the stream's beginning on.
/// 3. A batch is closed by a commit under the MAC key of its epoch. Once that commit is on disk, the key is replaced by
///    the next one everywhere: from then on nobody on this machine can write that batch again.
/// 4. A record is appended only where the reserves stay free: every open file can still be closed, and administrators
///    can still act.
/// 5. After a failed sync nothing is appended any more: what reached the disk is unknown.
///
/// Lock order: `lock` alone; nothing is called under it that waits for another lock, and no sync is made under it.
///
/// `@unchecked`: everything that changes is guarded by `lock`.
package final class Journal: JournalSink, @unchecked Sendable {
    package let stream: StreamID
    package let folder: FolderID
    package let device: DeviceID
    let limits: JournalLimits
    let clock: any Clock
    let spool: DirectoryHandle
    /// The stream's own directory; its flock(2) says that a writer is at work.
    let directory: DirectoryHandle
    let streamKeys: StreamKeys
    let readingKeys: ReadingKeys
    let signingKey: Ed25519PrivateKey
    let genesis: [UInt8]

    let lock = Lock()
    /// The commit thread waits here for work, appenders wait at `progress` for the commit thread.
    let work = Condition()
    let progress = Condition()
    private var thread: Thread?

    // What follows is guarded by `lock`.
    var mode: JournalMode
    var current: WritableSegment
    var offset = JournalFormat.headerByteCount
    var spare: WritableSegment?
    /// Full segments whose content no sync has covered yet, with the end of their frames.
    var retired: [(segment: WritableSegment, end: Int)] = []
    let counters: MappedFile
    var sequence: UInt64 = 0
    /// Sequence that the newest commit frame covers.
    var committedSequence: UInt64 = 0
    /// Commit frames written; the MAC key's epoch lags one behind while a commit is on its way to disk.
    var commitCount: UInt64 = 0
    var macKey: SecretBytes
    var epoch: UInt64 = 0
    /// Counts appends and counted denials: what `durableTicket` has reached is on disk.
    var ticket: UInt64 = 0
    var durableTicket: UInt64 = 0
    /// How many waited for the last commit, and the ticket at which as many wait for the next.
    var lastGroupCount: UInt64 = 0
    var expectedTicket: UInt64 = 0
    var areCountersDirty = false
    var isSlotDirty = false
    var isThreadIdle = false
    var isUrgent = false
    var isSpareWanted = false
    var isSpareRefused = false
    var isStopping = false
    var isAbandoned = false
    var isClosed = false
    var failure: JournalError?
    var denials: DenialTable
    /// Bytes promised to the close records of open files.
    var closeReserve = 0
    /// Bytes promised to records of what is being done.
    var reservedByteCount = 0
    /// Bytes of the folder's other segments, as last counted.
    var otherByteCount: UInt64 = 0
    var nextPruneNanoseconds: UInt64 = 0
    /// What was refused for want of room since there last was some, and has no record.
    var refused = RefusalCount()
    /// The newest root of the folder's index that is known to be durable, and whether the next record names it.
    private var indexRoot: IndexMark?
    var isIndexRootDue = false

    /// Scratch memory of the appender that holds the lock.
    private let plain = UnsafeMutableRawBufferPointer.allocate(
        byteCount: JournalFormat.maxRecordByteCount, alignment: 16)
    private let salts = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
    private var saltOffset = 4_096
    private let nonce = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
    private let hash = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 16)

    /// Starts a new stream in the spool `directory`. Streams of the folder whose writer was killed are ended first;
    /// what they lost is recorded in the new one.
    ///
    /// `expecting` is the head that the folder's index knew (`head`): where the spool ends before it, the gap is
    /// recorded. `bootID` is the kernel's unless a test says otherwise. The caller drops `keys` afterwards.
    package init(
        directory spool: DirectoryHandle, keys: JournalKeys, folder: FolderID, device: DeviceID,
        mode: JournalMode = .normal, limits: JournalLimits = JournalLimits(), clock: any Clock,
        expecting: JournalMark? = nil, bootID: [UInt8]? = nil
    ) throws(JournalError) {
        let bootID = bootID ?? BootID.current()
        let taken = try StreamTakeover.run(spool, keys: keys, folder: folder, bootID: bootID, expecting: expecting)
        let start = try StreamStart.make(
            in: spool, keys: keys, folder: folder, device: device, mode: mode, limits: limits, clock: clock,
            bootID: bootID, parents: taken.parents)
        self.stream = start.stream
        self.folder = folder
        self.device = device
        self.mode = mode
        self.limits = limits
        self.clock = clock
        self.spool = spool
        self.directory = start.directory
        self.streamKeys = start.keys
        var readingKeys = ReadingKeys(keys)
        // From here on this process must not be able to vouch for a stream, or to read another folder's.
        readingKeys.restrict(to: folder)
        self.readingKeys = readingKeys
        self.signingKey = keys.signingKey
        self.genesis = start.genesis
        self.current = start.segment
        self.counters = start.counters
        self.macKey = start.macKey
        self.denials = DenialTable(
            groupsPerUID: limits.denialGroupsPerUID, windowNanoseconds: limits.denialWindowNanoseconds)
        SecureRandom.fill(nonce)
        start.genesisHash.withUnsafeBytes { hash.copyMemory(from: $0) }
        otherByteCount = taken.byteCount
        indexRoot = taken.indexRoot
        isIndexRootDue = indexRoot != nil
        try record(taken)
        self.thread = Thread.start(name: "journal") { [self] in run() }
    }

    deinit {
        plain.deallocate()
        salts.deallocate()
        nonce.deallocate()
        hash.deallocate()
    }

    /// Writes what the takeover of earlier streams found, before anything else is appended.
    private func record(_ taken: StreamTakeover.Outcome) throws(JournalError) {
        lock.lock()
        defer { lock.unlock() }
        for event in taken.events { try appendLocked(event, isOwnThread: true) }
        for denial in taken.denials {
            try appendLocked(denial.event, repeats: denial.repeats, isOwnThread: true)
        }
        if sequence > 0 { try commitLocked([]) }
        StreamTakeover.clean(taken, in: spool)
    }

    // MARK: JournalSink

    /// In the path of every audited operation: no allocation, no wait for the disk in normal mode.
    package func append(_ event: AuditEvent) throws(JournalError) {
        lock.lock()
        defer { lock.unlock() }
        try check(event)
        if event.activity == .denied {
            try appendDenial(event)
        } else {
            try appendLocked(event)
        }
        // close(2) has returned when the driver hears of it: nobody waits, and others must not for it.
        if event.activity != .close { try waitIfStrict() }
    }

    package func reserve(_ event: AuditEvent) throws(JournalError) -> JournalReservation {
        lock.lock()
        defer { lock.unlock() }
        try check(event)
        let bound = JournalFormat.frameByteCount(plain: RecordEncoder.bound(event))
        try makeRoom(bound, isPrivileged: event.isAdministrative, isOwnThread: false)
        reservedByteCount += bound
        return JournalReservation(byteCount: bound)
    }

    /// As `append`, from the room that was kept for it.
    package func append(_ event: AuditEvent, using reservation: JournalReservation) throws(JournalError) {
        lock.lock()
        defer { lock.unlock() }
        reservedByteCount -= reservation.byteCount
        if let failure { throw failure }
        if isClosed || isStopping { throw .closed }
        try appendLocked(event, isReserved: true)
        try waitIfStrict()
    }

    package func release(_ reservation: JournalReservation) {
        lock.withLock { reservedByteCount -= reservation.byteCount }
    }

    package func sync() throws(JournalError) {
        lock.lock()
        defer { lock.unlock() }
        if isClosed, failure == nil { return }
        try wait(for: ticket)
    }

    package func head() -> JournalMark {
        lock.lock()
        defer { lock.unlock() }
        return JournalMark(stream: stream, sequence: sequence, hash: [UInt8](hash))
    }

    /// The newest root of the folder's index that this journal names: what is older was put back.
    package var newestIndexRoot: IndexMark? { lock.withLock { indexRoot } }

    /// Takes note of a root of the folder's index that is durable. The next record names it, whatever it is about.
    package func noteDurable(_ root: IndexMark) {
        lock.withLock {
            if let indexRoot, root.commit <= indexRoot.commit { return }
            indexRoot = root
            isIndexRootDue = true
        }
    }

    /// Changes when appends return, from the next one on. What was appended before is made durable on the way to
    /// `strict` by the first append that waits.
    package func setMode(_ mode: JournalMode) { lock.withLock { self.mode = mode } }

    /// Ends the stream: a signed checkpoint, a last commit, no key left. Nothing can be appended afterwards.
    package func close() throws(JournalError) {
        lock.lock()
        if isClosed || isStopping {
            lock.unlock()
            return
        }
        isStopping = true
        work.signal()
        lock.unlock()
        thread?.join()
        lock.lock()
        defer {
            isClosed = true
            progress.broadcast()
            lock.unlock()
        }
        if isAbandoned { return }
        if let failure { throw failure }
        try recordCounts(all: true)
        try makeRoom(0, isPrivileged: true, isOwnThread: true)
        try appendCheckpoint(.close)
        try commitLocked(.final)
        do throws(SystemError) {
            try removeLeftovers()
        } catch {
            throw .storage(errno: error.errno)
        }
    }

    /// Stops without ending the stream, as if the process had been killed here; for tests of what comes after.
    package func abandon() {
        lock.lock()
        isAbandoned = true
        isStopping = true
        work.signal()
        lock.unlock()
        thread?.join()
        lock.lock()
        isClosed = true
        lock.unlock()
        flock(directory.descriptor, LOCK_UN)
    }

    // MARK: Appending, under the lock

    private func check(_ event: AuditEvent) throws(JournalError) {
        if let failure { throw failure }
        if isClosed || isStopping { throw .closed }
        guard mode == .strict, event.activity == .open || event.activity == .create, isNearlyFull else { return }
        recordRefusal(of: event)
        throw .full
    }

    func appendLocked(
        _ event: AuditEvent, repeats: JournalRepeats? = nil, isReserved: Bool = false, isOwnThread: Bool = false
    ) throws(JournalError) {
        let bound = JournalFormat.frameByteCount(plain: RecordEncoder.bound(event))
        let isClose = event.activity == .close
        try makeRoom(
            bound, isPrivileged: isReserved || isClose || event.isAdministrative, isOwnThread: isOwnThread)
        try write(event.activity, event.status) { writer in
            RecordEncoder.fields(&writer, of: event)
            if let repeats { RecordEncoder.repeats(&writer, repeats) }
        }
        if isClose {
            closeReserve = max(0, closeReserve - bound)
        } else if event.activity == .open || event.activity == .create, event.status == .success {
            closeReserve = min(closeReserve + bound, limits.segmentByteCount / 4)
        }
    }

    /// Builds the record in scratch memory, seals it into the segment and moves the chain on.
    @inline(__always)
    func write(_ activity: AuditActivity, _ status: AuditStatus, fields: (inout RawWriter) -> Void)
        throws(JournalError)
    {
        var writer = RawWriter(plain)
        let place = RecordPlace(
            sequence: sequence + 1, time: clock.now(), monotonicNanoseconds: clock.monotonicNanoseconds())
        RecordEncoder.begin(
            &writer, previous: UnsafeRawBufferPointer(hash), salt: nextSalt(), place: place, activity: activity,
            status: status)
        fields(&writer)
        if isIndexRootDue, let indexRoot { RecordEncoder.indexRoot(&writer, indexRoot) }
        if offset == JournalFormat.headerByteCount { RecordEncoder.retention(&writer, limits) }
        let bytes = UnsafeRawBufferPointer(rebasing: plain[..<writer.offset])
        try seal(bytes, kind: .record)
        isIndexRootDue = false
        SHA256.hash(bytes, into: hash)
        sequence += 1
        ticket &+= 1
        noteWork()
    }

    /// Wakes the commit thread where it sleeps, or where the group that it waits for is complete.
    @inline(__always)
    func noteWork() {
        if isThreadIdle || ticket == expectedTicket {
            isThreadIdle = false
            work.signal()
        }
    }

    func seal(_ bytes: UnsafeRawBufferPointer, kind: FrameKind) throws(JournalError) {
        do throws(CryptoError) {
            try FrameSealer.seal(
                bytes, kind: kind, stream: stream, ordinal: current.ordinal, offset: offset, nonce: nextNonce(),
                key: streamKeys.frames, into: current.file.bytes)
        } catch {
            throw .unauthentic(reason: "a record could not be sealed")
        }
        offset += JournalFormat.frameByteCount(plain: bytes.count)
        if offset > limits.segmentByteCount / 2, spare == nil, !isSpareWanted, !isSpareRefused { wantSpare() }
    }

    /// The chain's newest hash; valid while the lock is held.
    var hashBytes: [UInt8] { [UInt8](hash) }
    var hashView: UnsafeRawBufferPointer { UnsafeRawBufferPointer(hash) }

    /// A number used once: random at the start, then counting.
    private func nextNonce() -> UnsafeRawBufferPointer {
        let count = nonce.load(fromByteOffset: 0, as: UInt64.self) &+ 1
        nonce.storeBytes(of: count, toByteOffset: 0, as: UInt64.self)
        return UnsafeRawBufferPointer(rebasing: nonce[..<12])
    }

    private func nextSalt() -> UnsafeRawBufferPointer {
        if saltOffset == salts.count {
            SecureRandom.fill(salts)
            saltOffset = 0
        }
        defer { saltOffset += JournalFormat.saltByteCount }
        return UnsafeRawBufferPointer(rebasing: salts[saltOffset..<saltOffset + JournalFormat.saltByteCount])
    }

    private func waitIfStrict() throws(JournalError) {
        if mode == .strict { try wait(for: ticket) }
    }

    /// Waits until the disk has everything up to `wanted`. All who wait share one commit.
    func wait(for wanted: UInt64) throws(JournalError) {
        while durableTicket < wanted {
            if let failure { throw failure }
            if isClosed || isAbandoned { throw .closed }
            if !isUrgent {
                isUrgent = true
                work.signal()
            }
            progress.wait(lock)
        }
    }
}

extension AuditEvent {
    /// What may use the reserve: acts of administrators, the making and removal of a folder itself among them.
    var isAdministrative: Bool {
        activity.isAdministrative || (activity == .create || activity == .unlink) && place == .top
    }
}

extension AuditActivity {
    /// What an administrator or the journal itself does: it may use the reserve.
    var isAdministrative: Bool {
        switch self {
        case .mount, .unmount, .export, .import, .memberAdded, .memberRemoved, .keyRotated, .policyApplied, .gap,
            .checkpoint,
            .agentStart, .agentStop, .recover, .integrity:
            true
        default: false
        }
    }
}
