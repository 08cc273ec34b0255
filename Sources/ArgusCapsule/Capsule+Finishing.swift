internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore
internal import ArgusSystem

extension Capsule {
    /// Held pages from which on, and the part of the file from which on, closing waits for one sync to free them.
    private static let heldPageMax: UInt64 = 256
    /// Trailing free pages that a root is not rewritten for.
    private static let trailingPageMax: UInt64 = 64

    /// Free extents shorter than that keep their blocks for the next write.
    private static let punchedPageMin: UInt64 = 16

    /// How many extents `finish` has to clear, at most: each costs a system call.
    package var freedExtentCount: Int { writer.withLock { allocator?.freedExtentCount ?? 0 } }

    /// Brings the object to rest at the last close: changes that were not committed are dropped, free pages are listed,
    /// punched or cut off, and a root that refers to some of them is replaced. Returns the final commit, which may be a
    /// new one.
    ///
    /// Does nothing where nothing is free and nothing is wrong; a file that was written once costs no call.
    @discardableResult
    package func finish() throws(CapsuleError) -> CommitInfo {
        try writer.withLock { () throws(CapsuleError) in
            guard isWritable, written != nil else { return currentInfo }
            guard !isPoisoned else { throw .poisoned }
            if isAtRest && !hasUncommitted { return currentInfo }
            let isOpenedUnclean = allocator == nil
            try prepareToWrite()
            if hasUncommitted || slotFailure != nil { try dropUncommitted() }
            guard let held = allocator?.heldPageCount else { return currentInfo }
            if held > Self.heldPageMax, held > dataPageCount / 4, let written {
                try syncObject()
                becomeDurable(written)
            }
            try rest(cleansAll: isOpenedUnclean)
            isAtRest = true
            return currentInfo
        }
    }

    private func rest(cleansAll: Bool) throws(CapsuleError) {
        if allocator?.isComplete == false { try countFreePages() }
        // Another folder's slot is overwritten once it is not the protected one.
        if !otherMatches, let written, durable?.commit != written.commit {
            try syncObject()
            becomeDurable(written)
        }
        guard let hasFreed = allocator?.hasFreed,
            cleansAll || hasFreed || !otherMatches || !root.flags.contains(.listsFreePages)
        else { return }
        try writeList()
        guard let plan = allocator?.freeAfterCommit(limit: .max) else { return }
        // The pages that the root's own list takes up are in no extent.
        for extent in plan.unprotected.extents { try punch(extent) }
        if plan.end < root.pageCount {
            try punch(Extent(start: plan.end, count: root.pageCount - plan.end))
        }
        let byteCount = root.pageCount << CapsuleFormat.pageShift
        if try stored({ () throws(StoreError) in try object.size() }) != byteCount {
            try stored { () throws(StoreError) in try object.truncate(to: byteCount) }
        }
        allocator?.cut(to: plan.end)
        allocator?.hasFreed = false
    }

    private func punch(_ extent: Extent) throws(CapsuleError) {
        let range = extent.start << CapsuleFormat.pageShift..<extent.end << CapsuleFormat.pageShift
        try stored { () throws(StoreError) in
            if extent.count < Self.punchedPageMin { try object.clear(range) } else { try object.punchHole(range) }
        }
    }

    /// Writes a root that lists all free pages, where the one on storage does not, or where the root in the other slot
    /// refers to pages that are about to be punched: both roots of a capsule at rest are whole.
    private func writeList() throws(CapsuleError) {
        guard let plan = allocator?.freeAfterCommit(limit: .max) else { return }
        let isListed = root.flags.contains(.listsFreePages) && otherMatches && isOtherKept
        if isListed, root.pageCount <= plan.end + Self.trailingPageMax { return }
        let (times, label) = (root.times, root.label)
        let flags = root.flags.subtracting([.listsFreePages, .pagesSynced])
        releaseList()
        let (entry, extents, end) = try sealList()
        _ = try writeRoot(times: times, label: label, flags: flags) { root in
            root.pageCount = end
            root.freeList = entry
            root.freeExtents = extents
            root.flags.insert(.listsFreePages)
        }
    }

    /// Whether no page of the root in the other slot was released: that root is the protected one, or there is none.
    private var isOtherKept: Bool {
        root.otherTag == CapsuleRootTag(high: 0, low: 0) || durable?.commit != written?.commit
            || allocator?.hasFreed == false
    }

    /// Seals the list: into the root where it is short, otherwise into pages of its own, the last one first.
    private func sealList() throws(CapsuleError) -> (entry: MapEntry, extents: ExtentSet, end: UInt64) {
        guard var plan = allocator?.freeAfterCommit(limit: .max) else { return (.hole, ExtentSet(), root.pageCount) }
        if plan.all.extents.count <= CapsuleFormat.rootExtentCount { return (.hole, plan.all, plan.end) }
        // Taking a page never makes more extents: it shortens one.
        var places: [UInt64] = []
        while places.count * CapsuleFormat.listExtentCount < plan.all.extents.count {
            places.append(takePages(1).start)
            plan = allocator?.freeAfterCommit(limit: .max) ?? plan
        }
        let extents = plan.all.extents
        var entry = MapEntry.hole
        try countSeals(UInt64(places.count))
        for (position, page) in places.enumerated().reversed() {
            // Evenly: the places that were taken may have been all of an extent, so that fewer are left than were counted.
            let part = extents[position * extents.count / places.count..<(position + 1) * extents.count / places.count]
            do throws(CapsuleError) {
                entry = try sealListPage(FreeList.page(part, next: entry), at: page, position: UInt64(position))
            } catch {
                allocator?.forgetSome()
                throw error
            }
            listPages.append(entry)
        }
        return (entry, ExtentSet(), plan.end)
    }

    private func sealListPage(_ plaintext: [UInt8], at page: UInt64, position: UInt64) throws(CapsuleError) -> MapEntry
    {
        try Scratch.with { scratch throws(CapsuleError) in
            random.fill(scratch.nonces(1))
            let bytes = scratch.buffer(pages: 1)
            bytes.copyBytes(from: plaintext)
            let entry = try cipher.withContext { context throws(CapsuleError) in
                try cipher.seal(
                    scratch.pages, into: scratch.pages, nonce: scratch.nonce(0), as: .free, position: position,
                    page: page, birth: working, with: context)
            }
            try write(scratch.pages, to: Extent(start: page, count: 1))
            return entry
        }
    }

    /// Goes back to the last commit written.
    private func dropUncommitted() throws(CapsuleError) {
        state.withLock {
            let version = tree.version
            tree = MapTree(root)
            tree.follow(version)
            inline = root.contentKind == .inline ? Array(root.content[..<Int(root.size)]) : nil
            logicalSize = root.size
            dataPageCount = root.dataPageCount
            mapPageCount = root.mapPageCount
        }
        allocator?.forgetSome()
        hasUncommitted = false
        guard slotFailure != nil else { return }
        // The slot that held this root may be torn: write it again, as a new one.
        releaseList()
        _ = try writeRoot(times: root.times, label: root.label, flags: root.flags.intersection(.isOrdered)) { _ in }
    }

    /// Counts the free pages anew, once nothing but the written root has to be kept.
    private func countFreePages() throws(CapsuleError) {
        guard let written else { return }
        if durable?.commit != written.commit {
            try syncObject()
            becomeDurable(written)
        }
        let end = allocator?.end ?? 0
        var counted = try findFreePages()
        counted.extend(to: end)
        counted.hasFreed = true
        allocator = counted
    }
}
