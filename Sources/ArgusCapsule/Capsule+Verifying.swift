internal import ArgusCore
internal import ArgusCrypto
package import ArgusStore
internal import ArgusSystem

extension Capsule {
    /// Authenticates the whole object and returns what is wrong with it: both slots, every page in use, the padding
    /// behind the end of the file, the list of free pages. With `.clean`, the object must be at rest: every byte of it
    /// is authentic or zero, and nothing lies behind its end.
    ///
    /// `progress` is told the bytes read so far. Throws where nothing can be judged: no key, storage failed.
    package static func verify(
        _ object: any BackingObject, identity: CapsuleIdentity, keys: FolderKeys, expecting: OpenExpectation,
        progress: (UInt64) -> Void
    ) throws(CapsuleError) -> [CapsuleFinding] {
        do throws(CapsuleError) {
            let slots = try SlotPair.read(object, identity: identity, keys: keys)
            let chosen = try slots.choose(expecting, object: object)
            var isAtRest = false
            if case .clean = expecting { isAtRest = true }
            var check = CapsuleCheck(object: object, slot: chosen, isAtRest: isAtRest)
            try check.run(slots, progress: progress)
            return check.findings
        } catch .unauthentic(let finding) {
            return [finding]
        }
    }
}

/// One verification: first the tree of the newest root, then, at rest, everything that it does not refer to.
private struct CapsuleCheck {
    let object: any BackingObject
    let slot: Slot
    let isAtRest: Bool
    private(set) var findings: [CapsuleFinding] = []

    init(object: any BackingObject, slot: Slot, isAtRest: Bool) {
        self.object = object
        self.slot = slot
        self.isAtRest = isAtRest
    }

    mutating func run(_ slots: SlotPair, progress: (UInt64) -> Void) throws(CapsuleError) {
        var byteCount: UInt64 = 0
        progress(byteCount)
        var pages = TreePages()
        var found: [CapsuleFinding] = []
        try walk(slot, into: &pages, findings: &found) {
            byteCount += $0
            progress(byteCount)
        }
        findings += found
        var list: FreeList?
        do throws(CapsuleError) {
            list = try FreeList.read(slot.root, from: object, cipher: slot.cipher)
        } catch .unauthentic(let finding) {
            findings.append(finding)
        }
        if let list { pages.collector.add(list.pages.map { Extent(start: $0.page, count: 1) }) }
        if pages.dataPageCount != slot.root.dataPageCount || pages.mapPageCount != slot.root.mapPageCount {
            findings.append(.pageCount)
        }
        guard isAtRest else { return }
        try checkOther(slots, pages, list) {
            byteCount += $0
            progress(byteCount)
        }
    }

    /// Opens every page of a tree.
    private func walk(
        _ slot: Slot, into pages: inout TreePages, findings: inout [CapsuleFinding], progress: (UInt64) -> Void
    ) throws(CapsuleError) {
        try withoutActuallyEscaping(progress) { progress throws(CapsuleError) in
            var visitor = TreeCheck(slot: slot, object: object, progress: progress)
            try TreeWalk(slot.root, object: object, cipher: slot.cipher).run(&visitor)
            pages = visitor.pages
            findings = visitor.findings
            pages.isWhole = visitor.findings.isEmpty
        }
    }

    /// What a tree refers to.
    struct TreePages {
        var collector = PageCollector()
        var dataPageCount: UInt64 = 0
        var mapPageCount: UInt64 = 0
        var isWhole = true
    }

    // MARK: At rest

    private mutating func checkOther(
        _ slots: SlotPair, _ pages: TreePages, _ list: FreeList?, progress: (UInt64) -> Void
    ) throws(CapsuleError) {
        let end = slot.root.pageCount
        let size = try stored { () throws(StoreError) in try object.size() }
        if size > end << CapsuleFormat.pageShift { findings.append(.trailingBytes) }
        if size < end << CapsuleFormat.pageShift { findings.append(.truncated) }
        let isOtherGood = slots.otherMatches(slot)
        if !isOtherGood { findings.append(.otherSlot(slot: 1 - slot.number)) }

        let range = CapsuleFormat.firstPage..<max(end, CapsuleFormat.firstPage)
        let used = ExtentSet(pages.collector.extents)
        let referenceCount = pages.collector.extents.reduce(0) { $0 + $1.count }
        if used.pageCount != referenceCount || (used.extents.last.map { $0.end > range.upperBound } ?? false) {
            findings.append(.pageCount)
            return
        }
        // Without all map pages nobody knows what is free.
        guard pages.isWhole, let list else { return }
        let free = used.complement(in: range)
        if !slot.root.flags.contains(.listsFreePages) || free.extents != list.free.extents {
            findings.append(.freeList)
        }
        var kept = ExtentSet()
        if isOtherGood, case .authentic(let other) = slots[1 - slot.number] {
            // Until the newest root is durable, the one before is what a power cut leaves: it is whole as well.
            guard let pages = try checkKept(other, used: used, progress: progress) else { return }
            kept = pages
        }
        // What is behind the object's end was told as such; a root can name any length.
        let last = CapsuleFormat.pages(size)
        for extent in free.extents where extent.start < last {
            let present = Extent(start: extent.start, count: min(extent.end, last) - extent.start)
            try checkZero(present, but: kept, progress: progress)
        }
    }

