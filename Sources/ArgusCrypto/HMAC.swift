package import ArgusSystem

/// The message authentication code HMAC-SHA-256 (RFC 2104, FIPS 198-1), 32 bytes.
package enum HMAC {
    package static let byteCount = 32

    /// Authenticates into the caller's 32 bytes.
    package static func sha256(
        key: SecretBytes, _ message: UnsafeRawBufferPointer, into code: UnsafeMutableRawBufferPointer
    ) {
        key.withBytes { ThreadContext.current.digest.authenticate(key: $0, message, into: code) }
    }

    package static func sha256(key: SecretBytes, _ message: UnsafeRawBufferPointer) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: byteCount)
        code.withUnsafeMutableBytes { sha256(key: key, message, into: $0) }
        return code
    }

    package static func sha256(key: SecretBytes, _ message: [UInt8]) -> [UInt8] {
        message.withUnsafeBytes { sha256(key: key, $0) }
    }
}
