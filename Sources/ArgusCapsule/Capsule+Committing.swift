package import ArgusCore
internal import ArgusCrypto
internal import ArgusStore
internal import ArgusSystem

extension Capsule {
    /// Free extents looked through for a list that fits the root.
    private static let listedExtentMax = 64

    /// Writes changed map pages and then one slot. Nothing is durable by that.
    ///
    /// After an error everything is as before, uncommitted changes included, and the number is not used again.
    @discardableResult
    package func commit(times: CapsuleTimes, label: CapsuleLabel?, isOrdered: Bool = false) throws(CapsuleError)
        -> CommitInfo
    {
        try writer.withLock { () throws(CapsuleError) in
            try prepareToWrite()
            if logicalSize > UInt64(CapsuleFormat.contentByteCount) { try moveInlineToPage() }
            var flags: CapsuleRoot.Flags = isOrdered ? .isOrdered : []
            try writeNodes()
            if sealCount - (durable?.root.sealCount ?? 0) > unsyncedPageMax {
                try syncObject()
                if let written, slotFailure == nil { becomeDurable(written) }
                flags.insert(.pagesSynced)
            }
            releaseList()
            let plan = allocator?.freeAfterCommit(limit: Self.listedExtentMax)
            return try writeRoot(times: times, label: label, flags: flags) { root in
                guard let plan else { return }
                root.pageCount = plan.end
                guard plan.all.extents.count <= CapsuleFormat.rootExtentCount else { return }
                root.freeExtents = plan.all
                root.flags.insert(.listsFreePages)
            }
        }
    }

    // MARK: Map pages

    /// Writes the changed map pages, the lowest level first, since each stands with its tag in the one above.
    func writeNodes() throws(CapsuleError) {
        let keys = state.withLock { dropEmptyNodes() }
        guard !keys.isEmpty else {
            state.withLock { tree.markAllClean() }
            return
        }
        try countSeals(UInt64(keys.count))
        try Scratch.with { scratch throws(CapsuleError) in
            var start = 0
            while start < keys.count {
                let end = min(start + Scratch.pageCount, keys.count)
                random.fill(scratch.nonces(end - start))
                try writeNodes(keys[start..<end], scratch)
                start = end
            }
        }
        state.withLock { tree.markAllClean() }
    }

    /// The changed nodes in the order in which they are written; those that hold nothing any more are released.
    private func dropEmptyNodes() -> [NodeKey] {
        var keys: [NodeKey] = []
        for key in tree.dirty.sorted() {
            guard let node = tree.node(key), node.isDirty, keys.last != key else { continue }
            guard node.isEmpty, !hasChildrenInMemory(key, among: keys) else {
                keys.append(key)
                continue
            }
            let old = tree.entry(of: key) ?? .hole
            if !old.isHole {
                mapPageCount -= 1
                release(old)
                tree.setEntry(of: key, to: .hole)
            }
            tree.remove(key)
        }
        return keys
    }

    /// Whether a node below, which has no entry yet, is going to be written.
    private func hasChildrenInMemory(_ key: NodeKey, among keys: [NodeKey]) -> Bool {
        guard key.level > 1 else { return false }
        let first = NodeKey(level: key.level - 1, index: key.index << CapsuleFormat.nodeShift)
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < first { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low].level == first.level
            && keys[low].index >> CapsuleFormat.nodeShift == key.index
    }

    private func writeNodes(_ keys: ArraySlice<NodeKey>, _ scratch: Scratch) throws(CapsuleError) {
        var start = keys.startIndex
        while start < keys.endIndex {
            let extent = takePages(keys.endIndex - start)
            do throws(CapsuleError) {
                for place in 0..<Int(extent.count) {
                    try sealNode(
                        keys[start + place], to: scratch.page(place), page: extent.start + UInt64(place),
                        nonce: scratch.nonce(start + place - keys.startIndex))
                }
            } catch {
                // Entries refer to some of these pages already, and those are released by the next commit.
                allocator?.forgetSome()
                throw error
            }
            try write(scratch.pages, to: extent)
            start += Int(extent.count)
        }
    }

    /// Seals a node and enters it in its parent, which is sealed later. Until it is clean, nobody looks it up there.
    private func sealNode(
        _ key: NodeKey, to target: UnsafeMutableRawPointer, page: UInt64, nonce: UnsafeRawPointer
    ) throws(CapsuleError) {
        guard let node = state.withLock({ tree.node(key) }) else { preconditionFailure("dirty nodes stay in memory") }
        let entry = try cipher.withContext { context throws(CapsuleError) in
            try cipher.seal(
                node.bytes, into: target, nonce: nonce, as: .map, level: key.level, position: key.index, page: page,
                birth: working, with: context)
        }
        let old = state.withLock { () -> MapEntry in
            let old = tree.entry(of: key) ?? .hole
            if old.isHole { mapPageCount += 1 }
            tree.setEntry(of: key, to: entry)
            return old
        }
        release(old)
    }

