package import ArgusCore

/// Why a request cannot be served as it was sent.
package enum DecodingError: Error, Hashable, Sendable {
    /// The bytes are no request of the protocol: too short, too long, or a length inside them is wrong.
    case malformed
    /// The kernel asks for something that only an errno answers.
    case refused(errno: Int32)
    /// A name or argument that no file system takes.
    case invalid(FileSystemError)
}

/// The bytes of one request behind its header, read from front to back and never past their end.
///
/// They come from the kernel, and are treated as if they did not. The view borrows the receiver's buffer: it is valid
/// until the next request is read into it.
package struct RequestBody {
    private let source: UnsafeRawBufferPointer
    private var offset = 0

    package init(_ source: UnsafeRawBufferPointer) { self.source = source }

    package var remaining: Int { source.count - offset }

    /// Reads a structure of the protocol in the machine's byte order, which is the protocol's.
    package mutating func read<T: BitwiseCopyable>(_: T.Type) throws(DecodingError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw .malformed }
        defer { offset += MemoryLayout<T>.size }
        return source.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    /// Reads up to the next NUL and passes it.
    package mutating func string() throws(DecodingError) -> UnsafeRawBufferPointer {
        let rest = UnsafeRawBufferPointer(rebasing: source[offset...])
        guard let end = rest.firstIndex(of: 0) else { throw .malformed }
        offset += end + 1
        return UnsafeRawBufferPointer(rebasing: rest[..<end])
    }

    package mutating func name() throws(DecodingError) -> FileName {
        let bytes = try string()
        do throws(FileSystemError) {
            return try FileName(bytes)
        } catch {
            throw .invalid(error)
        }
    }

    /// Reads exactly `count` bytes.
    package mutating func bytes(_ count: Int) throws(DecodingError) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else { throw .malformed }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: source[offset..<offset + count])
    }

    /// The request ends here; anything more is not of this protocol.
    package func end() throws(DecodingError) {
        guard remaining == 0 else { throw .malformed }
    }
}
