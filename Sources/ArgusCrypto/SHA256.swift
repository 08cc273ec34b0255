/// The hash SHA-256 (FIPS 180-4), 32 bytes.
package enum SHA256 {
    package static let byteCount = 32

    /// Hashes into the caller's 32 bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer, into hash: UnsafeMutableRawBufferPointer) {
        ThreadContext.current.digest.hash(bytes, into: hash)
    }

    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            hash(
                bytes,
                into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<byteCount]))
            count = byteCount
        }
    }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }
}
