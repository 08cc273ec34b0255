/// Numbers and labels of the journal's format, version 1 (docs/formats/journal.md).
package enum JournalFormat {
    package static let version: UInt16 = 1
    /// A record's plain bytes, at most.
    package static let maxRecordByteCount = 65_535
    package static let hashByteCount = 32
    package static let saltByteCount = 16

    static let headerByteCount = 4_096
    static let genesisOffset = 512
    static let maxGenesisByteCount = headerByteCount - genesisOffset
    static let slotOffsets = [256, 328]
    static let slotByteCount = 72

    /// Length, kind, three zero bytes, nonce.
    static let frameHeadByteCount = 20
    static let frameTagByteCount = 16
    static let frameOverhead = frameHeadByteCount + frameTagByteCount
    static let frameAlignment = 8

    static let segmentMagic = Array("ARGJSEG1".utf8)
    static let genesisMagic = Array("ARGJGEN1".utf8)
    static let recordMagic = Array("ARGJREC1".utf8)
    static let commitMagic = Array("ARGJCMT1".utf8)
    static let removalsMagic = Array("ARGJREM2".utf8)
    /// Of lists without times and sizes, as earlier versions wrote them.
    static let olderRemovalsMagic = Array("ARGJREM1".utf8)

    /// Smallest and largest size of a segment in bytes; multiples of 4,096.
    package static let segmentByteCounts = 65_536 * 2...67_108_864

    /// Plain bytes of a commit frame.
    static let commitByteCount = 104
    /// Bytes that a frame with so many plain bytes takes up in a segment, padding included.
    static func frameByteCount(plain: Int) -> Int {
        (plain + frameOverhead + frameAlignment - 1) / frameAlignment * frameAlignment
    }

    /// Room that records leave free at the end of a segment: its checkpoint, a commit of the last batch, the commit
    /// of a clean end, and that of a recovery.
    static let tailReserveByteCount = 1_024
    /// A stream's parents, at most.
    static let maxParentCount = 48

    static func segmentName(_ ordinal: UInt32) -> String {
        let digits = String(ordinal)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits + ".segment"
    }

    static func ordinal(ofSegment name: String) -> UInt32? {
        guard name.hasSuffix(".segment"), let ordinal = UInt32(name.dropLast(8)), ordinal > 0,
            segmentName(ordinal) == name
        else { return nil }
        return ordinal
    }

    static let countersName = "counters"
    /// A segment that is being made.
    static let unfinishedName = ".new-segment"
}

/// What a frame holds.
enum FrameKind: UInt8 {
    case record = 1
    case commit = 2
}

/// The type numbers of a record's fields.
enum FieldType: UInt16 {
    case person = 1
    case uid = 2
    case loginUID = 3
    case pid = 4
    case program = 5
    case programDigest = 6
    case session = 7
    case parentPID = 8
    case parentProgram = 9
    case fileID = 10
    case path = 11
    case secondPath = 12
    case reason = 13
    case byteCount = 14
    case fileSize = 15
    case capsule = 16
    case copy = 17
    /// The value of the field whose type it names was longer; what is recorded is its beginning.
    case truncated = 18
    case repeats = 19
    case gap = 20
    case checkpoint = 21
    case access = 22
    case writtenByteCount = 23
    case sourceFolder = 24
    case destinationFolder = 25
    case indexRoot = 26
    /// Of what is done to the realm, the folder that it is about.
    case subjectFolder = 27
    /// The heads of that folder's journal when it was deleted.
    case subjectHeads = 28
    /// In the first record of each segment: what bounds the spool while it is written.
    case retention = 29
    /// Of a checkpoint that states removals: time of the last record and bytes of each.
    case removed = 30
}