    // MARK: The root

    /// The list of free pages on storage is not the next root's.
    func releaseList() {
        for entry in listPages { release(entry) }
        listPages = []
    }

    /// Seals a root of the present state, completed by `finish`, into the slot that may be overwritten.
    func writeRoot(
        times: CapsuleTimes, label: CapsuleLabel?, flags: CapsuleRoot.Flags, finish: (inout CapsuleRoot) -> Void
    ) throws(CapsuleError) -> CommitInfo {
        try countSeals(1)
        let slot = durable.map { 1 - $0.slot } ?? written?.slot ?? 0
        var next = makeRoot(times: times, label: label, flags: flags)
        finish(&next)
        if next.pageCount <= CapsuleFormat.firstPage { next.pageCount = slot == 1 || durable != nil ? 2 : 1 }
        var stanzas = stanzas
        var holder = holder
        var identity = identity
        if let newFolder {
            identity.folder = newFolder
            let origin = cipher.identity.folder
            try next.setOrigin(origin == newFolder ? nil : origin)
            // Wraps for other holders are bound to the folder before.
            stanzas = []
        }
        if let newKeys {
            let stanza = try cipher.key.wrap(for: identity, under: newKeys.current, random: random)
            stanzas.removeAll { $0.type == Stanza.folderKeyType }
            stanzas.insert(stanza, at: 0)
            holder = newKeys.current.generation
        }
        var nonce = [UInt8](repeating: 0, count: CapsuleFormat.nonceByteCount)
        nonce.withUnsafeMutableBytes { random.fill($0) }
        let header = SlotHeader(slot: slot, identity: identity, key: cipher.key, stanzas: stanzas, nonce: nonce)
        let (page, tag) = try Slot.seal(next, header: header, key: cipher.key)
        try writeSlot(page, slot)
        self.stanzas = stanzas
        self.identity = identity
        if newFolder != nil, let durable {
            foreignSlot = durable.slot
        } else if slot == foreignSlot {
            foreignSlot = nil
        }
        otherMatches = foreignSlot == nil
        newKeys = nil
        newFolder = nil
        working = next.commit &+ 1
        hasUncommitted = false
        isAtRest = false
        allocator?.slotWritten()
        return state.withLock {
            self.holder = holder
            root = next
            let mark = RootMark(slot: slot, tag: tag, root: next, holder: holder)
            written = mark
            return mark.info
        }
    }

    private func makeRoot(times: CapsuleTimes, label: CapsuleLabel?, flags: CapsuleRoot.Flags) -> CapsuleRoot {
        var next = CapsuleRoot(times: times)
        next.commit = working
        next.base = durable?.commit ?? 0
        next.flags = flags
        next.height = tree.height
        next.size = logicalSize
        next.pageCount = allocator?.end ?? CapsuleFormat.firstPage
        next.dataPageCount = dataPageCount
        next.mapPageCount = mapPageCount
        next.sealCount = sealCount
        next.otherTag = durable?.tag ?? CapsuleRootTag(high: 0, low: 0)
        next.label = label
        next.extensions = root.extensions
        next.origin = root.origin
        if let inline {
            next.contentKind = .inline
            let rest = [UInt8](repeating: 0, count: CapsuleFormat.contentByteCount - inline.count)
            next.content = inline + rest
        } else {
            next.content = tree.topBytes
        }
        return next
    }

    private func writeSlot(_ page: [UInt8], _ slot: Int) throws(CapsuleError) {
        let result = page.withUnsafeBytes { page in
            Result { () throws(StoreError) in
                try object.write(page, at: UInt64(slot * CapsuleFormat.pageByteCount))
            }
        }
        switch result {
        case .success:
            slotFailure = nil
        case .failure(let error):
            // It may be there all the same: its number is used up.
            working &+= 1
            if written == nil || written?.slot == slot { slotFailure = error }
            otherMatches = false
            throw .store(error)
        }
    }

    // MARK: Durability

    /// Makes the last commit written durable (fdatasync(2)) and returns it. No slot is written meanwhile.
    ///
    /// After a failure every change and every further sync throws `poisoned`.
    @discardableResult
    package func sync() throws(CapsuleError) -> CommitInfo {
        try writer.withLock { () throws(CapsuleError) in
            guard !isPoisoned else { throw .poisoned }
            if let slotFailure { throw .store(slotFailure) }
            if let written, durable?.commit == written.commit { return written.info }
            try syncObject()
            if let written { becomeDurable(written) }
            return currentInfo
        }
    }

    /// The whole store was synced after `commit` was written and before the next one was: it is durable.
    ///
    /// False, and nothing changes, where that cannot be relied on: a later commit has begun to take its slot.
    @discardableResult
    package func noteDurable(_ commit: CommitNumber) -> Bool {
        writer.withLock {
            if let durable, durable.commit == commit { return true }
            guard !isPoisoned, slotFailure == nil, let written, written.commit == commit else { return false }
            becomeDurable(written)
            return true
        }
    }
}
