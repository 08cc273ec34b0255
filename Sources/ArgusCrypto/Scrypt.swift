package import ArgusSystem
internal import CLibcrypto

/// Makes a key from a passphrase, at a price in memory and time for whoever guesses (scrypt, RFC 7914).
package enum Scrypt {
    /// What a derivation may take: N = 2²⁰ with r = 8 and a little. Beyond it, parameters from a damaged or hostile
    /// file are refused before they take the machine down.
    static let memoryMaxBytes: UInt64 = (1 << 30) + (1 << 20)

    /// Derives `count` bytes with N = 2^logN. It takes 128 · r · (N + p) bytes of memory.
    ///
    /// Fails with `library` for parameters outside RFC 7914 or too much memory.
    package static func derive(
        passphrase: SecretBytes, salt: [UInt8], logN: Int, r: Int, p: Int, count: Int = 32
    ) throws(CryptoError) -> SecretBytes {
        // 0 is what libcrypto refuses as no power of two.
        let n: UInt64 = (1..<64).contains(logN) ? 1 << UInt64(logN) : 0
        let r = UInt64(clamping: r)
        let p = UInt64(clamping: p)
        return try SecretBytes(count: count) { output throws(CryptoError) in
            let status = passphrase.withBytes { passphrase in
                salt.withUnsafeBytes { salt in
                    EVP_PBE_scrypt(
                        passphrase.baseAddress?.assumingMemoryBound(to: CChar.self), passphrase.count, salt.octets,
                        salt.count, n, r, p, memoryMaxBytes, output.octets, output.count)
                }
            }
            guard status == 1 else { throw .takeLibraryError() }
        }
    }
}
