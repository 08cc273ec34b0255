internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore
internal import ArgusSystem

/// Finding entries, loading map pages where they are not in memory.
extension Capsule {
    /// What `look` found, and the version of the tree it was found in.
    enum Found {
        case entries(Int)
        case hole(UInt64)
        /// The content of page 0.
        case inline([UInt8])
    }

    /// Reads and opens a map page. Static: recovery and verification have no capsule yet.
    static func loadNode(
        _ key: NodeKey, entry: MapEntry, from object: any BackingObject, cipher: PageCipher
    ) throws(CapsuleError) -> MapNode {
        let node = MapNode(key)
        let count = CapsuleFormat.pageByteCount
        let got = try stored { () throws(StoreError) in
            try object.read(
                into: UnsafeMutableRawBufferPointer(start: node.bytes, count: count),
                at: entry.page << CapsuleFormat.pageShift)
        }
        guard got == count else { throw .unauthentic(.mapPage(page: entry.page)) }
        let isAuthentic = try cipher.withContext { context throws(CapsuleError) in
            try cipher.open(
                node.bytes, entry: entry, as: .map, level: key.level, position: key.index, with: context)
        }
        guard isAuthentic, node.isWellFormed(generation: cipher.key.generation) else {
            throw .unauthentic(.mapPage(page: entry.page))
        }
        return node
    }

    func loadNode(_ key: NodeKey, entry: MapEntry) throws(CapsuleError) -> MapNode {
        try Self.loadNode(key, entry: entry, from: object, cipher: cipher)
    }

    /// Copies the entries of up to `limit` pages from `index` on, as far as they lie in one node; `version` becomes
    /// that of the tree they are from.
    ///
    /// A reader may find that a map page was replaced while it read the old one: then it looks again.
    func look(
        at index: UInt64, limit: Int, into target: UnsafeMutablePointer<MapEntry>, version: inout UInt64
    ) throws(CapsuleError) -> Found {
        while true {
            var missing: (NodeKey, MapEntry)?
            let found = state.withLock { () -> Found? in
                version = tree.version
                if index == 0, let inline { return .inline(inline) }
                switch tree.look(at: index, limit: limit, into: target) {
                case .entries(let count): return .entries(count)
                case .hole(let count): return .hole(count)
                case .missing(let key, let entry):
                    missing = (key, entry)
                    return nil
                }
            }
            if let found { return found }
            guard let (key, entry) = missing else { continue }
            do throws(CapsuleError) {
                let node = try loadNode(key, entry: entry)
                state.withLock { tree.keep(node, readFrom: entry, at: version) }
            } catch {
                if state.withLock({ tree.version == version }) { throw error }
            }
        }
    }

    /// Brings the nodes above page `index` into memory and marks them dirty, so that they stay. Under `writer`.
    ///
    /// Where they do not exist they are made, if `creates` is set.
    func makePathDirty(to index: UInt64, creates: Bool) throws(CapsuleError) {
        var level = state.withLock { tree.height }
        while level > 0 {
            let key = MapTree.key(level: level, for: index)
            let missing = state.withLock { () -> MapEntry? in
                if let node = tree.node(key) {
                    tree.markDirty(node)
                    return nil
                }
                let entry = tree.entry(of: key) ?? .hole
                guard entry.isHole, creates else { return entry }
                let node = MapNode(key)
                tree.add(node)
                tree.markDirty(node)
                return nil
            }
            if let missing {
                if missing.isHole { return }
                let node = try loadNode(key, entry: missing)
                state.withLock {
                    if tree.node(key) == nil { tree.add(node) }
                    if let kept = tree.node(key) { tree.markDirty(kept) }
                }
            }
            level -= 1
        }
    }

    /// The node, from memory or storage; nil: all its pages are holes. Under `writer`; its parent is in memory.
    func nodeToClear(_ key: NodeKey, entry: MapEntry) throws(CapsuleError) -> MapNode? {
        if let node = state.withLock({ tree.node(key) }) { return node }
        return entry.isHole ? nil : try loadNode(key, entry: entry)
    }
}
