package import ArgusCore

/// What the sink adds to an event.
struct RecordPlace {
    var sequence: UInt64
    var time: Timestamp
    var monotonicNanoseconds: UInt64
}

/// How often a denial was repeated after the record that tells of the first.
package struct JournalRepeats: Hashable, Sendable {
    /// Denials that this record stands for; the first one has a record of its own, except where there was no room.
    package var count: UInt64
    /// Sequence of that first record, or of the last before there was no room, and its stream where it is another one.
    package var firstSequence: UInt64
    package var stream: StreamID?
    package var lastTime: Timestamp

    package init(count: UInt64, firstSequence: UInt64, stream: StreamID? = nil, lastTime: Timestamp) {
        self.count = count
        self.firstSequence = firstSequence
        self.stream = stream
        self.lastTime = lastTime
    }
}

/// Writes the plain bytes of a record. It allocates nothing.
enum RecordEncoder {
    /// Previous hash, salt, sequence, time, monotonic clock, activity, status: what every record begins with.
    static let fixedByteCount = 8 + 32 + 16 + 8 + 8 + 4 + 8 + 4

    static let maxNameByteCount = 256
    static let maxProgramByteCount = 4_096
    static let maxPathByteCount = 16_384
    static let maxReasonByteCount = 1_024
    /// Heads of a deleted folder that a record has room for; the realm's own file has all.
    static let maxHeadCount = 512
    /// Stream, sequence, hash.
    static let headByteCount = 16 + 8 + 32

    /// An upper bound of the record's plain bytes.
    static func bound(_ event: AuditEvent) -> Int {
        // Fixed-size fields, the heads of all fields, five marks of truncation, the index's root and a digest that comes to
        // be known meanwhile fit in 384 bytes.
        fixedByteCount + 384
            + min(event.actor.person.utf8.count, maxNameByteCount)
            + event.actor.process.fields.count
            + min(event.place.byteCount, maxPathByteCount) + min(event.secondPlace.byteCount, maxPathByteCount)
            + min(event.reason.utf8.count, maxReasonByteCount) + min(event.capsule.count, 16)
            + (event.folderAct.map { min($0.heads.count, maxHeadCount) * headByteCount } ?? 0)
    }

    /// Writes what every record begins with.
    static func begin(
        _ writer: inout RawWriter, previous: UnsafeRawBufferPointer, salt: UnsafeRawBufferPointer, place: RecordPlace,
        activity: AuditActivity, status: AuditStatus
    ) {
        JournalFormat.recordMagic.withUnsafeBytes { writer.bytes($0) }
        writer.bytes(previous)
        writer.bytes(salt)
        writer.integer(place.sequence)
        writer.integer(place.time.seconds)
        writer.integer(place.time.nanoseconds)
        writer.integer(place.monotonicNanoseconds)
        writer.integer(activity.rawValue)
        writer.integer(status.rawValue)
        writer.integer(UInt8(0))
    }

    /// Writes the fields of `event`.
    static func fields(_ writer: inout RawWriter, of event: AuditEvent) {
        text(&writer, .person, event.actor.person, max: maxNameByteCount)
        number(&writer, .uid, event.actor.uid)
        event.actor.process.fields.withUnsafeBytes { writer.bytes($0) }
        event.actor.process.digest?.bytes.withUnsafeBytes { bytes(&writer, .programDigest, $0, max: 32) }
        if let file = event.fileID {
            head(&writer, .fileID, 16)
            writer.identifier(high: file.high, low: file.low)
        }
        place(&writer, .path, event.place)
        place(&writer, .secondPath, event.secondPlace)
        text(&writer, .reason, event.reason, max: maxReasonByteCount)
        if event.byteCount > 0 { number(&writer, .byteCount, event.byteCount) }
        if let size = event.fileSize { number(&writer, .fileSize, size) }
        event.capsule.withUnsafeBytes { bytes(&writer, .capsule, $0, max: 16) }
        if let copy = event.copy { number(&writer, .copy, copy.rawValue) }
        if let gap = event.gap {
            head(&writer, .gap, 32)
            writer.identifier(high: gap.stream.high, low: gap.stream.low)
            writer.integer(gap.first)
            writer.integer(gap.last)
        }
        if !event.access.isEmpty { number(&writer, .access, event.access.rawValue) }
        if let written = event.writtenByteCount { number(&writer, .writtenByteCount, written) }
        if let folder = event.sourceFolder {
            head(&writer, .sourceFolder, 16)
            writer.identifier(high: folder.high, low: folder.low)
        }
        if let folder = event.destinationFolder {
            head(&writer, .destinationFolder, 16)
            writer.identifier(high: folder.high, low: folder.low)
        }
        if let act = event.folderAct { folderAct(&writer, act) }
    }

