internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

extension Capsule {
    /// Seals whole pages to fresh places and maps them; nothing on storage refers to them until `commit`.
    ///
    /// `pages` are in ascending order, 4096 bytes each, and lie within `size`; bytes behind `size` are taken as zeros.
    /// After an error some of the pages may be mapped already: write all of them again.
    package func writePages(_ pages: [(index: UInt64, plaintext: UnsafeRawBufferPointer)]) throws(CapsuleError) {
        guard let last = pages.last else { return }
        try writer.withLock { () throws(CapsuleError) in
            try prepareToWrite()
            precondition(last.index < CapsuleFormat.pages(logicalSize), "pages are written within the size")
            hasUncommitted = true
            if logicalSize <= UInt64(CapsuleFormat.contentByteCount) {
                return try writeInline(pages[pages.count - 1].plaintext)
            }
            if inline != nil {
                if pages[0].index == 0 { state.withLock { inline = nil } } else { try moveInlineToPage() }
            }
            try map(pages)
        }
    }

    /// Keeps the content in the root from now on.
    private func writeInline(_ page: UnsafeRawBufferPointer) throws(CapsuleError) {
        try clear(0..<1)
        let bytes = Array(page[..<Int(logicalSize)])
        state.withLock { inline = bytes }
    }

    /// The file outgrew the root: gives its content a page.
    func moveInlineToPage() throws(CapsuleError) {
        guard let content = inline else { return }
        let page = content + [UInt8](repeating: 0, count: CapsuleFormat.pageByteCount - content.count)
        // Page 0 reads from `inline` until it is mapped.
        let moved = page.withUnsafeBytes { bytes in
            Result { () throws(CapsuleError) in try map([(index: 0, plaintext: bytes)]) }
        }
        try moved.get()
        state.withLock { inline = nil }
    }

    private func map(_ pages: [(index: UInt64, plaintext: UnsafeRawBufferPointer)]) throws(CapsuleError) {
        state.withLock {
            while tree.capacity <= pages[pages.count - 1].index { tree.raise() }
        }
        try Scratch.with { scratch throws(CapsuleError) in
            var start = 0
            while start < pages.count {
                let end = min(start + Scratch.pageCount, pages.count)
                try map(pages[start..<end], scratch)
                start = end
            }
        }
    }

    /// Maps up to 256 pages: nonces in one call, then one write a run.
    private func map(
        _ pages: ArraySlice<(index: UInt64, plaintext: UnsafeRawBufferPointer)>, _ scratch: Scratch
    ) throws(CapsuleError) {
        var leaf: UInt64?
        for (index, _) in pages where leaf != index >> CapsuleFormat.nodeShift {
            leaf = index >> CapsuleFormat.nodeShift
            try makePathDirty(to: index, creates: true)
        }
        try countSeals(UInt64(pages.count))
        random.fill(scratch.nonces(pages.count))
        var start = pages.startIndex
        while start < pages.endIndex {
            let extent = takePages(pages.endIndex - start)
            let run = pages[start..<start + Int(extent.count)]
            let offset = start - pages.startIndex
            do throws(CapsuleError) {
                try seal(run, at: extent, nonces: offset, scratch)
                try write(scratch.pages, to: extent)
            } catch {
                allocator?.putBack(extent)
                throw error
            }
            for (place, page) in run.enumerated() {
                mapPage(page.index, to: scratch.entries[place])
            }
            start += Int(extent.count)
        }
    }

    private func seal(
        _ pages: ArraySlice<(index: UInt64, plaintext: UnsafeRawBufferPointer)>, at extent: Extent, nonces: Int,
        _ scratch: Scratch
    ) throws(CapsuleError) {
        let lastIndex = logicalSize >> CapsuleFormat.pageShift
        let lastCount = Int(logicalSize & UInt64(CapsuleFormat.pageByteCount - 1))
        try cipher.withContext { context throws(CapsuleError) in
            for (place, page) in pages.enumerated() {
                precondition(page.plaintext.count == CapsuleFormat.pageByteCount, "pages are written whole")
                let target = scratch.page(place)
                var source = page.plaintext.baseAddress!
                if page.index == lastIndex {
                    memcpy(target, source, lastCount)
                    memset(target + lastCount, 0, CapsuleFormat.pageByteCount - lastCount)
                    source = UnsafeRawPointer(target)
                }
                scratch.entries[place] = try cipher.seal(
                    source, into: target, nonce: scratch.nonce(nonces + place), as: .data, position: page.index,
                    page: extent.start + UInt64(place), birth: working, with: context)
            }
        }
    }

