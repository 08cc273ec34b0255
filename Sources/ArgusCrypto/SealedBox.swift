package import ArgusSystem

/// A record sealed with AES-256-GCM: nonce (12) ‖ ciphertext ‖ tag (16).
///
/// The nonce is random, so one key seals at most 2³² boxes (NIST SP 800-38D, 8.3).
package enum SealedBox {
    /// How much longer a box is than its plaintext.
    package static let overheadByteCount = AESGCM.nonceByteCount + AESGCM.tagByteCount

    package static func seal(_ plaintext: [UInt8], key: SecretBytes, aad: [UInt8]) throws(CryptoError) -> [UInt8] {
        try seal(plaintext, nonce: nil, key: key, aad: aad)
    }

    /// Seals with a nonce that is given, for known answers; nil: a random one.
    static func seal(_ plaintext: [UInt8], nonce: [UInt8]?, key: SecretBytes, aad: [UInt8]) throws(CryptoError)
        -> [UInt8]
    {
        try plaintext.withRawBytes { plaintext throws(CryptoError) in
            try seal(plaintext, nonce: nonce, key: key, aad: aad)
        }
    }

    /// Fails with `unauthentic`, also for a box too short to be one.
    package static func open(_ box: [UInt8], key: SecretBytes, aad: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard box.count >= overheadByteCount else { throw .unauthentic }
        var plaintext = [UInt8](repeating: 0, count: box.count - overheadByteCount)
        try plaintext.withMutableRawBytes { plaintext throws(CryptoError) in
            try open(box, key: key, aad: aad, into: plaintext)
        }
        return plaintext
    }

    /// Wraps a key: its bytes go from locked memory straight into the cipher.
    package static func sealSecret(_ secret: SecretBytes, key: SecretBytes, aad: [UInt8]) throws(CryptoError)
        -> [UInt8]
    {
        try secret.withBytes { plaintext throws(CryptoError) in
            try seal(plaintext, nonce: nil, key: key, aad: aad)
        }
    }

    /// Unwraps a key: its bytes exist in locked memory only.
    package static func openSecret(_ box: [UInt8], key: SecretBytes, aad: [UInt8]) throws(CryptoError) -> SecretBytes {
        guard box.count >= overheadByteCount else { throw .unauthentic }
        return try SecretBytes(count: box.count - overheadByteCount) { plaintext throws(CryptoError) in
            try open(box, key: key, aad: aad, into: plaintext)
        }
    }

    private static func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce given: [UInt8]?, key: SecretBytes, aad: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        var box = [UInt8](repeating: 0, count: plaintext.count + overheadByteCount)
        try box.withMutableRawBytes { box throws(CryptoError) in
            let tagStart = box.count - AESGCM.tagByteCount
            let nonce = UnsafeMutableRawBufferPointer(rebasing: box[..<AESGCM.nonceByteCount])
            let ciphertext = UnsafeMutableRawBufferPointer(rebasing: box[AESGCM.nonceByteCount..<tagStart])
            let tag = UnsafeMutableRawBufferPointer(rebasing: box[tagStart...])
            if let given { nonce.copyBytes(from: given) } else { SecureRandom.fill(nonce) }
            try aad.withRawBytes { aad throws(CryptoError) in
                try AESGCM.withContext(key: key) { context throws(CryptoError) in
                    try context.seal(
                        plaintext, nonce: UnsafeRawBufferPointer(nonce), aad: aad, into: ciphertext, tag: tag)
                }
            }
        }
        return box
    }

    private static func open(
        _ box: [UInt8], key: SecretBytes, aad: [UInt8], into plaintext: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        try box.withRawBytes { box throws(CryptoError) in
            let tagStart = box.count - AESGCM.tagByteCount
            let nonce = UnsafeRawBufferPointer(rebasing: box[..<AESGCM.nonceByteCount])
            let ciphertext = UnsafeRawBufferPointer(rebasing: box[AESGCM.nonceByteCount..<tagStart])
            let tag = UnsafeRawBufferPointer(rebasing: box[tagStart...])
            try aad.withRawBytes { aad throws(CryptoError) in
                try AESGCM.withContext(key: key) { context throws(CryptoError) in
                    try context.open(ciphertext, nonce: nonce, aad: aad, tag: tag, into: plaintext)
                }
            }
        }
    }
}
