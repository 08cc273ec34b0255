package import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// A stream that another one found when it started.
package struct JournalParent: Hashable, Sendable {
    package var stream: StreamID
    /// Its newest record then, and that record's hash.
    package var sequence: UInt64
    package var hash: [UInt8]
    /// The stream had ended there; else it went on and may hold more.
    package var isFinal: Bool

    static let byteCount = 64
}

/// How a stream begins: who writes it, whom it follows, and its first MAC key, sealed. The HMAC under the genesis key
/// shows that the realm's key was at hand when the stream started.
package struct JournalGenesis: Hashable, Sendable {
    package var stream: StreamID
    package var device: DeviceID
    package var folder: FolderID
    package var time: Timestamp
    package var monotonicNanoseconds: UInt64
    /// The kernel's boot id: a stream of another boot that did not end may have lost its last batch.
    package var bootID: [UInt8]
    package var isStrict: Bool
    /// The size of the stream's segments.
    package var segmentByteCount: UInt32
    package var signingPublicKey: [UInt8]
    package var keyBox: [UInt8]
    package var parents: [JournalParent]

    static let suite: UInt16 = 1

    /// The whole block with its MAC.
    func encode(genesisKey: SecretBytes) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(JournalFormat.genesisMagic)
        writer.integer(JournalFormat.version)
        writer.integer(Self.suite)
        writer.identifier(stream)
        writer.identifier(device)
        writer.identifier(folder)
        writer.integer(time.seconds)
        writer.integer(time.nanoseconds)
        writer.integer(monotonicNanoseconds)
        writer.append(bootID)
        writer.integer(UInt8(isStrict ? 1 : 0))
        writer.integer(segmentByteCount)
        writer.append(signingPublicKey)
        writer.append(keyBox)
        writer.integer(UInt16(parents.count))
        for parent in parents {
            writer.identifier(parent.stream)
            writer.integer(parent.sequence)
            writer.append(parent.hash)
            writer.integer(UInt64(parent.isFinal ? 1 : 0))
        }
        let body = writer.bytes
        return body + HMAC.sha256(key: genesisKey, body)
    }

    /// Reads the block without judging its MAC.
    init(decoding bytes: [UInt8]) throws(JournalError) {
        do throws(MalformedBytes) {
            self = try bytes.withBytes { raw throws(MalformedBytes) in try JournalGenesis(raw) }
        } catch {
            throw .unauthentic(reason: "the beginning of a stream is malformed")
        }
    }

    private init(_ raw: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(raw)
        guard try reader.bytes(8) == JournalFormat.genesisMagic,
            try reader.integer(UInt16.self) == JournalFormat.version,
            try reader.integer(UInt16.self) == Self.suite
        else { throw MalformedBytes() }
        self.stream = try reader.identifier()
        self.device = try reader.identifier()
        self.folder = try reader.identifier()
        self.time = Timestamp(seconds: try reader.integer(), nanoseconds: try reader.integer())
        self.monotonicNanoseconds = try reader.integer()
        self.bootID = try reader.bytes(16)
        let mode = try reader.integer(UInt8.self)
        guard mode <= 1 else { throw MalformedBytes() }
        self.isStrict = mode == 1
        self.segmentByteCount = try reader.integer()
        self.signingPublicKey = try reader.bytes(32)
        self.keyBox = try reader.bytes(MACKey.boxByteCount)
        let count = Int(try reader.integer(UInt16.self))
        guard count <= JournalFormat.maxParentCount else { throw MalformedBytes() }
        var parents: [JournalParent] = []
        for _ in 0..<count {
            let stream: StreamID = try reader.identifier()
            let sequence: UInt64 = try reader.integer()
            let hash = try reader.bytes(32)
            let final: UInt64 = try reader.integer()
            guard final <= 1 else { throw MalformedBytes() }
            parents.append(JournalParent(stream: stream, sequence: sequence, hash: hash, isFinal: final == 1))
        }
        self.parents = parents
        guard reader.remaining == 32 else { throw MalformedBytes() }
    }

    init(
        stream: StreamID, device: DeviceID, folder: FolderID, time: Timestamp, monotonicNanoseconds: UInt64,
        bootID: [UInt8], isStrict: Bool, segmentByteCount: UInt32, signingPublicKey: [UInt8],
        keyBox: [UInt8], parents: [JournalParent]
    ) {
        self.stream = stream
        self.device = device
        self.folder = folder
        self.time = time
        self.monotonicNanoseconds = monotonicNanoseconds
        self.bootID = bootID
        self.isStrict = isStrict
        self.segmentByteCount = segmentByteCount
        self.signingPublicKey = signingPublicKey
        self.keyBox = keyBox
        self.parents = parents
    }

    /// Whether the block's MAC is the genesis key's.
    static func isAuthentic(_ block: [UInt8], genesisKey: SecretBytes) -> Bool {
        guard block.count > 32 else { return false }
        let expected = HMAC.sha256(key: genesisKey, Array(block.dropLast(32)))
        return expected.withUnsafeBytes { left in
            block.withUnsafeBytes { right in
                constantTimeEqual(left, UnsafeRawBufferPointer(rebasing: right[(block.count - 32)...]))
            }
        }
    }
}
