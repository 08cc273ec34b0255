internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// The plain bytes of a commit: what a batch ends at, under the batch's MAC key.
///
/// magic 8, epoch 8, sequence 8, hash 32, flags 8, seconds 8, MAC 32 (HMAC-SHA256 over the stream's id and all before).
struct CommitFrame {
    struct Flags: OptionSet {
        let rawValue: UInt64
        /// The stream ends here: no frame follows, and the MAC key is gone.
        static let final = Flags(rawValue: 1)
        /// Written by the stream that came after, for one that had not ended.
        static let recovered = Flags(rawValue: 2)
    }

    var epoch: UInt64
    var sequence: UInt64
    var hash: [UInt8]
    var flags: Flags
    var seconds: Int64
    var mac: [UInt8]

    static func encode(
        stream: StreamID, epoch: UInt64, sequence: UInt64, hash: [UInt8], flags: Flags, seconds: Int64,
        key: SecretBytes
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(JournalFormat.commitMagic)
        writer.integer(epoch)
        writer.integer(sequence)
        writer.append(hash)
        writer.integer(flags.rawValue)
        writer.integer(seconds)
        return writer.bytes + HMAC.sha256(key: key, stream.bytes + writer.bytes)
    }

    func isAuthentic(stream: StreamID, key: SecretBytes) -> Bool {
        let expected = Self.encode(
            stream: stream, epoch: epoch, sequence: sequence, hash: hash, flags: flags, seconds: seconds, key: key)
        return expected.suffix(32).withUnsafeBytes { left in
            mac.withUnsafeBytes { right in constantTimeEqual(left, right) }
        }
    }

    init(decoding raw: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(raw)
        guard raw.count == JournalFormat.commitByteCount, try reader.bytes(8) == JournalFormat.commitMagic else {
            throw MalformedBytes()
        }
        self.epoch = try reader.integer()
        self.sequence = try reader.integer()
        self.hash = try reader.bytes(32)
        self.flags = Flags(rawValue: try reader.integer())
        self.seconds = try reader.integer()
        self.mac = try reader.bytes(32)
        guard flags.isSubset(of: [.final, .recovered]) else { throw MalformedBytes() }
    }
}
