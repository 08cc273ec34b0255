package import ArgusSystem
internal import CLibcrypto

/// A key pair for agreeing on a secret (X25519, RFC 7748). Keys have 32 bytes.
package struct X25519PrivateKey: Sendable {
    package let secret: SecretBytes
    package let publicKey: [UInt8]

    /// Makes a random one.
    package init() {
        self.init(secret: .random(count: RawKey.byteCount))
    }

    package init(secret: SecretBytes) {
        precondition(secret.count == RawKey.byteCount, "an X25519 key has 32 bytes")
        self.secret = secret
        do throws(CryptoError) {
            self.publicKey = try RawKey(.x25519, secret: secret).publicKey()
        } catch {
            preconditionFailure("libcrypto makes no X25519 key: \(error)")
        }
    }

    /// The secret that both ends come to; no key yet: derive one from it, with both public keys as salt.
    ///
    /// Fails with `degenerateKey` where this key is one, or the peer's key is a point of small order, whose secret is
    /// zero for everybody (RFC 7748, 6.1).
    package func sharedSecret(with peer: [UInt8]) throws(CryptoError) -> SecretBytes {
        guard peer.count == RawKey.byteCount, !secret.looksDegenerate else { throw .degenerateKey }
        return try agree(with: peer)
    }

    /// `sharedSecret` for any secret, the known answers' too.
    func agree(with peer: [UInt8]) throws(CryptoError) -> SecretBytes {
        let own = try RawKey(.x25519, secret: secret)
        let other = try RawKey(.x25519, publicKey: peer)
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, own.pointer, nil) else { throw .takeLibraryError() }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other.pointer) == 1 else {
            throw .takeLibraryError()
        }
        let shared = try SecretBytes(count: RawKey.byteCount) { shared throws(CryptoError) in
            var count = shared.count
            guard EVP_PKEY_derive(context, shared.octets, &count) == 1, count == shared.count else {
                // libcrypto computes, and then refuses a secret of zeros with this call alone.
                ERR_clear_error()
                throw .degenerateKey
            }
        }
        return shared
    }
}
