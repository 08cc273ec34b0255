internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore

/// Who looks at the pages of a tree on storage, one after another.
protocol TreeVisitor {
    /// Whether to go into a map page.
    mutating func enters(_ entry: MapEntry, key: NodeKey) -> Bool
    /// A map page could not be opened, or a page is where it must not be. Throwing ends the walk.
    mutating func failed(_ error: CapsuleError) throws(CapsuleError)
    /// Data pages of the file, from page `index` on; holes are among them.
    mutating func visit(_ entries: UnsafeBufferPointer<MapEntry>, from index: UInt64) throws(CapsuleError)
}

/// Goes through the tree of one root as it lies on storage, apart from any capsule in use.
struct TreeWalk {
    let root: CapsuleRoot
    let object: any BackingObject
    let cipher: PageCipher

    init(_ root: CapsuleRoot, object: any BackingObject, cipher: PageCipher) {
        self.root = root
        self.object = object
        self.cipher = cipher
    }

    func run(_ visitor: inout some TreeVisitor) throws(CapsuleError) {
        guard root.contentKind == .entries else { return }
        let top = MapNode(NodeKey(level: root.height + 1, index: 0))
        UnsafeMutableRawBufferPointer(start: top.bytes, count: CapsuleFormat.contentByteCount)
            .copyBytes(from: root.content)
        try walk(top, count: CapsuleFormat.topEntryCount, &visitor)
    }

    private func walk(_ node: MapNode, count: Int, _ visitor: inout some TreeVisitor) throws(CapsuleError) {
        let first = node.key.index << CapsuleFormat.nodeShift
        if node.key.level == 1 {
            try visitor.visit(UnsafeBufferPointer(start: node.entries, count: count), from: first)
            return
        }
        for place in 0..<count {
            let entry = node.entries[place]
            let key = NodeKey(level: node.key.level - 1, index: first + UInt64(place))
            guard !entry.isHole, visitor.enters(entry, key: key) else { continue }
            do throws(CapsuleError) {
                let child = try Capsule.loadNode(key, entry: entry, from: object, cipher: cipher)
                try walk(child, count: CapsuleFormat.nodeEntryCount, &visitor)
            } catch .unauthentic(.mapPage(page: entry.page)) {
                try visitor.failed(.unauthentic(.mapPage(page: entry.page)))
            }
        }
    }
}

/// Collects the pages that a tree refers to.
struct PageCollector: TreeVisitor {
    private(set) var extents: [Extent] = []

    mutating func enters(_ entry: MapEntry, key: NodeKey) -> Bool {
        add(entry.page)
        return true
    }

    mutating func failed(_ error: CapsuleError) throws(CapsuleError) { throw error }

    mutating func visit(_ entries: UnsafeBufferPointer<MapEntry>, from index: UInt64) throws(CapsuleError) {
        for entry in entries where !entry.isHole { add(entry.page) }
    }

    mutating func add(_ more: [Extent]) { extents += more }

    private mutating func add(_ page: UInt64) {
        if let last = extents.last, last.end == page {
            extents[extents.count - 1].count += 1
        } else {
            extents.append(Extent(start: page, count: 1))
        }
    }
}

/// Opens data pages, runs that lie together with one read.
struct DataCheck {
    let object: any BackingObject
    let cipher: PageCipher

    /// Calls `bad` for each page that is not authentic, and `good` for the others with their plaintext.
    func run(
        _ entries: UnsafeBufferPointer<MapEntry>, from index: UInt64, where isWanted: (MapEntry) -> Bool,
        bad: (CapsuleFinding) throws(CapsuleError) -> Void,
        good: (UInt64, UnsafeRawBufferPointer) throws(CapsuleError) -> Void = { (_, _) throws(CapsuleError) in }
    ) throws(CapsuleError) {
        try Scratch.with { scratch throws(CapsuleError) in
            var place = 0
            while place < entries.count {
                let entry = entries[place]
                guard !entry.isHole, isWanted(entry) else {
                    place += 1
                    continue
                }
                var run = 1
                while place + run < entries.count, entries[place + run].page == entry.page + UInt64(run),
                    isWanted(entries[place + run])
                { run += 1 }
                let got = try stored { () throws(StoreError) in
                    try object.read(into: scratch.buffer(pages: run), at: entry.page << CapsuleFormat.pageShift)
                }
                for step in 0..<run {
                    let position = index + UInt64(place + step)
                    let isAuthentic = try cipher.withContext { context throws(CapsuleError) in
                        try cipher.open(
                            scratch.page(step), entry: entries[place + step], as: .data, position: position,
                            with: context)
                    }
                    if isAuthentic, got >= (step + 1) * CapsuleFormat.pageByteCount {
                        let bytes = UnsafeRawBufferPointer(
                            start: scratch.page(step), count: CapsuleFormat.pageByteCount)
                        try good(position, bytes)
                    } else {
                        try bad(
                            .dataPage(page: entry.page + UInt64(step), offset: position << CapsuleFormat.pageShift))
                    }
                }
                place += run
            }
        }
    }
}
