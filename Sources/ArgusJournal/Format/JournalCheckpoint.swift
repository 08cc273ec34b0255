package import ArgusCore
internal import ArgusCrypto

/// What a stream has removed, or ends with, signed: the field of a `checkpoint` record.
///
/// The signature (Ed25519) covers the stream, the sequence of the record before and its hash, and so everything
/// written before: someone who has no MAC key and cannot open records can check how far a stream had come.
package struct JournalCheckpoint: Hashable, Sendable {
    package enum Purpose: UInt8, Sendable {
        /// The segment is full; the next one goes on.
        case segmentEnd = 1
        /// The stream ends here.
        case close = 2
        /// Old segments are about to be removed.
        case removal = 3
    }

    package var purpose: Purpose
    /// The segment that holds this record.
    package var ordinal: UInt32
    /// Set for `removal`.
    package var removals: [JournalRemoval]
    package var signature: [UInt8]

    static let fixedByteCount = 1 + 4 + 2 + 64
    static let maxRemovalCount = 16

    /// The bytes that are signed.
    static func signedBytes(
        stream: StreamID, previous: (sequence: UInt64, hash: [UInt8]), purpose: Purpose, ordinal: UInt32,
        removals: [JournalRemoval]
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("argus journal checkpoint v1".utf8)
        writer.identifier(stream)
        writer.integer(previous.sequence)
        writer.append(previous.hash)
        writer.append(body(purpose: purpose, ordinal: ordinal, removals: removals))
        return writer.bytes
    }

    static func body(purpose: Purpose, ordinal: UInt32, removals: [JournalRemoval]) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(purpose.rawValue)
        writer.integer(ordinal)
        writer.integer(UInt16(removals.count))
        for removal in removals { removal.encode(&writer) }
        return writer.bytes
    }

    var body: [UInt8] { Self.body(purpose: purpose, ordinal: ordinal, removals: removals) }

    init(purpose: Purpose, ordinal: UInt32, removals: [JournalRemoval], signature: [UInt8]) {
        self.purpose = purpose
        self.ordinal = ordinal
        self.removals = removals
        self.signature = signature
    }

    init(decoding bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(bytes)
        guard let purpose = Purpose(rawValue: try reader.integer(UInt8.self)) else { throw MalformedBytes() }
        self.purpose = purpose
        self.ordinal = try reader.integer()
        let count = Int(try reader.integer(UInt16.self))
        guard count <= Self.maxRemovalCount else { throw MalformedBytes() }
        var removals: [JournalRemoval] = []
        for _ in 0..<count { removals.append(try JournalRemoval(&reader)) }
        self.removals = removals
        self.signature = try reader.bytes(64)
        guard reader.remaining == 0 else { throw MalformedBytes() }
    }
}

/// Segments of a stream that were removed: all up to `throughOrdinal`, whose newest record was `sequence`.
package struct JournalRemoval: Hashable, Sendable {
    package var stream: StreamID
    package var throughOrdinal: UInt32
    package var sequence: UInt64
    package var hash: [UInt8]
    /// Nothing of the stream is left.
    package var isWhole: Bool
    /// Of that newest record, and the bytes that this removal freed; nil where it is not known. Neither is signed: they
    /// stand beside the removal in its record and in the list.
    package var lastTime: Timestamp?
    package var byteCount: UInt64?

    static let factsByteCount = 20

    func encode(_ writer: inout ByteWriter) {
        writer.identifier(stream)
        writer.integer(throughOrdinal)
        writer.integer(sequence)
        writer.append(hash)
        writer.integer(UInt8(isWhole ? 1 : 0))
    }

    func encodeFacts(_ writer: inout ByteWriter) {
        writer.integer(lastTime?.seconds ?? 0)
        writer.integer(lastTime?.nanoseconds ?? 0)
        writer.integer(byteCount ?? 0)
    }

    mutating func readFacts(_ reader: inout ByteReader) throws(MalformedBytes) {
        let time = Timestamp(seconds: try reader.integer(), nanoseconds: try reader.integer())
        let bytes: UInt64 = try reader.integer()
        lastTime = time == .epoch ? nil : time
        byteCount = bytes == 0 ? nil : bytes
    }

    init(
        stream: StreamID, throughOrdinal: UInt32, sequence: UInt64, hash: [UInt8], isWhole: Bool,
        lastTime: Timestamp? = nil, byteCount: UInt64? = nil
    ) {
        self.lastTime = lastTime
        self.byteCount = byteCount
        self.stream = stream
        self.throughOrdinal = throughOrdinal
        self.sequence = sequence
        self.hash = hash
        self.isWhole = isWhole
    }

    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        self.stream = try reader.identifier()
        self.throughOrdinal = try reader.integer()
        self.sequence = try reader.integer()
        self.hash = try reader.bytes(JournalFormat.hashByteCount)
        self.isWhole = try reader.integer(UInt8.self) == 1
    }
}