    /// Maps one page, whose leaf is in memory, and releases the one that it replaces.
    private func mapPage(_ index: UInt64, to entry: MapEntry) {
        let old = state.withLock { () -> MapEntry in
            let old = tree.setPage(index, to: entry)
            if old.isHole && !entry.isHole { dataPageCount += 1 }
            if !old.isHole && entry.isHole { dataPageCount -= 1 }
            return old
        }
        release(old)
    }

    // MARK: Size

    /// Sets the size. What is cut off is gone; what is added is a hole.
    package func setSize(_ size: UInt64) throws(CapsuleError) {
        guard size <= CapsuleFormat.sizeMax else { throw .fileTooLarge }
        try writer.withLock { () throws(CapsuleError) in
            guard size != logicalSize else { return }
            try prepareToWrite()
            hasUncommitted = true
            if size < logicalSize { try shrink(to: size) }
            state.withLock { logicalSize = size }
        }
    }

    private func shrink(to size: UInt64) throws(CapsuleError) {
        let kept = CapsuleFormat.pages(size)
        if size <= UInt64(CapsuleFormat.contentByteCount) {
            let content = try leadingBytes(Int(size))
            // Shorter at once: readers must not find zeros where the content is being moved.
            state.withLock {
                logicalSize = size
                inline = size == 0 ? nil : content
            }
            clearAll()
            return
        }
        let tail = Int(size & UInt64(CapsuleFormat.pageByteCount - 1))
        if kept > 0 && tree.height > 0 { try makePathDirty(to: kept - 1, creates: false) }
        if tail > 0, inline == nil || kept > 1 { try cutTail(of: kept - 1, to: tail, size: size) }
        state.withLock { logicalSize = size }
        try clear(kept..<max(kept, tree.capacity))
        lowerTree(toHold: kept)
    }

    /// The beginning of page 0; nil where it is a hole.
    private func leadingBytes(_ count: Int) throws(CapsuleError) -> [UInt8]? {
        if let inline {
            let kept = Array(inline.prefix(count))
            return kept + [UInt8](repeating: 0, count: count - kept.count)
        }
        guard count > 0, try !isHole(page: 0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: CapsuleFormat.pageByteCount)
        try readPage(0, into: &bytes)
        return Array(bytes.prefix(count))
    }

    private func readPage(_ index: UInt64, into bytes: inout [UInt8]) throws(CapsuleError) {
        let read = bytes.withUnsafeMutableBytes { bytes in
            Result { () throws(CapsuleError) in
                try Scratch.with { scratch throws(CapsuleError) in
                    var version: UInt64 = 0
                    _ = try readOnce(into: bytes, at: index << CapsuleFormat.pageShift, scratch, version: &version)
                }
            }
        }
        try read.get()
    }

    /// Zeroes the last page behind `count` bytes, so that growing again shows zeros.
    private func cutTail(of index: UInt64, to count: Int, size: UInt64) throws(CapsuleError) {
        guard try !isHole(page: index) else { return }
        var bytes = [UInt8](repeating: 0, count: CapsuleFormat.pageByteCount)
        try readPage(index, into: &bytes)
        guard bytes[count...].contains(where: { $0 != 0 }) else { return }
        for place in count..<bytes.count { bytes[place] = 0 }
        let mapped = bytes.withUnsafeBytes { bytes in
            Result { () throws(CapsuleError) in try map([(index: index, plaintext: bytes)]) }
        }
        try mapped.get()
    }

    /// Makes whole pages holes. The size stays.
    package func punch(pages: Range<UInt64>) throws(CapsuleError) {
        try writer.withLock { () throws(CapsuleError) in
            let pages = pages.clamped(to: 0..<CapsuleFormat.pages(logicalSize))
            guard !pages.isEmpty else { return }
            try prepareToWrite()
            hasUncommitted = true
            if pages.contains(0) { state.withLock { inline = nil } }
            try clear(pages)
        }
    }

