/// A format's bytes ended early, or a field holds what the format does not allow.
package struct MalformedBytes: Error, Hashable, Sendable {
    package init() {}
}

/// Reads little-endian fields one after another, never past the end.
///
/// It borrows its bytes: use it only inside the `withUnsafeBytes` that lent them.
package struct ByteReader {
    private let source: UnsafeRawBufferPointer
    package private(set) var offset = 0

    package init(_ source: UnsafeRawBufferPointer) {
        self.source = source
    }

    package var remaining: Int { source.count - offset }

    package mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) throws(MalformedBytes)
        -> T
    {
        guard remaining >= MemoryLayout<T>.size else { throw MalformedBytes() }
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    package mutating func bytes(_ count: Int) throws(MalformedBytes) -> [UInt8] {
        [UInt8](try slice(count))
    }

    /// Like `bytes`, without a copy: valid as long as the reader's own bytes.
    package mutating func slice(_ count: Int) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else { throw MalformedBytes() }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: source[offset..<offset + count])
    }

    package mutating func identifier<Kind>(_: Identifier<Kind>.Type = Identifier<Kind>.self) throws(MalformedBytes)
        -> Identifier<Kind>
    {
        guard let identifier = Identifier<Kind>(bytes: try slice(Identifier<Kind>.byteCount)) else {
            throw MalformedBytes()
        }
        return identifier
    }
}

/// Writes little-endian fields one after another.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    package mutating func identifier<Kind>(_ value: Identifier<Kind>) { append(value.bytes) }

    /// Appends zeros up to `count` bytes in all, which must not be exceeded already.
    package mutating func pad(to count: Int) {
        precondition(bytes.count <= count, "the fields are longer than the space they were given")
        bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    }
}
