/// Which node of the tree: level 1 refers to data pages, and covers 64 of them; each level above 64 times as many.
struct NodeKey: Hashable, Comparable, Sendable {
    var level: Int
    var index: UInt64

    /// Lower levels first.
    static func < (left: Self, right: Self) -> Bool {
        (left.level, left.index) < (right.level, right.index)
    }
}

/// A map page in memory: its 64 entries as they lie in the page.
///
/// `@unchecked`: guarded by the lock of the tree that holds it, or known to one thread only.
final class MapNode: @unchecked Sendable {
    let key: NodeKey
    let entries: UnsafeMutablePointer<MapEntry>
    /// Differs from what is on storage: stays in memory, and so do its ancestors.
    var isDirty = false
    /// Used since the last look for something to evict.
    var isRecent = true

    init(_ key: NodeKey) {
        self.key = key
        entries = .allocate(capacity: CapsuleFormat.nodeEntryCount)
        entries.initialize(repeating: .hole, count: CapsuleFormat.nodeEntryCount)
    }

    deinit { entries.deallocate() }

    /// The page itself: 64 entries of 64 bytes.
    var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(entries) }

    var isEmpty: Bool {
        (0..<CapsuleFormat.nodeEntryCount).allSatisfy { entries[$0].isHole }
    }

    func isWellFormed(generation: UInt32) -> Bool {
        let kind: PageKind = key.level == 1 ? .data : .map
        return (0..<CapsuleFormat.nodeEntryCount).allSatisfy {
            entries[$0].isWellFormed(kind, generation: generation)
        }
    }
}
