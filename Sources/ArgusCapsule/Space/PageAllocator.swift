internal import ArgusCore

/// Decides where pages go. Pure: it touches no storage.
///
/// A page that the protected root (the last durable one) or the last written root refers to is never handed out:
///
///     in use ──release, born in this commit──────────────────────────▶ free
///        ├──release, born after the protected root──▶ afterWrite ──slotWritten──▶ free
///        │                                               └─becameDurable─┐
///        └──release, born before───────────────────────▶ afterDurable ◀──┘ ──becameDurable of a later commit──▶ free
struct PageAllocator: Sendable {
    /// Pages from here on were never handed out.
    private(set) var end: UInt64
    private var free: [Extent]
    /// Where the next look for a free extent starts.
    private var cursor = 0
    /// Single pages that are free as well.
    private var loose: [UInt64] = []
    private var afterWrite: [Extent] = []
    private var afterDurable: [(since: CommitNumber, extents: [Extent])] = []
    /// False where pages may be free that nobody knows of.
    private(set) var isComplete = true
    /// Whether pages became free that may hold something.
    var hasFreed = false

    /// How many free extents are looked at for a better place.
    private static let probeCountMax = 256

    init(end: UInt64 = CapsuleFormat.firstPage, free: ExtentSet = ExtentSet()) {
        self.end = max(end, CapsuleFormat.firstPage)
        self.free = free.extents
    }

    /// Adds pages that only the protected root refers to: unused since commit `since`.
    mutating func hold(_ extents: ExtentSet, since commit: CommitNumber) {
        guard !extents.isEmpty else { return }
        afterDurable.append((commit, extents.extents))
    }

    /// Hands out at least one and at most `wanted` pages that lie together.
    mutating func take(_ wanted: UInt64) -> Extent {
        if wanted == 1, let page = loose.popLast() { return Extent(start: page, count: 1) }
        while cursor < free.count, free[cursor].count == 0 { cursor += 1 }
        var best: Int?
        for place in cursor..<min(free.count, cursor + Self.probeCountMax) {
            if free[place].count >= wanted {
                best = place
                break
            }
            if free[place].count > (best.map { free[$0].count } ?? 0) { best = place }
        }
        // Splitting a long run over small holes would cost a system call each.
        if let best, free[best].count > 0, free[best].count >= wanted / 4 {
            let extent = Extent(start: free[best].start, count: min(wanted, free[best].count))
            free[best].start += extent.count
            free[best].count -= extent.count
            return extent
        }
        defer { end += wanted }
        return Extent(start: end, count: wanted)
    }

    /// Takes back pages that nothing was mapped to.
    mutating func putBack(_ extent: Extent) {
        for page in extent.start..<extent.end { loose.append(page) }
        hasFreed = true
    }

    /// Takes a page that the tree of commit `working` no longer refers to.
    mutating func release(page: UInt64, birth: CommitNumber, working: CommitNumber, protected: CommitNumber) {
        hasFreed = true
        if birth == working {
            loose.append(page)
        } else if birth > protected {
            Self.add(page, to: &afterWrite)
        } else {
            if afterDurable.last?.since != working { afterDurable.append((working, [])) }
            Self.add(page, to: &afterDurable[afterDurable.count - 1].extents)
        }
    }

    /// A part of the tree could not be read: its pages are found again by `Capsule.finish`, or by the next writer.
    mutating func forgetSome() { isComplete = false }

    /// Adds the pages up to `newEnd` as free ones.
    mutating func extend(to newEnd: UInt64) {
        guard newEnd > end else { return }
        merge(ExtentSet([Extent(start: end, count: newEnd - end)]))
        end = newEnd
    }

    /// A slot with a newer root was written.
    mutating func slotWritten() {
        merge(ExtentSet(afterWrite))
        afterWrite = []
    }

    /// The root of `commit`, the last one written, is durable and protected from now on.
    mutating func becameDurable(_ commit: CommitNumber, working: CommitNumber) {
        let freed = afterDurable.filter { $0.since <= commit }.flatMap(\.extents)
        afterDurable.removeAll { $0.since <= commit }
        if !afterWrite.isEmpty {
            afterDurable.append((working, afterWrite))
            afterWrite = []
        }
        if !freed.isEmpty { merge(ExtentSet(freed)) }
    }

    /// What is free once the tree is committed: where the object ends then, all free extents below, and those of them
    /// that nothing on storage refers to. Nil where there are more than `limit`, or not all are known.
    func freeAfterCommit(limit: Int) -> (end: UInt64, all: ExtentSet, unprotected: ExtentSet)? {
        let held = afterDurable.reduce(0) { $0 + $1.extents.count }
        guard isComplete, free.count + loose.count + afterWrite.count + held <= limit else { return nil }
        var unprotected = ExtentSet(free + afterWrite + loose.map { Extent(start: $0, count: 1) })
        let end = unprotected.removeTrailing(before: end)
        return (end, unprotected.merged(with: ExtentSet(afterDurable.flatMap(\.extents))), unprotected)
    }

    /// Extents that may hold something and refer to nothing that is needed.
    var freedExtentCount: Int {
        hasFreed ? free.count + loose.count + afterWrite.count + afterDurable.reduce(0) { $0 + $1.extents.count } : 0
    }

    /// Pages that wait for a commit to become durable.
    var heldPageCount: UInt64 { afterDurable.reduce(0) { $0 + $1.extents.reduce(0) { $0 + $1.count } } }

    /// The object was cut at `newEnd`: pages from there on are handed out anew.
    mutating func cut(to newEnd: UInt64) {
        merge(ExtentSet())
        while let last = free.last, last.end > newEnd {
            if last.start >= newEnd { free.removeLast() } else { free[free.count - 1].count = newEnd - last.start }
        }
        end = min(end, newEnd)
    }

    private mutating func merge(_ more: ExtentSet) {
        let singles = ExtentSet(loose.map { Extent(start: $0, count: 1) })
        loose = []
        free = ExtentSet(free.filter { $0.count > 0 }).merged(with: more).merged(with: singles).extents
        cursor = 0
    }

    private static func add(_ page: UInt64, to extents: inout [Extent]) {
        if let last = extents.last, last.end == page {
            extents[extents.count - 1].count += 1
        } else {
            extents.append(Extent(start: page, count: 1))
        }
    }
}