    /// The fields of what is done to the realm.
    private static func folderAct(_ writer: inout RawWriter, _ act: FolderAct) {
        head(&writer, .subjectFolder, 16)
        writer.identifier(high: act.folder.high, low: act.folder.low)
        let heads = act.heads.prefix(maxHeadCount)
        guard !heads.isEmpty else { return }
        head(&writer, .subjectHeads, heads.count * headByteCount)
        for mark in heads {
            writer.identifier(high: mark.stream?.high ?? 0, low: mark.stream?.low ?? 0)
            writer.integer(mark.sequence)
            mark.hash.withUnsafeBytes { writer.bytes($0) }
        }
    }

    /// The fields of a process, made once and copied into each of its records.
    static func fields(of process: AuditProcess.Facts) -> [UInt8] {
        let bound =
            128 + min(process.program.utf8.count, maxProgramByteCount)
            + min(process.parentProgram.utf8.count, maxProgramByteCount)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            var writer = RawWriter(UnsafeMutableRawBufferPointer(buffer))
            if process.loginUID != .max { number(&writer, .loginUID, process.loginUID) }
            number(&writer, .pid, process.pid)
            text(&writer, .program, process.program, max: maxProgramByteCount)
            process.programDigest.withUnsafeBytes { bytes(&writer, .programDigest, $0, max: 32) }
            if let session = process.session { number(&writer, .session, session) }
            if let parent = process.parentPID { number(&writer, .parentPID, parent) }
            text(&writer, .parentProgram, process.parentProgram, max: maxProgramByteCount)
            count = writer.offset
        }
    }

    private static func place(_ writer: inout RawWriter, _ type: FieldType, _ place: AuditPlace) {
        guard !place.name.isEmpty else {
            return place.directory.withUnsafeBytes { bytes(&writer, type, $0, max: maxPathByteCount) }
        }
        let count = place.byteCount
        guard count <= maxPathByteCount else {
            return place.path.withUnsafeBytes { bytes(&writer, type, $0, max: maxPathByteCount) }
        }
        head(&writer, type, count)
        place.directory.withUnsafeBytes { writer.bytes($0) }
        writer.integer(UInt8(ascii: "/"))
        place.name.withUnsafeBytes { writer.bytes($0) }
    }

    static func repeats(_ writer: inout RawWriter, _ repeats: JournalRepeats) {
        head(&writer, .repeats, 44)
        writer.integer(repeats.count)
        writer.integer(repeats.firstSequence)
        writer.identifier(high: repeats.stream?.high ?? 0, low: repeats.stream?.low ?? 0)
        writer.integer(repeats.lastTime.seconds)
        writer.integer(repeats.lastTime.nanoseconds)
    }

    static func indexRoot(_ writer: inout RawWriter, _ root: IndexMark) {
        head(&writer, .indexRoot, 24)
        writer.integer(root.commit)
        writer.identifier(high: root.rootTag.high, low: root.rootTag.low)
    }

    static func retention(_ writer: inout RawWriter, _ limits: JournalLimits) {
        head(&writer, .retention, 17)
        writer.integer(limits.spoolByteCount)
        writer.integer(limits.retentionSeconds)
        writer.integer(UInt8(limits.retention == .keepsAll ? 1 : 0))
    }

    static func removed(_ writer: inout RawWriter, _ removals: [JournalRemoval]) {
        guard !removals.isEmpty else { return }
        head(&writer, .removed, removals.count * JournalRemoval.factsByteCount)
        for removal in removals {
            writer.integer(removal.lastTime?.seconds ?? 0)
            writer.integer(removal.lastTime?.nanoseconds ?? 0)
            writer.integer(removal.byteCount ?? 0)
        }
    }

    static func bytes(_ writer: inout RawWriter, _ type: FieldType, _ value: UnsafeRawBufferPointer, max: Int) {
        guard !value.isEmpty else { return }
        let kept = min(value.count, max)
        head(&writer, type, kept)
        writer.bytes(UnsafeRawBufferPointer(rebasing: value[..<kept]))
        if kept < value.count { number(&writer, .truncated, type.rawValue) }
    }

    private static func text(_ writer: inout RawWriter, _ type: FieldType, _ value: String, max: Int) {
        guard !value.isEmpty else { return }
        let done: Void? = value.utf8.withContiguousStorageIfAvailable {
            bytes(&writer, type, UnsafeRawBufferPointer($0), max: max)
        }
        if done == nil { Array(value.utf8).withUnsafeBytes { bytes(&writer, type, $0, max: max) } }
    }

    private static func number<T: FixedWidthInteger & BitwiseCopyable>(
        _ writer: inout RawWriter, _ type: FieldType, _ value: T
    ) {
        head(&writer, type, MemoryLayout<T>.size)
        writer.integer(value)
    }

    private static func head(_ writer: inout RawWriter, _ type: FieldType, _ count: Int) {
        writer.integer(type.rawValue)
        writer.integer(UInt16(count))
    }
}