    // MARK: Clearing

    /// Unmaps pages. Storage is read first, so that an error leaves everything as it was.
    private func clear(_ pages: Range<UInt64>) throws(CapsuleError) {
        let pages = pages.clamped(to: 0..<tree.capacity)
        guard !pages.isEmpty else { return }
        try makePathDirty(to: pages.lowerBound, creates: false)
        try makePathDirty(to: pages.upperBound - 1, creates: false)
        if tree.height == 0 {
            for index in pages { mapPage(index, to: .hole) }
            return
        }
        let shift = CapsuleFormat.nodeShift * UInt64(tree.height)
        for index in pages.lowerBound >> shift...(pages.upperBound - 1) >> shift {
            clear(pages, under: NodeKey(level: tree.height, index: index))
        }
    }

    /// Unmaps what lies under a node. Nodes that stay are dirty already; what cannot be read is dropped unseen, and
    /// its pages are found when the free pages are counted anew.
    private func clear(_ pages: Range<UInt64>, under key: NodeKey) {
        let entry = state.withLock { tree.entry(of: key) ?? .hole }
        let shift = CapsuleFormat.nodeShift * UInt64(key.level)
        let covered = key.index << shift..<(key.index + 1) << shift
        if pages.lowerBound <= covered.lowerBound && covered.upperBound <= pages.upperBound {
            drop(key, entry: entry)
            state.withLock { tree.setEntry(of: key, to: .hole) }
            return
        }
        guard state.withLock({ tree.node(key) }) != nil else { return }
        let part = pages.clamped(to: covered)
        if key.level == 1 {
            for index in part { mapPage(index, to: .hole) }
            return
        }
        let below = shift - CapsuleFormat.nodeShift
        for index in part.lowerBound >> below...(part.upperBound - 1) >> below {
            clear(pages, under: NodeKey(level: key.level - 1, index: index))
        }
    }

    /// Releases the node and everything under it.
    private func drop(_ key: NodeKey, entry: MapEntry) {
        do throws(CapsuleError) {
            if let node = try nodeToClear(key, entry: entry) {
                for place in 0..<CapsuleFormat.nodeEntryCount {
                    let child = node.entries[place]
                    if key.level > 1 {
                        let index = key.index << CapsuleFormat.nodeShift | UInt64(place)
                        drop(NodeKey(level: key.level - 1, index: index), entry: child)
                    } else if !child.isHole {
                        state.withLock { dataPageCount -= 1 }
                        release(child)
                    }
                }
            }
        } catch {
            allocator?.forgetSome()
        }
        if !entry.isHole {
            state.withLock { mapPageCount -= 1 }
            release(entry)
        }
        state.withLock { tree.remove(key) }
    }

    /// Unmaps everything.
    private func clearAll() {
        if tree.height == 0 {
            for index in 0..<tree.capacity { mapPage(index, to: .hole) }
        } else {
            for index in 0..<UInt64(CapsuleFormat.topEntryCount) {
                let key = NodeKey(level: tree.height, index: index)
                drop(key, entry: state.withLock { tree.entry(of: key) ?? .hole })
            }
        }
        state.withLock {
            tree.clear()
            dataPageCount = 0
            mapPageCount = 0
        }
    }

    /// Takes away levels that `pages` pages do not need. A level whose node cannot be read stays.
    private func lowerTree(toHold pages: UInt64) {
        while tree.height > 0, pages <= CapsuleFormat.capacity(height: tree.height - 1) {
            let key = NodeKey(level: tree.height, index: 0)
            let entry = state.withLock { tree.entry(of: key) ?? .hole }
            guard let node = try? nodeToClear(key, entry: entry) else {
                guard entry.isHole else { return }
                state.withLock { tree.lower(nil) }
                continue
            }
            state.withLock {
                tree.lower(node)
                if !entry.isHole { mapPageCount -= 1 }
            }
            if !entry.isHole { release(entry) }
        }
    }
}
