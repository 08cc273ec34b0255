internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// The keys at hand for reading: the auditor has all; who takes a stream over has no audit key; a running driver, which
/// reads only what it is about to remove, has no genesis key either.
struct ReadingKeys: Sendable {
    /// Nil: the keys at hand are those of `folder` alone.
    private var sealingKey: SecretBytes?
    private var folder: FolderJournalKey?
    var signingPublicKey: [UInt8]
    var genesisKey: SecretBytes?
    var auditKey: X25519PrivateKey?

    init(_ keys: JournalAuditKeys) {
        self.sealingKey = keys.sealingKey
        self.signingPublicKey = keys.signingPublicKey
        self.genesisKey = keys.genesisKey
        self.auditKey = keys.auditKey
    }

    init(_ keys: JournalKeys) {
        self.sealingKey = keys.sealingKey
        self.signingPublicKey = keys.signingKey.publicKey
        self.genesisKey = keys.genesisKey
        self.auditKey = nil
    }

    /// Leaves only what reading the records of one folder takes. A running driver keeps no more: it vouches for no
    /// stream and reads no other folder's records.
    mutating func restrict(to folder: FolderID) {
        self.folder = folderKey(folder)
        sealingKey = nil
        genesisKey = nil
        auditKey = nil
    }

    /// Nil for a folder that these keys do not open.
    func folderKey(_ folder: FolderID) -> FolderJournalKey? {
        if let sealingKey { return FolderJournalKey(sealingKey: sealingKey, folder: folder) }
        return self.folder?.folder == folder ? self.folder : nil
    }
}

/// Reads one stream from its first segment on and checks every byte on the way: the only parser of the journal.
///
/// A record is handed out after its batch's commit was checked; those of the open batch at the end, where the chain and
/// the seals vouch for them. `readMore` goes on where it stopped, for a reader that follows a live stream.
final class StreamReader {
    let stream: StreamID
    let directory: DirectoryHandle
    let genesis: JournalGenesis
    let genesisHash: [UInt8]
    let keys: ReadingKeys
    private let genesisBlock: [UInt8]
    let streamKeys: StreamKeys

    /// The first segment that is there, and what its header says came before.
    let firstOrdinal: UInt32
    let startSequence: UInt64
    let startHash: [UInt8]

    private(set) var ordinal: UInt32
    private(set) var offset = JournalFormat.headerByteCount
    private(set) var sequence: UInt64
    private(set) var hash: [UInt8]
    /// Commits passed so far: the epoch of the next one.
    private(set) var commitCount: UInt64
    /// Records covered by a commit.
    private(set) var committedSequence: UInt64
    private(set) var isFinal = false
    private(set) var wasRecovered = false
    /// The key slot of the segment that was read last.
    private(set) var slot: (epoch: UInt64, key: SecretBytes)?
    /// Something follows the last whole frame that is no frame: a write that was cut short.
    private(set) var hasTornTail = false
    /// The stream has ended, but a crash kept its key from being wiped.
    private(set) var hasKeyLeft = false
    /// As the newest segment that was read states it; nil in streams of earlier versions.
    private(set) var retention: JournalRetention?
    private var key: SecretBytes?
    private var previousKey: SecretBytes?
    private var pending: [JournalRecord] = []
    private var deliveredPendingCount = 0

    /// Where reading begins. But for `oldest`, what that segment's header says of the records before is taken as it is;
    /// the MAC of the first batch in it shows whether it is true, where the audit key is at hand.
    enum Start {
        case oldest
        /// The newest segment in use.
        case newest
        case at(UInt32)
    }

