internal import ArgusCore

/// The cleartext in front of a slot's sealed root.
///
/// Byte for byte, little-endian: magic 8, version u16, suite u16, page size log2 u8, slot number u8, header length u16,
/// folder 16, file 16, file-key generation u32, stanza count u16, stanza bytes u16, zero 8; stanzas (type u16, length
/// u16, body); key commitment 32, root nonce 12. All of it is the root's AAD.
struct SlotHeader: Sendable {
    static let fixedByteCount = 64
    static let trailerByteCount = FileKey.commitmentByteCount + CapsuleFormat.nonceByteCount

    var slot: Int
    var identity: CapsuleIdentity
    var fileKeyGeneration: KeyGeneration
    var stanzas: [Stanza]
    var commitment: [UInt8]
    var nonce: [UInt8]

    var byteCount: Int { Self.fixedByteCount + stanzas.reduce(0) { $0 + $1.byteCount } + Self.trailerByteCount }

    init(slot: Int, identity: CapsuleIdentity, key: FileKey, stanzas: [Stanza], nonce: [UInt8]) {
        self.slot = slot
        self.identity = identity
        fileKeyGeneration = key.generation
        self.stanzas = stanzas
        commitment = key.commitment
        self.nonce = nonce
    }

    /// Reads the header of the slot that lies at page `slot`.
    init(_ page: UnsafeRawBufferPointer, slot: Int) throws(CapsuleError) {
        var version = CapsuleFormat.version
        do throws(MalformedBytes) {
            var reader = ByteReader(page)
            guard try reader.slice(8).elementsEqual(CapsuleFormat.magic) else { throw MalformedBytes() }
            version = try reader.integer()
            guard version == CapsuleFormat.version else { throw MalformedBytes() }
            let suite: UInt16 = try reader.integer()
            let shift: UInt8 = try reader.integer()
            let number: UInt8 = try reader.integer()
            guard suite == CapsuleFormat.suite, shift == CapsuleFormat.pageShift, number == slot else {
                throw MalformedBytes()
            }
            let byteCount: UInt16 = try reader.integer()
            self.slot = slot
            identity = CapsuleIdentity(folder: try reader.identifier(), file: try reader.identifier())
            fileKeyGeneration = try reader.integer()
            let count: UInt16 = try reader.integer()
            let stanzaByteCount: UInt16 = try reader.integer()
            let reserve: UInt64 = try reader.integer()
            guard reserve == 0, stanzaByteCount <= CapsuleFormat.stanzasMaxByteCount,
                Int(byteCount) == Self.fixedByteCount + Int(stanzaByteCount) + Self.trailerByteCount
            else { throw MalformedBytes() }
            var stanzas = ByteReader(try reader.slice(Int(stanzaByteCount)))
            self.stanzas = []
            for _ in 0..<count {
                let type: UInt16 = try stanzas.integer()
                let length: UInt16 = try stanzas.integer()
                self.stanzas.append(Stanza(type: type, body: try stanzas.bytes(Int(length))))
            }
            guard stanzas.remaining == 0 else { throw MalformedBytes() }
            commitment = try reader.bytes(FileKey.commitmentByteCount)
            nonce = try reader.bytes(CapsuleFormat.nonceByteCount)
        } catch {
            guard version <= CapsuleFormat.version else {
                throw .newerFormat(found: version, supported: CapsuleFormat.version)
            }
            throw .unauthentic(.header(slot: slot))
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(CapsuleFormat.magic)
        writer.integer(CapsuleFormat.version)
        writer.integer(CapsuleFormat.suite)
        writer.integer(UInt8(CapsuleFormat.pageShift))
        writer.integer(UInt8(slot))
        writer.integer(UInt16(byteCount))
        writer.identifier(identity.folder)
        writer.identifier(identity.file)
        writer.integer(fileKeyGeneration)
        writer.integer(UInt16(stanzas.count))
        writer.integer(UInt16(stanzas.reduce(0) { $0 + $1.byteCount }))
        writer.integer(UInt64(0))
        for stanza in stanzas {
            writer.integer(stanza.type)
            writer.integer(UInt16(stanza.body.count))
            writer.append(stanza.body)
        }
        writer.append(commitment)
        writer.append(nonce)
        return writer.bytes
    }
}
