internal import ArgusCore
internal import ArgusCrypto

/// The file key, wrapped for one holder. Types that this version does not know are kept as they are.
struct Stanza: Sendable {
    static let folderKeyType: UInt16 = 1
    static let headByteCount = 4

    var type: UInt16
    var body: [UInt8]

    var byteCount: Int { Self.headByteCount + body.count }

    init(type: UInt16, body: [UInt8]) {
        self.type = type
        self.body = body
    }

    init(_ folder: FolderStanza) {
        var writer = ByteWriter()
        writer.integer(folder.generation)
        writer.append(folder.nonce)
        writer.append(folder.wrapped)
        writer.append(folder.tag)
        self.init(type: Self.folderKeyType, body: writer.bytes)
    }
}

/// The body of a stanza for the folder's key: generation of that key u32, nonce 12, wrapped key 32, tag 16.
struct FolderStanza: Sendable {
    static let byteCount = 64

    let generation: KeyGeneration
    var nonce = [UInt8](repeating: 0, count: CapsuleFormat.nonceByteCount)
    private(set) var wrapped = [UInt8](repeating: 0, count: FileKey.byteCount)
    private(set) var tag = [UInt8](repeating: 0, count: CapsuleFormat.tagByteCount)

    init(generation: KeyGeneration) { self.generation = generation }

    /// Nil where the stanza is another holder's.
    init?(_ stanza: Stanza) {
        guard stanza.type == Stanza.folderKeyType, stanza.body.count == Self.byteCount else { return nil }
        generation = stanza.body.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        nonce = Array(stanza.body[4..<16])
        wrapped = Array(stanza.body[16..<48])
        tag = Array(stanza.body[48..<64])
    }

    mutating func seal(_ key: UnsafeRawBufferPointer, context: AESGCM, aad: [UInt8]) throws(CryptoError) {
        let result = nonce.withUnsafeBytes { nonce in
            aad.withUnsafeBytes { aad in
                wrapped.withUnsafeMutableBytes { wrapped in
                    tag.withUnsafeMutableBytes { tag in
                        Result { () throws(CryptoError) in
                            try context.seal(key, nonce: nonce, aad: aad, into: wrapped, tag: tag)
                        }
                    }
                }
            }
        }
        try result.get()
    }

    func open(into key: UnsafeMutableRawBufferPointer, context: AESGCM, aad: [UInt8]) throws(CryptoError) {
        let result = nonce.withUnsafeBytes { nonce in
            aad.withUnsafeBytes { aad in
                wrapped.withUnsafeBytes { wrapped in
                    tag.withUnsafeBytes { tag in
                        Result { () throws(CryptoError) in
                            try context.open(wrapped, nonce: nonce, aad: aad, tag: tag, into: key)
                        }
                    }
                }
            }
        }
        try result.get()
    }
}