    /// Opens what the root in the other slot refers to, and tells its pages; nil where not all of them can be known.
    private mutating func checkKept(
        _ other: Slot, used: ExtentSet, progress: (UInt64) -> Void
    ) throws(CapsuleError) -> ExtentSet? {
        var pages = TreePages()
        var found: [CapsuleFinding] = []
        try walk(other, into: &pages, findings: &found, progress: progress)
        do throws(CapsuleError) {
            let list = try FreeList.read(other.root, from: object, cipher: slot.cipher)
            pages.collector.add(list.pages.map { Extent(start: $0.page, count: 1) })
        } catch .unauthentic {
            found.append(.keptPage(page: other.root.freeList.page))
        }
        for finding in found {
            switch finding {
            case .mapPage(let page), .dataPage(let page, _), .keptPage(let page):
                // What both roots refer to was reported already.
                if !used.contains(page) { findings.append(.keptPage(page: page)) }
            default: findings.append(finding)
            }
        }
        return found.isEmpty ? ExtentSet(pages.collector.extents) : nil
    }

    private mutating func checkZero(
        _ extent: Extent, but kept: ExtentSet, progress: (UInt64) -> Void
    ) throws(CapsuleError) {
        let ranges = kept.complement(in: extent.start..<extent.end).extents
        for range in ranges {
            var page = range.start
            while page < range.end {
                let count = Int(min(range.end - page, UInt64(Scratch.pageCount)))
                let bad = try Scratch.with { scratch throws(CapsuleError) -> UInt64? in
                    let buffer = scratch.buffer(pages: count)
                    let got = try stored { () throws(StoreError) in
                        try object.read(into: buffer, at: page << CapsuleFormat.pageShift)
                    }
                    let place = buffer[..<got].firstIndex { $0 != 0 }
                    return place.map { page + UInt64($0 / CapsuleFormat.pageByteCount) }
                }
                if let bad { findings.append(.freePage(page: bad)) }
                progress(UInt64(count) << CapsuleFormat.pageShift)
                page += UInt64(count)
            }
        }
    }
}

/// Opens every page of a tree and keeps what is wrong.
private struct TreeCheck: TreeVisitor {
    let slot: Slot
    let object: any BackingObject
    let progress: (UInt64) -> Void
    private(set) var pages = CapsuleCheck.TreePages()
    private(set) var findings: [CapsuleFinding] = []

    init(slot: Slot, object: any BackingObject, progress: @escaping (UInt64) -> Void) {
        self.slot = slot
        self.object = object
        self.progress = progress
    }

    mutating func enters(_ entry: MapEntry, key: NodeKey) -> Bool {
        pages.mapPageCount += 1
        progress(UInt64(CapsuleFormat.pageByteCount))
        return pages.collector.enters(entry, key: key)
    }

    mutating func failed(_ error: CapsuleError) throws(CapsuleError) {
        guard case .unauthentic(let finding) = error else { throw error }
        findings.append(finding)
    }

    mutating func visit(_ entries: UnsafeBufferPointer<MapEntry>, from index: UInt64) throws(CapsuleError) {
        try pages.collector.visit(entries, from: index)
        let count = UInt64(entries.count { !$0.isHole })
        pages.dataPageCount += count
        let end = CapsuleFormat.pages(slot.root.size)
        let lastCount = Int(slot.root.size & UInt64(CapsuleFormat.pageByteCount - 1))
        var found: [CapsuleFinding] = []
        try DataCheck(object: object, cipher: slot.cipher).run(
            entries, from: index, where: { !$0.isHole },
            bad: { finding throws(CapsuleError) in found.append(finding) },
            good: { (position, bytes) throws(CapsuleError) in
                let isPadded =
                    position + 1 != end || lastCount == 0 || bytes[lastCount...].allSatisfy { $0 == 0 }
                if position >= end || !isPadded {
                    let entry = entries[Int(position - index)]
                    found.append(.dataPage(page: entry.page, offset: position << CapsuleFormat.pageShift))
                }
            })
        findings += found
        progress(count << CapsuleFormat.pageShift)
    }
}
