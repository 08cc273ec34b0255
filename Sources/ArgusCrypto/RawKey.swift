internal import ArgusSystem
internal import CLibcrypto

/// A key of X25519 or Ed25519 as libcrypto holds it (EVP_PKEY_new(3)), freed when dropped.
struct RawKey: ~Copyable {
    static let byteCount = 32

    enum Algorithm {
        case x25519, ed25519

        var type: Int32 {
            switch self {
            case .x25519: EVP_PKEY_X25519
            case .ed25519: EVP_PKEY_ED25519
            }
        }
    }

    let pointer: OpaquePointer

    /// Fails where libcrypto has no memory or no such algorithm.
    init(_ algorithm: Algorithm, secret: SecretBytes) throws(CryptoError) {
        let key = secret.withBytes { EVP_PKEY_new_raw_private_key(algorithm.type, nil, $0.octets, $0.count) }
        guard let key else { throw .takeLibraryError() }
        self.pointer = key
    }

    /// Fails where `publicKey` has not 32 bytes.
    init(_ algorithm: Algorithm, publicKey: [UInt8]) throws(CryptoError) {
        guard let key = EVP_PKEY_new_raw_public_key(algorithm.type, nil, publicKey, publicKey.count) else {
            throw .takeLibraryError()
        }
        self.pointer = key
    }

    deinit {
        EVP_PKEY_free(pointer)
    }

    func publicKey() throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1, count == Self.byteCount else {
            throw .takeLibraryError()
        }
        return bytes
    }
}
