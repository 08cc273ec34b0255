package import ArgusSystem

/// Makes keys from a key: HKDF with HMAC-SHA-256 (RFC 5869). `info` says what for, so no two uses share a key.
package enum HKDF {
    /// Derives `count` bytes, at most 255 × 32. The key before expansion and the result lie in locked memory only.
    package static func derive(_ key: SecretBytes, salt: [UInt8], info: [UInt8], count: Int = 32) -> SecretBytes {
        precondition(count >= 0 && count <= 255 * Digest.byteCount, "HKDF gives at most 8160 bytes")
        let digest = ThreadContext.current.digest
        let extracted = SecretBytes(count: Digest.byteCount) { extracted in
            key.withBytes { key in
                salt.withUnsafeBytes { digest.authenticate(key: $0, key, into: extracted) }
            }
        }
        return SecretBytes(count: count) { output in
            extracted.withBytes { extracted in
                info.withUnsafeBytes { info in
                    expand(extracted, info, into: output, digest)
                }
            }
        }
    }

    /// T(n) = HMAC(key, T(n-1) ‖ info ‖ n); the output is T(1) ‖ T(2) ‖ … cut to its length.
    private static func expand(
        _ key: UnsafeRawBufferPointer, _ info: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer,
        _ digest: Digest
    ) {
        withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 16) { block in
            defer { wipe(block) }
            var done = 0
            var counter: UInt8 = 0
            while done < output.count {
                let previous = UnsafeRawBufferPointer(rebasing: block[..<(counter == 0 ? 0 : Digest.byteCount)])
                counter += 1
                withUnsafeBytes(of: counter) { digest.authenticate(key: key, previous, info, $0, into: block) }
                let count = min(Digest.byteCount, output.count - done)
                UnsafeMutableRawBufferPointer(rebasing: output[done..<done + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<count]))
                done += count
            }
        }
    }
}
