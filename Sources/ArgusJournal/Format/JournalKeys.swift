package import ArgusCore
package import ArgusCrypto
package import ArgusSystem

/// What writing a journal needs. Whoever starts a `Journal` drops its `JournalKeys` afterwards: the genesis key, which
/// vouches for new streams, must not stay in a process that could be taken over.
package struct JournalKeys: Sendable {
    /// Every folder's key comes from it, and from that those of the folder's streams.
    package let sealingKey: SecretBytes
    package let signingKey: Ed25519PrivateKey
    /// Vouches for the beginning of streams; used once, when one starts.
    package let genesisKey: SecretBytes
    /// The X25519 public key that a stream's first MAC key is sealed to.
    package let auditPublicKey: [UInt8]

    package init(
        sealingKey: SecretBytes, signingKey: Ed25519PrivateKey, genesisKey: SecretBytes, auditPublicKey: [UInt8]
    ) {
        self.sealingKey = sealingKey
        self.signingKey = signingKey
        self.genesisKey = genesisKey
        self.auditPublicKey = auditPublicKey
    }

    /// Derives them from a realm's master key (HKDF, salt = realm id; docs/formats/journal.md, "Keys").
    ///
    /// The audit private key exists only within this call, which keeps its public half.
    package static func derive(masterKey: SecretBytes, realm: RealmID) -> JournalKeys {
        let audit = JournalAuditKeys.auditKey(masterKey: masterKey, realm: realm)
        return JournalKeys(
            sealingKey: JournalAuditKeys.key(masterKey, realm, "argus journal sealing v1"),
            signingKey: Ed25519PrivateKey(secret: JournalAuditKeys.key(masterKey, realm, "argus journal signing v1")),
            genesisKey: JournalAuditKeys.key(masterKey, realm, "argus journal genesis v1"),
            auditPublicKey: audit.publicKey)
    }
}

/// What reading and verifying a journal needs. The driver never holds them.
package struct JournalAuditKeys: Sendable {
    package let sealingKey: SecretBytes
    package let signingPublicKey: [UInt8]
    package let genesisKey: SecretBytes
    package let auditKey: X25519PrivateKey

    package init(
        sealingKey: SecretBytes, signingPublicKey: [UInt8], genesisKey: SecretBytes, auditKey: X25519PrivateKey
    ) {
        self.sealingKey = sealingKey
        self.signingPublicKey = signingPublicKey
        self.genesisKey = genesisKey
        self.auditKey = auditKey
    }

    /// Derives them from a realm's master key; the counterpart of `JournalKeys.derive`.
    package static func derive(masterKey: SecretBytes, realm: RealmID) -> JournalAuditKeys {
        JournalAuditKeys(
            sealingKey: key(masterKey, realm, "argus journal sealing v1"),
            signingPublicKey: Ed25519PrivateKey(secret: key(masterKey, realm, "argus journal signing v1")).publicKey,
            genesisKey: key(masterKey, realm, "argus journal genesis v1"),
            auditKey: auditKey(masterKey: masterKey, realm: realm))
    }

    static func auditKey(masterKey: SecretBytes, realm: RealmID) -> X25519PrivateKey {
        X25519PrivateKey(secret: key(masterKey, realm, "argus journal audit v1"))
    }

    static func key(_ masterKey: SecretBytes, _ realm: RealmID, _ info: String) -> SecretBytes {
        HKDF.derive(masterKey, salt: realm.bytes, info: Array(info.utf8))
    }
}

/// The key of one folder's journal: who has it can read that folder's records and no other's.
struct FolderJournalKey: Sendable {
    let folder: FolderID
    let key: SecretBytes

    init(sealingKey: SecretBytes, folder: FolderID) {
        self.folder = folder
        self.key = HKDF.derive(sealingKey, salt: folder.bytes, info: Array("argus journal folder v1".utf8))
    }

    /// Seals the list of what was removed.
    var removals: SecretBytes {
        HKDF.derive(key, salt: folder.bytes, info: Array("argus journal removals v1".utf8))
    }
}

/// The keys of one stream that come from its folder's.
struct StreamKeys: Sendable {
    /// Seals frames.
    let frames: SecretBytes
    /// Seals the MAC key in segment headers.
    let slots: SecretBytes
    /// Authenticates counts of repeated denials.
    let counters: SecretBytes

    init(_ folder: FolderJournalKey, stream: StreamID, device: DeviceID) {
        self.frames = HKDF.derive(
            folder.key, salt: stream.bytes, info: Array("argus journal frames v1".utf8) + device.bytes)
        self.slots = HKDF.derive(
            folder.key, salt: stream.bytes, info: Array("argus journal slots v1".utf8) + device.bytes)
        self.counters = HKDF.derive(
            folder.key, salt: stream.bytes, info: Array("argus journal counters v1".utf8) + device.bytes)
    }
}

/// The MAC key and how it goes on.
enum MACKey {
    static let byteCount = 32

    /// The key of the next batch; there is no way back (HKDF is one-way).
    static func next(after key: SecretBytes) -> SecretBytes {
        HKDF.derive(key, salt: [], info: Array("argus journal mac key v1".utf8))
    }

    /// Ephemeral public key, nonce, sealed key and tag.
    static let boxByteCount = 32 + 12 + 32 + 16

    /// Seals a stream's first MAC key to the audit public key (X25519, HKDF, AES-256-GCM).
    static func seal(_ key: SecretBytes, to publicKey: [UInt8], stream: StreamID) throws(CryptoError) -> [UInt8] {
        let ephemeral = X25519PrivateKey()
        let shared = try ephemeral.sharedSecret(with: publicKey)
        let wrapping = wrappingKey(shared, ephemeral.publicKey, publicKey)
        return ephemeral.publicKey + (try SealedBox.sealSecret(key, key: wrapping, aad: stream.bytes))
    }

    static func open(_ box: [UInt8], with auditKey: X25519PrivateKey, stream: StreamID) throws(CryptoError)
        -> SecretBytes
    {
        guard box.count == boxByteCount else { throw .unauthentic }
        let ephemeral = Array(box[..<32])
        let shared = try auditKey.sharedSecret(with: ephemeral)
        let wrapping = wrappingKey(shared, ephemeral, auditKey.publicKey)
        return try SealedBox.openSecret(Array(box[32...]), key: wrapping, aad: stream.bytes)
    }

    private static func wrappingKey(_ shared: SecretBytes, _ ephemeral: [UInt8], _ recipient: [UInt8]) -> SecretBytes {
        HKDF.derive(shared, salt: ephemeral + recipient, info: Array("argus journal first key v1".utf8))
    }
}
