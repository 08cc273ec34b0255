/// One component of a path: 1 to 255 bytes without `/` and NUL, neither `.` nor `..`.
///
/// Bytes, not text: Linux allows any encoding. It redacts itself when printed, so that no log line or error
/// can carry a name by accident; `bytes` is the deliberate way in.
package struct FileName: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package static let maxByteCount = 255

    package let bytes: [UInt8]

    /// Fails with `nameTooLong` past 255 bytes, and with `invalidArgument` for what is no name of an entry.
    package init(_ bytes: UnsafeRawBufferPointer) throws(FileSystemError) {
        guard bytes.count <= Self.maxByteCount else { throw .nameTooLong }
        guard !bytes.isEmpty, !bytes.contains(UInt8(ascii: "/")), !bytes.contains(0) else { throw .invalidArgument }
        if bytes[0] == UInt8(ascii: ".") {
            guard bytes.count > 2 || (bytes.count == 2 && bytes[1] != UInt8(ascii: ".")) else {
                throw .invalidArgument
            }
        }
        self.bytes = [UInt8](bytes)
    }

    package init(_ text: String) throws(FileSystemError) {
        let utf8 = Array(text.utf8)
        let made = utf8.withUnsafeBytes { raw -> Result<FileName, FileSystemError> in
            do throws(FileSystemError) { return .success(try FileName(raw)) } catch { return .failure(error) }
        }
        self = try made.get()
    }

    /// The name as text, with U+FFFD for what is no UTF-8: for the sealed journal and for listings.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { "‹name of \(bytes.count) bytes›" }
    package var debugDescription: String { description }

    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
