package import ArgusSystem
internal import CLibcrypto

/// AES-256-GCM with one key set (NIST SP 800-38D). Not thread-safe: it stays on the thread it was lent to.
///
/// 1. No call allocates: the cipher is fetched once a process, the context is kept by the thread.
/// 2. The key schedule is made again only for another `SecretBytes` than the one before. It stays in libcrypto's heap
///    until then or until the thread ends, even where that secret is dropped meanwhile.
/// 3. Plaintext that failed to authenticate is never left in the caller's buffer.
/// 4. A degenerate key seals nothing and opens nothing.
///
/// The caller owes a nonce that this key never had before.
package final class AESGCM {
    package static let keyByteCount = 32
    package static let nonceByteCount = 12
    package static let tagByteCount = 16

    // EVP_CIPHER is immutable and counted by atomic operations once fetched, and this one is never freed.
    private nonisolated(unsafe) static let cipher = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)

    private let context = EVP_CIPHER_CTX_new()
    /// The secret whose key schedule is set; 0 for none.
    private var keyID: UInt64 = 0
    /// Why no key is set.
    private var keyError: CryptoError?

    init() {
        precondition(context != nil, "no memory for a cipher context")
    }

    deinit {
        EVP_CIPHER_CTX_free(context)
    }

    /// Lends the calling thread's own context with `key` set.
    ///
    /// A key that cannot be set (degenerate, or refused by libcrypto) is reported by `seal` and `open`.
    package static func withContext<R, E: Error>(key: SecretBytes, _ body: (AESGCM) throws(E) -> R) throws(E) -> R {
        let thread = ThreadContext.current
        if thread.isCipherLent {
            let nested = AESGCM()
            nested.setKey(key)
            return try body(nested)
        }
        thread.isCipherLent = true
        defer { thread.isCipherLent = false }
        thread.cipher.setKey(key)
        return try body(thread.cipher)
    }

    /// Takes `key`, unless it is the one already set. `refusesDegenerate` is false only for known answers of the
    /// standard, some of which have a key of zeros.
    func setKey(_ key: SecretBytes, refusesDegenerate: Bool = true) {
        precondition(key.count == Self.keyByteCount, "AES-256 takes a key of 32 bytes")
        if keyID == key.id { return }
        keyID = 0
        if refusesDegenerate, key.looksDegenerate {
            keyError = .degenerateKey
            return
        }
        // Naming the cipher again would make libcrypto allocate its state anew.
        let cipher = EVP_CIPHER_CTX_get0_cipher(context) == nil ? Self.cipher : nil
        let status = key.withBytes { EVP_CipherInit_ex(context, cipher, nil, $0.octets, nil, 1) }
        guard status == 1 else {
            keyError = .takeLibraryError()
            return
        }
        keyID = key.id
        keyError = nil
    }

    /// Seals `plaintext` into as many bytes of `ciphertext`, which may be the same memory, and 16 of `tag`.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer, aad: UnsafeRawBufferPointer,
        into ciphertext: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        precondition(tag.count == Self.tagByteCount, "the tag has 16 bytes")
        try start(nonce: nonce, inputCount: plaintext.count, outputCount: ciphertext.count, aad: aad, seals: 1)
        var count: Int32 = 0
        var none: UInt64 = 0
        guard
            aad.isEmpty || EVP_CipherUpdate(context, nil, &count, aad.octets, Int32(aad.count)) == 1,
            plaintext.isEmpty
                || EVP_CipherUpdate(context, ciphertext.octets, &count, plaintext.octets, Int32(plaintext.count)) == 1,
            withUnsafeMutableBytes(of: &none, { EVP_CipherFinal_ex(context, $0.octets, &count) }) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagByteCount), tag.baseAddress) == 1
        else {
            wipe(ciphertext)
            throw .takeLibraryError()
        }
    }

    /// Opens `ciphertext` into as many bytes of `plaintext`, which may be the same memory.
    ///
    /// Fails with `unauthentic` where ciphertext, nonce, additional data or tag are not those that were sealed, and
    /// wipes `plaintext` on any failure.
    package func open(
        _ ciphertext: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer, aad: UnsafeRawBufferPointer,
        tag: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        precondition(tag.count == Self.tagByteCount, "the tag has 16 bytes")
        do throws(CryptoError) {
            try start(nonce: nonce, inputCount: ciphertext.count, outputCount: plaintext.count, aad: aad, seals: 0)
            var count: Int32 = 0
            // libcrypto only copies from it (EVP_EncryptInit(3), EVP_CTRL_AEAD_SET_TAG).
            let expected = UnsafeMutableRawPointer(mutating: tag.baseAddress)
            guard
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagByteCount), expected) == 1,
                aad.isEmpty || EVP_CipherUpdate(context, nil, &count, aad.octets, Int32(aad.count)) == 1,
                ciphertext.isEmpty
                    || EVP_CipherUpdate(context, plaintext.octets, &count, ciphertext.octets, Int32(ciphertext.count))
                        == 1
            else { throw .takeLibraryError() }
            var none: UInt64 = 0
            guard withUnsafeMutableBytes(of: &none, { EVP_CipherFinal_ex(context, $0.octets, &count) }) == 1 else {
                ERR_clear_error()
                throw .unauthentic
            }
        } catch {
            wipe(plaintext)
            throw error
        }
    }

    private func start(
        nonce: UnsafeRawBufferPointer, inputCount: Int, outputCount: Int, aad: UnsafeRawBufferPointer, seals: Int32
    ) throws(CryptoError) {
        precondition(nonce.count == Self.nonceByteCount, "the nonce has 12 bytes")
        precondition(outputCount >= inputCount, "the output is as long as the input")
        precondition(inputCount <= Int(Int32.max) && aad.count <= Int(Int32.max), "libcrypto counts in 32 bits")
        if let keyError { throw keyError }
        guard EVP_CipherInit_ex(context, nil, nil, nil, nonce.octets, seals) == 1 else { throw .takeLibraryError() }
    }
}
