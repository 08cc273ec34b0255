/// Pages that lie one after another.
struct Extent: Hashable, Sendable {
    var start: UInt64
    var count: UInt64

    var end: UInt64 { start + count }
}

/// Extents in ascending order that neither touch nor overlap.
struct ExtentSet: Sendable {
    private(set) var extents: [Extent]

    init() { extents = [] }

    /// Takes extents in any order; those that touch or overlap become one.
    init(_ unordered: [Extent]) {
        extents = []
        for extent in unordered.sorted(by: { $0.start < $1.start }) { append(extent) }
    }

    /// Takes ascending extents as they are; nil where they touch, overlap or leave `range`.
    init?(ascending: [Extent], in range: Range<UInt64>) {
        var end = range.lowerBound
        for (position, extent) in ascending.enumerated() {
            guard extent.start >= range.lowerBound, extent.count > 0, extent.start < range.upperBound,
                extent.count <= range.upperBound - extent.start, position == 0 || extent.start > end
            else { return nil }
            end = extent.end
        }
        extents = ascending
    }

    var isEmpty: Bool { extents.isEmpty }
    var pageCount: UInt64 { extents.reduce(0) { $0 + $1.count } }

    func contains(_ page: UInt64) -> Bool {
        var (low, high) = (0, extents.count)
        while low < high {
            let middle = (low + high) / 2
            if extents[middle].end <= page { low = middle + 1 } else { high = middle }
        }
        return low < extents.count && extents[low].start <= page
    }

    /// Both together, in time proportional to their lengths.
    func merged(with other: ExtentSet) -> ExtentSet {
        if other.isEmpty { return self }
        if isEmpty { return other }
        var result = ExtentSet()
        result.extents.reserveCapacity(extents.count + other.extents.count)
        var (left, right) = (extents[...], other.extents[...])
        while let a = left.first, let b = right.first {
            if a.start <= b.start {
                result.append(a)
                left = left.dropFirst()
            } else {
                result.append(b)
                right = right.dropFirst()
            }
        }
        for extent in left { result.append(extent) }
        for extent in right { result.append(extent) }
        return result
    }

    /// What `range` holds beside these.
    func complement(in range: Range<UInt64>) -> ExtentSet {
        var result = ExtentSet()
        var position = range.lowerBound
        for extent in extents where extent.start < range.upperBound {
            if extent.start > position { result.append(Extent(start: position, count: extent.start - position)) }
            position = max(position, extent.end)
        }
        if position < range.upperBound {
            result.append(Extent(start: position, count: range.upperBound - position))
        }
        return result
    }

    /// Cuts off what ends at `end` and returns where that began, or `end`.
    mutating func removeTrailing(before end: UInt64) -> UInt64 {
        guard let last = extents.last, last.end == end else { return end }
        extents.removeLast()
        return last.start
    }

    private mutating func append(_ extent: Extent) {
        guard extent.count > 0 else { return }
        if let last = extents.last, extent.start <= last.end {
            extents[extents.count - 1].count = max(last.end, extent.end) - last.start
        } else {
            extents.append(extent)
        }
    }
}
