/// Writes little-endian fields one after another into memory that the caller lends.
///
/// The caller has made sure that they fit: a write past the end traps.
struct RawWriter {
    let target: UnsafeMutableRawBufferPointer
    private(set) var offset: Int

    init(_ target: UnsafeMutableRawBufferPointer, at offset: Int = 0) {
        self.target = target
        self.offset = offset
    }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        let count = MemoryLayout<T>.size
        precondition(offset + count <= target.count)
        target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
        offset += count
    }

    /// The sixteen bytes of an identifier, as `Identifier.bytes` orders them.
    @inline(__always)
    mutating func identifier(high: UInt64, low: UInt64) {
        integer(high.byteSwapped)
        integer(low.byteSwapped)
    }

    @inline(__always)
    mutating func bytes(_ source: UnsafeRawBufferPointer) {
        precondition(offset + source.count <= target.count)
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        (to + offset).copyMemory(from: from, byteCount: source.count)
        offset += source.count
    }
}