    /// Opens the stream in `directory`, which is named by its id.
    init(directory: DirectoryHandle, stream: StreamID, keys: ReadingKeys, from start: Start = .oldest)
        throws(JournalFinding)
    {
        self.stream = stream
        self.directory = directory
        self.keys = keys
        let chosen = try Self.choose(start, directory, stream)
        let header = chosen.header
        guard header.state == .used, header.stream == stream else {
            throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .headerMismatch)
        }
        do throws(JournalError) {
            self.genesis = try JournalGenesis(decoding: header.genesis)
        } catch {
            throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .malformedGenesis)
        }
        self.genesisBlock = header.genesis
        self.genesisHash = SHA256.hash(header.genesis)
        let isVouchedFor = keys.genesisKey.map { JournalGenesis.isAuthentic(header.genesis, genesisKey: $0) } ?? true
        guard isVouchedFor, genesis.stream == stream else {
            throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .foreignGenesis)
        }
        guard genesis.signingPublicKey == keys.signingPublicKey else {
            throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .foreignSigner)
        }
        guard let folderKey = keys.folderKey(genesis.folder) else {
            throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .foreignGenesis)
        }
        self.streamKeys = StreamKeys(folderKey, stream: stream, device: genesis.device)
        self.ordinal = chosen.ordinal
        self.firstOrdinal = chosen.ordinal
        if chosen.ordinal == 1 {
            self.startSequence = 0
            self.startHash = genesisHash
            self.commitCount = 0
        } else {
            guard header.firstSequence > 0 else {
                throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .headerMismatch)
            }
            self.startSequence = header.firstSequence - 1
            self.startHash = header.previousHash
            self.commitCount = header.commitsBefore
        }
        self.sequence = startSequence
        self.hash = startHash
        self.committedSequence = startSequence
        if let auditKey = keys.auditKey {
            do throws(CryptoError) {
                var key = try MACKey.open(genesis.keyBox, with: auditKey, stream: stream)
                var epoch: UInt64 = 0
                while epoch < commitCount {
                    previousKey = key
                    key = MACKey.next(after: key)
                    epoch += 1
                }
                self.key = key
            } catch {
                throw JournalFinding(stream: stream, segment: chosen.ordinal, reason: .keyBoxUnauthentic)
            }
        }
    }

    private static func choose(_ start: Start, _ directory: DirectoryHandle, _ stream: StreamID)
        throws(JournalFinding) -> (ordinal: UInt32, header: SegmentHeader)
    {
        if case .at(let ordinal) = start { return (ordinal, try header(directory, stream, ordinal)) }
        let ordinals = try ordinals(directory, stream)
        guard let first = ordinals.first else { throw JournalFinding(stream: stream, reason: .segmentMissing(1)) }
        if case .newest = start {
            for ordinal in ordinals.reversed() {
                let header = try header(directory, stream, ordinal)
                if header.state == .used { return (ordinal, header) }
            }
        }
        return (first, try header(directory, stream, first))
    }

    static func ordinals(_ directory: DirectoryHandle, _ stream: StreamID) throws(JournalFinding) -> [UInt32] {
        do throws(SystemError) {
            return try directory.names().compactMap(JournalFormat.ordinal(ofSegment:)).sorted()
        } catch {
            throw JournalFinding(stream: stream, reason: .storage(errno: error.errno))
        }
    }

    static func header(_ directory: DirectoryHandle, _ stream: StreamID, _ ordinal: UInt32) throws(JournalFinding)
        -> SegmentHeader
    {
        var bytes = [UInt8](repeating: 0, count: JournalFormat.headerByteCount)
        do throws(SystemError) {
            let descriptor = try directory.open(JournalFormat.segmentName(ordinal), flags: O_RDONLY)
            let (count, cause) = bytes.withUnsafeMutableBytes {
                (pread(descriptor.rawValue, $0.baseAddress, $0.count, 0), errno)
            }
            if count < 0 { throw SystemError(errno: cause, call: "pread(2)") }
            if count < bytes.count { bytes.removeAll() }
        } catch {
            throw JournalFinding(stream: stream, segment: ordinal, reason: .storage(errno: error.errno))
        }
        return try parse(bytes, stream, ordinal)
    }

    private static func parse(_ bytes: [UInt8], _ stream: StreamID, _ ordinal: UInt32) throws(JournalFinding)
        -> SegmentHeader
    {
        do throws(JournalError) {
            let header = try bytes.withBytes { raw throws(JournalError) in try SegmentHeader(decoding: raw) }
            guard header.ordinal == ordinal else {
                throw JournalError.unauthentic(reason: "a segment has another one's name")
            }
            return header
        } catch {
            if case .newerFormat(let found, _) = error {
                throw JournalFinding(stream: stream, segment: ordinal, reason: .newerFormat(found))
            }
            throw JournalFinding(stream: stream, segment: ordinal, reason: .malformedHeader)
        }
    }

    /// Reads all there is from here on and hands out what is verified; false where `body` wanted no more.
    ///
    /// `isLive`: a writer has the stream open, so that its end may move. `mayBeTorn`: the machine may have lost power,
    /// so that the open batch may be broken.
    @discardableResult
    func readMore(
        isLive: Bool, mayBeTorn: Bool, includingOpenBatch: Bool = true, _ body: (JournalRecord) -> Bool
    ) throws(JournalFinding) -> Bool {
        while true {
            switch try readStep(isLive: isLive, mayBeTorn: mayBeTorn, body) {
            case .stopped: return false
            case .segmentEnded: continue
            case .streamEnded: return includingOpenBatch ? deliverPending(body, isCommitted: false) : true
            }
        }
    }

    /// The last record of the segment that reading begins with, told by its seal alone.
    func lastRecord(in bytes: [UInt8]) throws(MalformedBytes) -> JournalRecord {
        try bytes.withBytes { raw throws(MalformedBytes) in
            var newest: Int?
            var next = JournalFormat.headerByteCount
            while next + JournalFormat.frameHeadByteCount <= raw.count {
                let length = Int(raw.loadUnaligned(fromByteOffset: next, as: UInt32.self).littleEndian)
                guard length > JournalFormat.frameOverhead else { break }
                if raw[next + 4] == FrameKind.record.rawValue { newest = next }
                next += JournalFormat.frameByteCount(plain: length - JournalFormat.frameOverhead)
            }
            guard let newest,
                case .frame(.record, let plain, _) = FrameSealer.open(
                    raw, at: newest, stream: stream, ordinal: ordinal, key: streamKeys.frames)
            else { throw MalformedBytes() }
            return try JournalRecord(decoding: plain, in: genesis)
        }
    }

    enum Progress { case stopped, streamEnded, segmentEnded }

    /// Reads to the end of one segment; at `segmentEnded` another one follows.
    func readStep(isLive: Bool, mayBeTorn: Bool, _ body: (JournalRecord) -> Bool) throws(JournalFinding) -> Progress {
        let bytes = try load(ordinal)
        let progress = try bytes.withBytes { raw throws(JournalFinding) in
            try readSegment(raw, isLive: isLive, mayBeTorn: mayBeTorn, body)
        }
        if progress == .segmentEnded {
            ordinal += 1
            offset = JournalFormat.headerByteCount
        }
        return progress
    }

    /// Hands out the records of the open batch, which no commit covers yet.
    @discardableResult
    func readOpenBatch(_ body: (JournalRecord) -> Bool) -> Bool { deliverPending(body, isCommitted: false) }

    private func load(_ ordinal: UInt32) throws(JournalFinding) -> [UInt8] {
        do throws(SystemError) {
            return try directory.readFile(
                JournalFormat.segmentName(ordinal), maxByteCount: JournalFormat.segmentByteCounts.upperBound)
        } catch {
            throw finding(error.errno == ENOENT ? .segmentMissing(ordinal) : .storage(errno: error.errno))
        }
    }

    private func readSegment(
        _ raw: UnsafeRawBufferPointer, isLive: Bool, mayBeTorn: Bool, _ body: (JournalRecord) -> Bool
    ) throws(JournalFinding) -> Progress {
        guard raw.count >= JournalFormat.headerByteCount else { throw finding(.malformedHeader) }
        let isFresh = offset == JournalFormat.headerByteCount
        let header = try Self.parse(Array(raw[..<JournalFormat.headerByteCount]), stream, ordinal)
        guard header.genesis == genesisBlock, header.stream == stream, header.state == .used,
            header.segmentByteCount == genesis.segmentByteCount, raw.count <= Int(header.segmentByteCount)
        else { throw finding(.headerMismatch) }
        if isFresh {
            guard header.firstSequence == sequence + 1, header.previousHash == hash,
                header.commitsBefore == commitCount
            else { throw finding(.headerMismatch) }
        }
        // The slot was read before the frames below, so every batch before its epoch must be among them.
        slot = KeySlot.read(raw, slots: streamKeys.slots, ordinal: ordinal)
        if let slot, slot.epoch + 1 == commitCount, let previousKey, !slot.key.isEqual(to: previousKey) {
            throw finding(.keySlotMismatch)
        }
        hasTornTail = false
        var endsSegment = false
        while true {
            if let slot, slot.epoch == commitCount, let key, !slot.key.isEqual(to: key) {
                throw finding(.keySlotMismatch)
            }
            switch FrameSealer.open(raw, at: offset, stream: stream, ordinal: ordinal, key: streamKeys.frames) {
            case .nothing:
                return try endOfFrames(raw, isLive: isLive, mayBeTorn: mayBeTorn, endsSegment: endsSegment)
            case .malformed, .unauthentic:
                let isOpenBatch = slot.map { $0.epoch <= commitCount } ?? false
                guard !isFinal, !isLive, mayBeTorn, isOpenBatch else {
                    throw finding(isFinal ? .framesAfterEnd : .frameUnauthentic, sequence: sequence + 1)
                }
                hasTornTail = true
                return .streamEnded
            case .frame(let kind, let plain, let end):
                guard !isFinal else { throw finding(.framesAfterEnd) }
                switch kind {
                case .record:
                    endsSegment = try readRecord(plain)
                case .commit:
                    try readCommit(plain)
                    offset = end
                    guard deliverPending(body, isCommitted: true) else { return .stopped }
                }
                offset = end
            }
        }
    }

    private func readRecord(_ plain: [UInt8]) throws(JournalFinding) -> Bool {
        let record: JournalRecord
        do throws(MalformedBytes) {
            record = try JournalRecord(decoding: plain, in: genesis)
        } catch {
            throw finding(.malformedRecord, sequence: sequence + 1)
        }
        guard record.sequence == sequence + 1 else {
            throw finding(.sequenceBroken(expected: sequence + 1), sequence: record.sequence)
        }
        guard record.previousHash == hash else { throw finding(.chainBroken, sequence: record.sequence) }
        if let checkpoint = record.checkpoint {
            let signed = JournalCheckpoint.signedBytes(
                stream: stream, previous: (sequence, hash), purpose: checkpoint.purpose, ordinal: checkpoint.ordinal,
                removals: checkpoint.removals)
            guard checkpoint.ordinal == ordinal,
                Ed25519.verify(checkpoint.signature, signed, keys.signingPublicKey)
            else { throw finding(.checkpointSignature, sequence: record.sequence) }
        }
        sequence = record.sequence
        hash = record.hash
        retention = record.retention ?? retention
        pending.append(record)
        return record.checkpoint?.purpose == .segmentEnd
    }

    private func readCommit(_ plain: [UInt8]) throws(JournalFinding) {
        let commit: CommitFrame
        do throws(MalformedBytes) {
            commit = try plain.withBytes { raw throws(MalformedBytes) in try CommitFrame(decoding: raw) }
        } catch {
            throw finding(.malformedFrame, sequence: sequence)
        }
        guard commit.epoch == commitCount else {
            throw finding(.commitOutOfOrder(expected: commitCount), sequence: firstUncommitted)
        }
        guard commit.sequence == sequence, commit.hash == hash else {
            throw finding(.commitMismatch, sequence: firstUncommitted)
        }
        if let key {
            guard commit.isAuthentic(stream: stream, key: key) else {
                throw finding(.macMismatch(epoch: commit.epoch), sequence: firstUncommitted)
            }
            previousKey = key
            self.key = MACKey.next(after: key)
        }
        commitCount += 1
        committedSequence = sequence
        isFinal = commit.flags.contains(.final)
        wasRecovered = commit.flags.contains(.recovered)
    }

    /// Hash of the record `committedSequence`.
    var committedHash: [UInt8] { pending.first?.previousHash ?? hash }

    private var firstUncommitted: UInt64 { committedSequence + (committedSequence < sequence ? 1 : 0) }

    private func endOfFrames(
        _ raw: UnsafeRawBufferPointer, isLive: Bool, mayBeTorn: Bool, endsSegment: Bool
    ) throws(JournalFinding) -> Progress {
        let isRestZero = SegmentHeader.isZero(raw, min(offset, raw.count)..<raw.count)
        if isFinal {
            guard isRestZero else { throw finding(.bytesAfterEnd) }
            guard isSlotClean(raw) else { throw finding(.keySlotMismatch) }
            hasKeyLeft = !KeySlot.isWiped(raw)
            if let last = try Self.ordinals(directory, stream).last, last > ordinal,
                try Self.header(directory, stream, last).state == .used
            {
                throw finding(.framesAfterEnd)
            }
            return .streamEnded
        }
        if try hasNextSegment() {
            guard isRestZero else { throw finding(.bytesAfterEnd) }
            guard isSlotClean(raw) else { throw finding(.keySlotMismatch) }
            return .segmentEnded
        }
        if endsSegment || lastRecordEndsSegment, !isLive, slot == nil {
            throw finding(.segmentMissing(ordinal + 1), sequence: sequence + 1)
        }
        guard let slot else { throw finding(.keySlotMissing, sequence: sequence + 1) }
        guard slot.epoch <= commitCount else {
            throw finding(.endCut(batches: commitCount, keyEpoch: slot.epoch), sequence: sequence + 1)
        }
        hasTornTail = !isRestZero
        return .streamEnded
    }

    private var lastRecordEndsSegment: Bool { pending.last?.checkpoint?.purpose == .segmentEnd }

    private func isSlotClean(_ raw: UnsafeRawBufferPointer) -> Bool {
        KeySlot.isClean(raw, slots: streamKeys.slots, ordinal: ordinal)
    }

    private func hasNextSegment() throws(JournalFinding) -> Bool {
        let next = ordinal + 1
        let ordinals = try Self.ordinals(directory, stream)
        if ordinals.contains(next) {
            return try Self.header(directory, stream, next).state == .used
        }
        if let later = ordinals.first(where: { $0 > next }) {
            throw finding(.segmentMissing(later - 1), sequence: sequence + 1)
        }
        return false
    }

    private func deliverPending(_ body: (JournalRecord) -> Bool, isCommitted: Bool) -> Bool {
        for record in pending[deliveredPendingCount...] {
            deliveredPendingCount += 1
            if !body(record) { return false }
        }
        if isCommitted {
            pending.removeAll(keepingCapacity: true)
            deliveredPendingCount = 0
        }
        return true
    }

    private func finding(_ reason: JournalFinding.Reason, sequence: UInt64? = nil) -> JournalFinding {
        JournalFinding(stream: stream, segment: ordinal, sequence: sequence, reason: reason)
    }
}
