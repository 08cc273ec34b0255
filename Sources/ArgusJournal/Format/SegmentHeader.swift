internal import ArgusCore
internal import Glibc

/// The first 4,096 bytes of a segment.
///
/// ```
///     0  magic            8     80  commits before it    8
///     8  version          2     88  genesis byte count   4
///    10  header bytes     2     92  zeros
///    12  ordinal          4    256  key slot A          72
///    16  state            4    328  key slot B          72
///    20  segment bytes    4    400  zeros
///    24  stream          16    512  genesis, then zeros to 4,096
///    40  first sequence   8
///    48  previous hash   32
/// ```
struct SegmentHeader {
    enum State: UInt32 {
        /// Made in advance; holds no frame yet.
        case spare = 0
        case used = 1
    }

    var ordinal: UInt32
    var state: State
    var segmentByteCount: UInt32
    var stream: StreamID
    var firstSequence: UInt64
    var previousHash: [UInt8]
    /// Commit frames of the stream that lie in earlier segments: the epoch of the first commit in this one.
    var commitsBefore: UInt64
    var genesis: [UInt8]

    func encode() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(JournalFormat.segmentMagic)
        writer.integer(JournalFormat.version)
        writer.integer(UInt16(JournalFormat.headerByteCount))
        writer.integer(ordinal)
        writer.integer(state.rawValue)
        writer.integer(segmentByteCount)
        writer.identifier(stream)
        writer.integer(firstSequence)
        writer.append(previousHash)
        writer.integer(commitsBefore)
        writer.integer(UInt32(genesis.count))
        writer.pad(to: JournalFormat.genesisOffset)
        writer.append(genesis)
        writer.pad(to: JournalFormat.headerByteCount)
        return writer.bytes
    }

    /// Checks everything that needs no key: magic, version, bounds, and zeros where zeros belong.
    init(decoding raw: UnsafeRawBufferPointer) throws(JournalError) {
        guard raw.count >= JournalFormat.headerByteCount else { throw Self.malformed }
        var reader = ByteReader(raw)
        do throws(MalformedBytes) {
            guard try reader.bytes(8) == JournalFormat.segmentMagic else { throw MalformedBytes() }
            let version: UInt16 = try reader.integer()
            let headerCount: UInt16 = try reader.integer()
            self.ordinal = try reader.integer()
            let state: UInt32 = try reader.integer()
            self.segmentByteCount = try reader.integer()
            self.stream = try reader.identifier()
            self.firstSequence = try reader.integer()
            self.previousHash = try reader.bytes(32)
            self.commitsBefore = try reader.integer()
            let genesisCount = Int(try reader.integer(UInt32.self))
            guard version == JournalFormat.version, headerCount == JournalFormat.headerByteCount,
                let known = State(rawValue: state), ordinal > 0,
                JournalFormat.segmentByteCounts.contains(Int(segmentByteCount)),
                genesisCount <= JournalFormat.maxGenesisByteCount
            else { throw MalformedBytes() }
            self.state = known
            let end = JournalFormat.genesisOffset + genesisCount
            self.genesis = Array(raw[JournalFormat.genesisOffset..<end])
            guard Self.isZero(raw, 92..<JournalFormat.slotOffsets[0]),
                Self.isZero(raw, JournalFormat.slotOffsets[1] + JournalFormat.slotByteCount..<512),
                Self.isZero(raw, end..<JournalFormat.headerByteCount)
            else { throw MalformedBytes() }
        } catch {
            let version = raw.loadUnaligned(fromByteOffset: 8, as: UInt16.self).littleEndian
            if raw.starts(with: JournalFormat.segmentMagic), version > JournalFormat.version {
                throw .newerFormat(found: UInt32(version), supported: UInt32(JournalFormat.version))
            }
            throw Self.malformed
        }
    }

    init(
        ordinal: UInt32, state: State, segmentByteCount: UInt32, stream: StreamID, firstSequence: UInt64,
        previousHash: [UInt8], commitsBefore: UInt64, genesis: [UInt8]
    ) {
        self.ordinal = ordinal
        self.state = state
        self.segmentByteCount = segmentByteCount
        self.stream = stream
        self.firstSequence = firstSequence
        self.previousHash = previousHash
        self.commitsBefore = commitsBefore
        self.genesis = genesis
    }

    private static let malformed = JournalError.unauthentic(reason: "a segment's header is malformed")

    static func isZero(_ raw: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, let start = raw.baseAddress else { return true }
        // Each byte equals the one before it, and the first is 0.
        return raw[range.lowerBound] == 0
            && memcmp(start + range.lowerBound, start + range.lowerBound + 1, range.count - 1) == 0
    }
}
