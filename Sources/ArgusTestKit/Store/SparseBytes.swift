/// A sparse array of bytes, kept in 4 KiB pages: what an object of a simulated store holds.
///
/// A value: a copy is a snapshot and costs no more than its page table.
package struct SparseBytes: Sendable, Equatable {
    package static let pageByteCount = 4096

    private var pages: [UInt64: [UInt8]] = [:]
    package private(set) var size: UInt64 = 0

    package init() {}

    package init(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0, at: 0) }
    }

    /// Bytes that the pages written so far take up; a hole takes none.
    package var allocatedByteCount: UInt64 { UInt64(pages.count) * UInt64(Self.pageByteCount) }

    /// The whole content, holes as zeros. For small contents: it is one array.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            count = read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
    }

    /// How many pages a write of `range` would add.
    package func missingPageCount(in range: Range<UInt64>) -> UInt64 {
        guard !range.isEmpty else { return 0 }
        let page = UInt64(Self.pageByteCount)
        return (range.lowerBound / page...(range.upperBound - 1) / page)
            .reduce(0) { pages[$1] == nil ? $0 + 1 : $0 }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        guard offset < size else { return 0 }
        let count = Int(min(UInt64(buffer.count), size - offset))
        Self.eachPage(of: offset..<offset + UInt64(count)) { page, part, position in
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + part.count])
            if let content = pages[page] {
                content.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[part])) }
            } else {
                _ = target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
        return count
    }

    package mutating func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) {
        guard !buffer.isEmpty else { return }
        let end = offset + UInt64(buffer.count)
        Self.eachPage(of: offset..<end) { page, part, position in
            let source = UnsafeRawBufferPointer(rebasing: buffer[position..<position + part.count])
            pages[page, default: Self.emptyPage].withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[part]).copyMemory(from: source)
            }
        }
        size = max(size, end)
    }

    package mutating func truncate(to newSize: UInt64) {
        if newSize < size {
            zero(newSize..<size)
        }
        size = newSize
    }

    /// Makes a hole; the size stays.
    package mutating func zero(_ range: Range<UInt64>) {
        let range = range.clamped(to: 0..<size)
        guard !range.isEmpty else { return }
        for (page, _) in pages {
            let start = page * UInt64(Self.pageByteCount)
            let part = range.clamped(to: start..<start + UInt64(Self.pageByteCount))
            // A page counts as wholly cut when nothing of it lies below the size outside the range.
            if part.lowerBound == start, part.upperBound == min(start + UInt64(Self.pageByteCount), size) {
                pages[page] = nil
            } else if !part.isEmpty {
                let inside = Int(part.lowerBound - start)..<Int(part.upperBound - start)
                pages[page]?.withUnsafeMutableBytes {
                    _ = UnsafeMutableRawBufferPointer(rebasing: $0[inside])
                        .initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        }
    }

    /// Calls `body` with the offset and the bytes of each page that is no hole, cut at the size.
    package func forEachPage(_ body: (UInt64, ArraySlice<UInt8>) -> Void) {
        for (page, bytes) in pages {
            let offset = page * UInt64(Self.pageByteCount)
            guard offset < size else { continue }
            body(offset, bytes.prefix(Int(min(UInt64(bytes.count), size - offset))))
        }
    }

    package static func == (left: Self, right: Self) -> Bool {
        guard left.size == right.size else { return false }
        return Set(left.pages.keys).union(right.pages.keys).allSatisfy {
            left.pages[$0, default: emptyPage] == right.pages[$0, default: emptyPage]
        }
    }

    private static let emptyPage = [UInt8](repeating: 0, count: pageByteCount)

    /// Calls `body` with each page of `range`, the part of the page it covers, and that part's position in the range.
    private static func eachPage(of range: Range<UInt64>, _ body: (UInt64, Range<Int>, Int) -> Void) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let start = Int(offset % UInt64(pageByteCount))
            let count = min(pageByteCount - start, Int(range.upperBound - offset))
            body(offset / UInt64(pageByteCount), start..<start + count, Int(offset - range.lowerBound))
            offset += UInt64(count)
        }
    }
}
