package import ArgusCore
internal import ArgusCrypto

/// One record as it was read: authenticated, and in its place in the chain.
package struct JournalRecord: Hashable, Sendable {
    package var device: DeviceID
    package var stream: StreamID
    package var folder: FolderID
    package var sequence: UInt64
    package var time: Timestamp
    package var monotonicNanoseconds: UInt64
    package var activityCode: UInt16
    package var status: AuditStatus
    package var actor: AuditActor
    package var fileID: FileID?
    package var path: [UInt8] = []
    package var secondPath: [UInt8] = []
    package var reason = ""
    package var byteCount: UInt64 = 0
    package var fileSize: UInt64?
    package var capsule: [UInt8] = []
    package var copy: CopyEvidence?
    package var access: AuditAccess = []
    package var writtenByteCount: UInt64?
    /// Of a copy between folders, the folder of the end that lies elsewhere.
    package var sourceFolder: FolderID?
    package var destinationFolder: FolderID?
    /// Of what was done to the realm, the folder that it is about; of one that was deleted, the heads of its journal.
    package var subjectFolder: FolderID?
    package var subjectHeads: [JournalMark] = []
    /// Set where this record stands for repeated denials.
    package var repeats: JournalRepeats?
    package var gap: JournalGap?
    package var checkpoint: JournalCheckpoint?
    /// The newest root of the folder's index that was known to be durable, where the record names it.
    package var indexRoot: IndexMark?
    /// In the first record of a segment: what bounds the spool from here on.
    package var retention: JournalRetention?
    /// Fields that this version does not know: covered by the hash, shown by their number.
    package var unknownFields: [UnknownField] = []
    /// Types of the fields whose values were cut.
    package var truncatedFields: [UInt16] = []
    package var previousHash: [UInt8]
    package var salt: [UInt8]
    package var hash: [UInt8]

    package struct UnknownField: Hashable, Sendable {
        package var type: UInt16
        package var value: [UInt8]
    }

    package var activity: AuditActivity? { AuditActivity(rawValue: activityCode) }
    package var activityName: String { activity?.name ?? "activity-\(activityCode)" }

    /// Parses the plain bytes of a record; the one parser there is.
    init(decoding plain: [UInt8], in genesis: JournalGenesis) throws(MalformedBytes) {
        self.device = genesis.device
        self.stream = genesis.stream
        self.folder = genesis.folder
        self.actor = AuditActor(uid: .max, person: "", process: .none)
        self.sequence = 0
        self.time = .epoch
        self.monotonicNanoseconds = 0
        self.activityCode = 0
        self.status = .failure
        self.previousHash = []
        self.salt = []
        self.hash = SHA256.hash(plain)
        self = try plain.withBytes { raw throws(MalformedBytes) in
            var record = self
            try record.read(raw)
            return record
        }
    }

    private mutating func read(_ raw: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(raw)
        guard raw.count <= JournalFormat.maxRecordByteCount, try reader.bytes(8) == JournalFormat.recordMagic else {
            throw MalformedBytes()
        }
        previousHash = try reader.bytes(32)
        salt = try reader.bytes(JournalFormat.saltByteCount)
        sequence = try reader.integer()
        time = Timestamp(seconds: try reader.integer(), nanoseconds: try reader.integer())
        monotonicNanoseconds = try reader.integer()
        activityCode = try reader.integer()
        guard let status = AuditStatus(rawValue: try reader.integer()), try reader.integer(UInt8.self) == 0 else {
            throw MalformedBytes()
        }
        self.status = status
        var process = AuditProcess.Facts()
        while reader.remaining > 0 {
            let type: UInt16 = try reader.integer()
            let count = Int(try reader.integer(UInt16.self))
            try readField(type, try reader.slice(count), &process)
        }
        actor.process = AuditProcess(process)
    }

    private mutating func readField(
        _ type: UInt16, _ value: UnsafeRawBufferPointer, _ process: inout AuditProcess.Facts
    ) throws(MalformedBytes) {
        var reader = ByteReader(value)
        switch FieldType(rawValue: type) {
        case .person: actor.person = try Self.text(&reader)
        case .uid: actor.uid = try reader.integer()
        case .loginUID: process.loginUID = try reader.integer()
        case .pid: process.pid = try reader.integer()
        case .program: process.program = try Self.text(&reader)
        case .programDigest: process.programDigest = try reader.bytes(value.count)
        case .session: process.session = try reader.integer()
        case .parentPID: process.parentPID = try reader.integer()
        case .parentProgram: process.parentProgram = try Self.text(&reader)
        case .fileID: fileID = try reader.identifier()
        case .path: path = try reader.bytes(value.count)
        case .secondPath: secondPath = try reader.bytes(value.count)
        case .reason: reason = try Self.text(&reader)
        case .byteCount: byteCount = try reader.integer()
        case .fileSize: fileSize = try reader.integer()
        case .capsule: capsule = try reader.bytes(value.count)
        case .copy:
            guard let known = CopyEvidence(rawValue: try reader.integer()) else { throw MalformedBytes() }
            copy = known
        case .access: access = AuditAccess(rawValue: try reader.integer())
        case .writtenByteCount: writtenByteCount = try reader.integer()
        case .sourceFolder: sourceFolder = try reader.identifier()
        case .destinationFolder: destinationFolder = try reader.identifier()
        case .subjectFolder: subjectFolder = try reader.identifier()
        case .subjectHeads:
            while reader.remaining > 0 {
                subjectHeads.append(
                    JournalMark(
                        stream: try reader.identifier(), sequence: try reader.integer(), hash: try reader.bytes(32)))
            }
        case .truncated: truncatedFields.append(try reader.integer())
        case .repeats:
            let count: UInt64 = try reader.integer()
            let first: UInt64 = try reader.integer()
            let stream: StreamID = try reader.identifier()
            let time = Timestamp(seconds: try reader.integer(), nanoseconds: try reader.integer())
            repeats = JournalRepeats(
                count: count, firstSequence: first, stream: stream == StreamID(high: 0, low: 0) ? nil : stream,
                lastTime: time)
        case .gap:
            gap = JournalGap(
                stream: try reader.identifier(), first: try reader.integer(), last: try reader.integer())
        case .checkpoint:
            checkpoint = try JournalCheckpoint(decoding: try reader.slice(value.count))
        case .indexRoot:
            indexRoot = IndexMark(commit: try reader.integer(), rootTag: try reader.identifier())
        case .retention: retention = try JournalRetention(&reader)
        case .removed:
            // It follows the checkpoint that it belongs to.
            guard var stated = checkpoint, value.count == stated.removals.count * JournalRemoval.factsByteCount else {
                throw MalformedBytes()
            }
            for place in stated.removals.indices { try stated.removals[place].readFacts(&reader) }
            checkpoint = stated
        case nil:
            unknownFields.append(UnknownField(type: type, value: try reader.bytes(value.count)))
        }
        guard reader.remaining == 0 else { throw MalformedBytes() }
    }

    /// Text that the writer cut in the middle of a character is shown with U+FFFD.
    private static func text(_ reader: inout ByteReader) throws(MalformedBytes) -> String {
        String(decoding: try reader.slice(reader.remaining), as: UTF8.self)
    }
}
