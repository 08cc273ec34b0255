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

    /// Hashes what is long in parts: `read` fills the buffer from its start and says how far, 0 at the end. Nil where it
    /// says less than 0.
    package static func hash(reading read: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        let digest = Digest()
        digest.begin()
        while true {
            let count = read(buffer)
            guard count > 0 else {
                let hash = [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, filled in
                    digest.finish(
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: UnsafeMutableRawBufferPointer(bytes)[..<byteCount]))
                    filled = byteCount
                }
                return count == 0 ? hash : nil
            }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
