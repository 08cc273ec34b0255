internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// The random key of one file, and what is derived from it (HKDF-SHA256, RFC 5869).
///
/// The file key itself seals nothing: `sealing` seals pages and roots, `commitment` stands in the header, and what a
/// holder's key derives wraps it.
struct FileKey: Sendable {
    static let byteCount = 32
    static let commitmentByteCount = 32

    let secret: SecretBytes
    let generation: KeyGeneration
    let sealing: SecretBytes
    let commitment: [UInt8]

    init(_ secret: SecretBytes, generation: KeyGeneration) {
        self.secret = secret
        self.generation = generation
        sealing = HKDF.derive(secret, salt: [], info: Array("argus capsule v1 seal".utf8))
        commitment = HKDF.derive(secret, salt: [], info: Array("argus capsule v1 commit".utf8)).withBytes { Array($0) }
    }

    /// Makes the first key of a file.
    static func make(from random: some RandomSource) throws(CapsuleError) -> FileKey {
        let secret = SecretBytes(count: byteCount) { random.fill($0) }
        guard !secret.looksDegenerate else { throw .crypto }
        return FileKey(secret, generation: 1)
    }

    /// Whether `found` is this key's commitment, in constant time.
    func commits(to found: [UInt8]) -> Bool {
        commitment.withUnsafeBytes { left in found.withUnsafeBytes { right in constantTimeEqual(left, right) } }
    }

    // MARK: Wrapping

    /// The stanza that holds this key for whoever has the folder's key of `generation`.
    func wrap(
        for identity: CapsuleIdentity, under holder: (generation: KeyGeneration, key: SecretBytes),
        random: some RandomSource
    ) throws(CapsuleError) -> Stanza {
        let key = Self.wrappingKey(holder, identity: identity, generation: generation)
        let aad = Self.wrapAAD(identity: identity, generation: generation, holder: holder.generation)
        var body = FolderStanza(generation: holder.generation)
        body.nonce.withUnsafeMutableBytes { random.fill($0) }
        try authentic(.header(slot: 0)) { () throws(CryptoError) in
            try AESGCM.withContext(key: key) { context throws(CryptoError) in
                try secret.withBytes { plain throws(CryptoError) in
                    try body.seal(plain, context: context, aad: aad)
                }
            }
        }
        return Stanza(body)
    }

    /// Opens the first stanza that `keys` can open.
    static func unwrap(_ header: SlotHeader, identity: CapsuleIdentity, keys: FolderKeys) throws(CapsuleError) -> (
        key: FileKey, holder: KeyGeneration
    ) {
        var failure = CapsuleError.unauthentic(.header(slot: header.slot))
        for stanza in header.stanzas {
            guard let body = FolderStanza(stanza) else { continue }
            guard let folderKey = keys.key(body.generation) else {
                failure = .noKey(generation: body.generation)
                continue
            }
            let generation = header.fileKeyGeneration
            let key = wrappingKey((body.generation, folderKey), identity: identity, generation: generation)
            let aad = wrapAAD(identity: identity, generation: generation, holder: body.generation)
            let secret = try authentic(.header(slot: header.slot)) { () throws(CryptoError) in
                try AESGCM.withContext(key: key) { context throws(CryptoError) in
                    try SecretBytes(count: byteCount) { target throws(CryptoError) in
                        try body.open(into: target, context: context, aad: aad)
                    }
                }
            }
            return (FileKey(secret, generation: generation), body.generation)
        }
        throw failure
    }

    private static func wrappingKey(
        _ holder: (generation: KeyGeneration, key: SecretBytes), identity: CapsuleIdentity, generation: KeyGeneration
    ) -> SecretBytes {
        var info = ByteWriter()
        info.append("argus capsule v1 wrap".utf8)
        info.identifier(identity.folder)
        info.integer(generation)
        info.integer(holder.generation)
        return HKDF.derive(holder.key, salt: identity.file.bytes, info: info.bytes)
    }

    private static func wrapAAD(
        identity: CapsuleIdentity, generation: KeyGeneration, holder: KeyGeneration
    ) -> [UInt8] {
        var aad = ByteWriter()
        aad.integer(CapsuleFormat.suite)
        aad.integer(Stanza.folderKeyType)
        aad.identifier(identity.folder)
        aad.identifier(identity.file)
        aad.integer(generation)
        aad.integer(holder)
        return aad.bytes
    }
}
