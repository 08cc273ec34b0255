internal import CLibcrypto

/// Why a cryptographic operation gave no result. It says nothing of keys, plaintext, or what differed.
package enum CryptoError: Error, Hashable, Sendable {
    /// The bytes are not what the holder of the key sealed, or not in this place.
    case unauthentic
    /// The key can hardly be a random one, or the peer's public key makes a secret that anybody knows.
    case degenerateKey
    /// libcrypto refused (ERR_get_error(3)); 0 where it gave no code.
    case library(code: UInt64)

    /// The oldest error libcrypto left for this thread; its queue is empty afterwards.
    static func takeLibraryError() -> CryptoError {
        let code = ERR_get_error()
        ERR_clear_error()
        return .library(code: UInt64(code))
    }
}
