/// The tree that maps pages of the file to pages of the object, as far as it is in memory. It touches no storage.
///
/// The root's 32 entries are always here; map pages below are kept up to a limit. A dirty node and all above it
/// stay until they are written. Guarded by the capsule's `state` lock.
struct MapTree {
    /// Clean nodes kept: 4 MiB, enough to map 256 MiB.
    static let nodeCountMax = 1024

    private(set) var height: Int
    /// The entries of the root.
    private var top: [MapEntry]
    private var nodes: [NodeKey: MapNode] = [:]
    /// Nodes in the order in which they are looked at for eviction.
    private var ring: [NodeKey] = []
    private var hand = 0
    private(set) var dirty: [NodeKey] = []
    /// Rises whenever a page may have become free: what was looked up before may be stale.
    private(set) var version: UInt64 = 0

    init(height: Int = 0) {
        self.height = height
        top = Array(repeating: .hole, count: CapsuleFormat.topEntryCount)
    }

    init(_ root: CapsuleRoot) {
        self.init(height: root.height)
        guard root.contentKind == .entries else { return }
        root.content.withUnsafeBytes { bytes in
            for place in top.indices {
                let start = place * CapsuleFormat.entryByteCount
                top[place] = MapEntry(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<start + CapsuleFormat.entryByteCount]))
            }
        }
    }

    /// The entries of the root as bytes.
    var topBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(CapsuleFormat.contentByteCount)
        for entry in top { entry.withBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    var capacity: UInt64 { CapsuleFormat.capacity(height: height) }
    var topIsEmpty: Bool { top.allSatisfy(\.isHole) }

    /// What is known of some pages of the file, from one on.
    enum Lookup {
        /// So many entries were copied.
        case entries(Int)
        /// So many pages, at least, are holes.
        case hole(UInt64)
        /// This node has to be loaded first.
        case missing(NodeKey, MapEntry)
    }

    /// Copies up to `limit` entries from page `index` on, as far as they lie in one node.
    mutating func look(at index: UInt64, limit: Int, into target: UnsafeMutablePointer<MapEntry>) -> Lookup {
        guard index < capacity else { return .hole(.max - index) }
        if height == 0 {
            let count = min(limit, top.count - Int(index))
            for place in 0..<count { target[place] = top[Int(index) + place] }
            return .entries(count)
        }
        var level = 1
        while level <= height {
            let key = Self.key(level: level, for: index)
            if let node = nodes[key] {
                node.isRecent = true
                let place = Self.place(of: index, level: level)
                if level == 1 {
                    let count = min(limit, CapsuleFormat.nodeEntryCount - place)
                    target.update(from: node.entries + place, count: count)
                    return .entries(count)
                }
                return Self.below(node.entries[place], level: level - 1, index: index)
            }
            level += 1
        }
        return Self.below(top[Int(Self.key(level: height, for: index).index)], level: height, index: index)
    }

    private static func below(_ entry: MapEntry, level: Int, index: UInt64) -> Lookup {
        let key = key(level: level, for: index)
        guard entry.isHole else { return .missing(key, entry) }
        let end = (key.index + 1) << (CapsuleFormat.nodeShift * UInt64(level))
        return .hole(end - index)
    }

    // MARK: Nodes

    static func key(level: Int, for index: UInt64) -> NodeKey {
        NodeKey(level: level, index: index >> (CapsuleFormat.nodeShift * UInt64(level)))
    }

    /// Where the child that covers page `index` stands in the node of that level.
    static func place(of index: UInt64, level: Int) -> Int {
        Int(index >> (CapsuleFormat.nodeShift * UInt64(level - 1)) & 63)
    }

    func node(_ key: NodeKey) -> MapNode? { nodes[key] }

    /// The entry that refers to the node; nil where its parent is not in memory.
    func entry(of key: NodeKey) -> MapEntry? {
        if key.level == height { return key.index < UInt64(top.count) ? top[Int(key.index)] : nil }
        let parent = NodeKey(level: key.level + 1, index: key.index >> CapsuleFormat.nodeShift)
        return nodes[parent]?.entries[Int(key.index & 63)]
    }

    /// Sets the entry that refers to the node, whose parent is in memory.
    mutating func setEntry(of key: NodeKey, to entry: MapEntry) {
        version += 1
        if key.level == height {
            top[Int(key.index)] = entry
            return
        }
        let parent = NodeKey(level: key.level + 1, index: key.index >> CapsuleFormat.nodeShift)
        guard let node = nodes[parent] else { preconditionFailure("the parents of dirty nodes stay in memory") }
        node.entries[Int(key.index & 63)] = entry
    }

    /// Maps a page of the file, whose leaf is in memory, and returns what it was mapped to.
    mutating func setPage(_ index: UInt64, to entry: MapEntry) -> MapEntry {
        version += 1
        if height == 0 {
            defer { top[Int(index)] = entry }
            return top[Int(index)]
        }
        guard let leaf = nodes[Self.key(level: 1, for: index)] else { preconditionFailure("the leaf is dirty") }
        let place = Int(index & 63)
        defer { leaf.entries[place] = entry }
        return leaf.entries[place]
    }

    /// Keeps a node that was read, if the tree still refers to that version of it.
    mutating func keep(_ node: MapNode, readFrom entry: MapEntry, at version: UInt64) {
        guard nodes[node.key] == nil, node.key.level <= height else { return }
        guard version == self.version || self.entry(of: node.key).map({ $0 == entry }) == true else { return }
        add(node)
    }

    mutating func add(_ node: MapNode) {
        nodes[node.key] = node
        if ring.count >= 2 * (nodes.count + Self.nodeCountMax) {
            ring = Array(nodes.keys)
        } else {
            ring.append(node.key)
        }
        if nodes.count > Self.nodeCountMax + dirty.count { evict() }
    }

    mutating func markDirty(_ node: MapNode) {
        guard !node.isDirty else { return }
        node.isDirty = true
        dirty.append(node.key)
    }

    mutating func markAllClean() {
        for key in dirty { nodes[key]?.isDirty = false }
        dirty = []
    }

    mutating func remove(_ key: NodeKey) {
        version += 1
        nodes[key] = nil
    }

    /// Drops one clean node that was not used lately.
    private mutating func evict() {
        var steps = 2 * ring.count
        while steps > 0 && !ring.isEmpty {
            steps -= 1
            if hand >= ring.count { hand = 0 }
            let key = ring[hand]
            guard let node = nodes[key] else {
                ring.swapAt(hand, ring.count - 1)
                ring.removeLast()
                continue
            }
            if node.isDirty || node.isRecent {
                node.isRecent = false
                hand += 1
                continue
            }
            nodes[key] = nil
            ring.swapAt(hand, ring.count - 1)
            ring.removeLast()
            return
        }
    }

    // MARK: Height

    /// Adds a level: what the root referred to becomes the first node below it.
    mutating func raise() {
        version += 1
        let isBlank = topIsEmpty && nodes.isEmpty
        height += 1
        guard !isBlank else { return }
        let node = MapNode(NodeKey(level: height, index: 0))
        for place in top.indices {
            node.entries[place] = top[place]
            top[place] = .hole
        }
        add(node)
        markDirty(node)
    }

    /// Takes a level away; the first node below the root, if there is one, was `node`, and its upper half is empty.
    mutating func lower(_ node: MapNode?) {
        version += 1
        nodes[NodeKey(level: height, index: 0)] = nil
        for place in top.indices { top[place] = node?.entries[place] ?? .hole }
        height -= 1
    }

    /// Forgets everything: the file has no pages.
    mutating func clear() {
        let version = version + 1
        self = MapTree()
        self.version = version
    }

    /// Raises the version when another tree takes this one's place.
    mutating func follow(_ version: UInt64) { self.version = version + 1 }
}
