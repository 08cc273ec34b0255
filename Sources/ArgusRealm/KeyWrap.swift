internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// The master key, sealed for one way to unlock it.
///
/// Bound to realm, format, type and the parameters of the derivation: nothing of a wrap can be moved or weakened.
struct KeyWrap: Codable, Sendable {
    private static let saltByteCount = 32
    static let masterKeyByteCount = 32

    struct Cost: Codable, Sendable {
        var logN: Int
        var r: Int
        var p: Int
    }

    /// `UnlockMethod.rawValue`; a wrap of another type is not used.
    var type: String
    /// Of a passphrase alone.
    var scrypt: Cost?
    var salt: String
    var box: String

    static func passphrase(_ passphrase: SecretBytes, masterKey: SecretBytes, realm: RealmID, cost: ScryptCost)
        throws(RealmError) -> KeyWrap
    {
        guard passphrase.count > 0 else {
            throw RealmError(.emptyPassphrase, "an empty passphrase protects nothing; choose another")
        }
        return try KeyWrap(.passphrase, secret: passphrase, masterKey: masterKey, realm: realm, cost: cost)
    }

    init(
        _ method: UnlockMethod, secret: SecretBytes, masterKey: SecretBytes, realm: RealmID, cost: ScryptCost? = nil
    ) throws(RealmError) {
        var salt = [UInt8](repeating: 0, count: Self.saltByteCount)
        salt.withUnsafeMutableBytes { SecureRandom.fill($0) }
        self.type = method.rawValue
        self.scrypt = cost.map { Cost(logN: $0.logN, r: $0.r, p: $0.p) }
        self.salt = Hex.encode(salt)
        self.box = ""
        let key = try wrappingKey(method, secret: secret, salt: salt)
        do throws(CryptoError) {
            self.box = Hex.encode(try SealedBox.sealSecret(masterKey, key: key, aad: aad(realm, salt)))
        } catch {
            throw Self.libraryFailed
        }
    }

    /// Nil where `secret` is not the one that this wrap was made with, or the wrap was altered.
    func open(_ method: UnlockMethod, secret: SecretBytes, realm: RealmID) throws(RealmError) -> SecretBytes? {
        guard let salt = Hex.decode(salt), salt.count == Self.saltByteCount, let box = Hex.decode(box) else {
            return nil
        }
        let key = try wrappingKey(method, secret: secret, salt: salt)
        let masterKey: SecretBytes
        do throws(CryptoError) {
            masterKey = try SealedBox.openSecret(box, key: key, aad: aad(realm, salt))
        } catch {
            return nil
        }
        guard masterKey.count == Self.masterKeyByteCount, !masterKey.looksDegenerate else { throw RealmFile.damaged }
        return masterKey
    }

    private func wrappingKey(_ method: UnlockMethod, secret: SecretBytes, salt: [UInt8]) throws(RealmError)
        -> SecretBytes
    {
        switch method {
        case .keyFile: return HKDF.derive(secret, salt: salt, info: Array("argus realm key file v1".utf8))
        case .recovery: return HKDF.derive(secret, salt: salt, info: Array("argus realm recovery key v1".utf8))
        case .passphrase:
            guard let scrypt, ScryptCost(logN: scrypt.logN, r: scrypt.r, p: scrypt.p).isAcceptable else {
                throw RealmFile.damaged
            }
            do throws(CryptoError) {
                return try Scrypt.derive(
                    passphrase: secret, salt: salt, logN: scrypt.logN, r: scrypt.r, p: scrypt.p)
            } catch {
                throw Self.libraryFailed
            }
        }
    }

    private func aad(_ realm: RealmID, _ salt: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("argus realm wrap v1".utf8)
        writer.identifier(realm)
        writer.integer(RealmFile.format)
        writer.integer(UInt32(type.utf8.count))
        writer.append(type.utf8)
        writer.append(salt)
        for value in [scrypt?.logN ?? 0, scrypt?.r ?? 0, scrypt?.p ?? 0] {
            writer.integer(UInt32(clamping: value))
        }
        return writer.bytes
    }

    private static let libraryFailed = RealmError(
        .failed, "libcrypto could not derive a key; free memory (a passphrase takes 128 MiB) and try again")
}
