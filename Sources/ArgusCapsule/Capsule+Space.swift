internal import ArgusCore
internal import ArgusStore
internal import ArgusSystem

/// Pages of the object: taking, writing and releasing them. Under `writer`.
extension Capsule {
    /// What has to be true before anything is changed. The root that was found at open is made durable, since its
    /// slot is the one that stays; and the free pages are found.
    func prepareToWrite() throws(CapsuleError) {
        guard isWritable else { throw .store(.readOnly) }
        guard !isPoisoned else { throw .poisoned }
        guard working > (written?.commit ?? 0) else { throw .fileTooLarge }
        if isBlank {
            let size = try stored { () throws(StoreError) in try object.size() }
            if size > 0 { try stored { () throws(StoreError) in try object.truncate(to: 0) } }
            isBlank = false
        }
        guard allocator == nil else { return }
        try protectStart()
        allocator = try findFreePages()
        // What the root before kept, or lost commits left behind, is not zero.
        allocator?.hasFreed = true
    }

    /// Makes the root that was found at open durable.
    private func protectStart() throws(CapsuleError) {
        guard let written, durable == nil else { return }
        try syncObject()
        becomeDurable(written)
    }

    func takePages(_ count: Int) -> Extent {
        guard var free = allocator else { preconditionFailure("prepareToWrite made an allocator") }
        allocator = nil
        defer { allocator = free }
        return free.take(UInt64(count))
    }

    func release(_ entry: MapEntry) {
        guard !entry.isHole else { return }
        allocator?.release(
            page: entry.page, birth: entry.birth, working: working, protected: durable?.commit ?? 0)
    }

    func countSeals(_ count: UInt64) throws(CapsuleError) {
        guard sealCount + count <= CapsuleFormat.sealCountMax else { throw .fileTooLarge }
        sealCount += count
    }

    func write(_ pages: UnsafeRawPointer, to extent: Extent) throws(CapsuleError) {
        try stored { () throws(StoreError) in
            try object.write(
                UnsafeRawBufferPointer(start: pages, count: Int(extent.count) * CapsuleFormat.pageByteCount),
                at: extent.start << CapsuleFormat.pageShift)
        }
    }

    // MARK: Durability

    /// fdatasync(2). After a failure nothing can be said of what was written: the capsule is done with.
    func syncObject() throws(CapsuleError) {
        do throws(StoreError) {
            try object.sync()
        } catch {
            isPoisoned = true
            throw .store(error)
        }
    }

    /// `mark` is on storage for good, and the root to protect; unless it is not ordered while the protected one is:
    /// that one is what `OpenExpectation.ordered` will look for.
    func becomeDurable(_ mark: RootMark) {
        var mark = mark
        if durable == nil, let older, older.isOrdered, !mark.isOrdered { mark = older }
        if let durable, durable.isOrdered, !mark.isOrdered { return }
        state.withLock { durable = mark }
        allocator?.becameDurable(mark.commit, working: working)
    }

    // MARK: Free pages

    /// The free pages of an opened capsule: from its list, or, where it has none, by walking through the map.
    func findFreePages() throws(CapsuleError) -> PageAllocator {
        let range = CapsuleFormat.firstPage..<max(root.pageCount, CapsuleFormat.firstPage)
        let protected = durable.flatMap { $0.commit == root.commit ? nil : $0.root }
        if root.flags.contains(.listsFreePages), protected == nil {
            let list = try FreeList.read(root, from: object, cipher: cipher)
            listPages = list.pages
            return PageAllocator(end: range.upperBound, free: list.free)
        }
        let used = try usedPages(of: root)
        guard let protected else {
            return PageAllocator(end: range.upperBound, free: used.complement(in: range))
        }
        // The object is as long as the longer of both roots needs it.
        let ownList = listPages
        let olderUsed = try usedPages(of: protected)
        listPages = ownList
        let end = max(range.upperBound, protected.pageCount)
        let all = used.merged(with: olderUsed)
        var allocator = PageAllocator(end: end, free: all.complement(in: range.lowerBound..<end))
        let onlyOlder = used.merged(with: olderUsed.complement(in: range.lowerBound..<end))
            .complement(in: range.lowerBound..<end)
        allocator.hold(onlyOlder, since: root.commit)
        return allocator
    }

    /// Every page that a root refers to.
    func usedPages(of root: CapsuleRoot) throws(CapsuleError) -> ExtentSet {
        var collector = PageCollector()
        try TreeWalk(root, object: object, cipher: cipher).run(&collector)
        if root.flags.contains(.listsFreePages) {
            let list = try FreeList.read(root, from: object, cipher: cipher)
            listPages = list.pages
            collector.add(list.pages.map { Extent(start: $0.page, count: 1) })
        }
        return ExtentSet(collector.extents)
    }
}
