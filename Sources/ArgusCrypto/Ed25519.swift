package import ArgusSystem
internal import CLibcrypto

/// A key pair for signing (Ed25519, RFC 8032). Keys have 32 bytes, signatures 64.
package struct Ed25519PrivateKey: Sendable {
    package let secret: SecretBytes
    package let publicKey: [UInt8]

    /// Makes a random one.
    package init() {
        self.init(secret: .random(count: RawKey.byteCount))
    }

    package init(secret: SecretBytes) {
        precondition(secret.count == RawKey.byteCount, "an Ed25519 key has 32 bytes")
        self.secret = secret
        do throws(CryptoError) {
            self.publicKey = try RawKey(.ed25519, secret: secret).publicKey()
        } catch {
            preconditionFailure("libcrypto makes no Ed25519 key: \(error)")
        }
    }

    /// Signs; the same message always gets the same signature. Traps where libcrypto has no memory.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        do throws(CryptoError) {
            let key = try RawKey(.ed25519, secret: secret)
            guard let context = EVP_MD_CTX_new() else { throw .takeLibraryError() }
            defer { EVP_MD_CTX_free(context) }
            var signature = [UInt8](repeating: 0, count: Ed25519.signatureByteCount)
            var count = signature.count
            guard
                EVP_DigestSignInit(context, nil, nil, nil, key.pointer) == 1,
                EVP_DigestSign(context, &signature, &count, message, message.count) == 1
            else { throw .takeLibraryError() }
            return signature
        } catch {
            preconditionFailure("libcrypto does not sign: \(error)")
        }
    }
}

/// Checks signatures (Ed25519, RFC 8032).
package enum Ed25519 {
    package static let signatureByteCount = 64

    /// Whether `signature` is one of `message` by the holder of `publicKey`.
    ///
    /// False for a public key of small order: signatures under one fit messages that nobody signed.
    package static func verify(_ signature: [UInt8], _ message: [UInt8], _ publicKey: [UInt8]) -> Bool {
        guard
            signature.count == signatureByteCount, publicKey.count == RawKey.byteCount, !hasSmallOrder(publicKey),
            let context = EVP_MD_CTX_new()
        else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        guard
            let key = try? RawKey(.ed25519, publicKey: publicKey),
            EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
        else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// Whether a public key encodes one of the eight points whose order divides 8, canonically or not.
    static func hasSmallOrder(_ publicKey: [UInt8]) -> Bool {
        var y = publicKey
        // The top bit is the sign of x: both points of a pair have the same order.
        y[RawKey.byteCount - 1] &= 0x7f
        return smallOrder.contains(y)
    }

    /// The y coordinates, little-endian: 0, 1, both of order 8, p - 1, and p and p + 1 for 0 and 1.
    private static let smallOrder: [[UInt8]] = {
        let zeros = [UInt8](repeating: 0, count: 31)
        let ones = [UInt8](repeating: 0xff, count: 30) + [0x7f]
        return [
            [0] + zeros, [1] + zeros, [0xec] + ones, [0xed] + ones, [0xee] + ones,
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
                0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
            ],
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
                0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
            ],
        ]
    }()
}
