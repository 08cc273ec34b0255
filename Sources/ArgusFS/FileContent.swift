internal import ArgusCapsule
internal import ArgusCore
internal import ArgusSystem
internal import Glibc
internal import Synchronization

/// The content of one file in use: pages that wait to be sealed, over the capsule that holds the rest.
///
/// A page is looked for in `dirty` (written by an app), then in `sealing` (on its way to storage), then in the
/// capsule; each step of sealing keeps the newest version findable, so that readers never wait for storage that
/// others write. Two locks: `writing` is held by whoever seals, commits, syncs or cuts, one at a time, and is taken
/// before the namespace lock; `state` guards the variables and is the innermost of all.
final class FileContent: Sendable {
    static let pageByteCount = UInt64(PagePool.pageByteCount)

    let inode: InodeNumber
    private let pool: PagePool
    /// Held across everything that changes the capsule.
    let writing = LongLock()
    /// Held by the first who opened the file, while the kernel is given its content: others must not change it, nor be
    /// answered, before that is done.
    let filling = LongLock()
    private let state = ReadWriteLock()

    // Sound: each is read and written under `state`; `capsule` changes under `writing` too.
    nonisolated(unsafe) private var dirty: [UInt64: UnsafeMutableRawPointer] = [:]
    nonisolated(unsafe) private var sealing: [UInt64: UnsafeMutableRawPointer] = [:]
    nonisolated(unsafe) private var length: UInt64
    nonisolated(unsafe) private var box: Capsule?
    nonisolated(unsafe) private var newPages: UInt64 = 0
    /// Whether the capsule got a commit since it was attached. Read and written under `writing`.
    nonisolated(unsafe) var wasCommitted = false
    // `length` and the space taken, for those who must not wait for `state`.
    private let shownSize: Atomic<UInt64>
    private let shownAllocation = Atomic<UInt64>(0)
    /// Handles on the file that serve nobody any more and are not closed yet.
    let cutHandleCount = Atomic<Int>(0)
    /// Cut to nothing since the last commit, to be written anew, it seems.
    private let wasCut = Atomic<Bool>(false)
    /// From `takeChange` until the commit is known to the volume.
    private let isCommitting = Atomic<Bool>(false)
    /// Since when something differs from the last commit, on the monotonic clock; 0: nothing does.
    private let changedNanoseconds = Atomic<UInt64>(0)

    init(inode: InodeNumber, size: UInt64, pool: PagePool) {
        self.inode = inode
        self.length = size
        self.pool = pool
        shownSize = Atomic(size)
    }

    deinit {
        for page in dirty.values { pool.give(page) }
        for page in sealing.values { pool.give(page) }
    }

    /// The size in bytes; never waits.
    var size: UInt64 { shownSize.load(ordering: .acquiring) }

    /// The capsule, once it was opened or made.
    var capsule: Capsule? { state.withReadLock { box } }

    /// Bytes that wait to be sealed.
    var dirtyByteCount: Int { state.withReadLock { dirty.count * PagePool.pageByteCount } }

    /// Whether anything differs from the last commit, and since when, on the monotonic clock; never waits.
    var unwritten: (isChanged: Bool, sinceNanoseconds: UInt64) {
        let since = changedNanoseconds.load(ordering: .acquiring)
        return (since != 0, since)
    }

    var hasCutHandles: Bool { cutHandleCount.load(ordering: .relaxed) > 0 }

    /// Whether an app cut the file to nothing and has not closed it; never waits.
    var isBeingReplaced: Bool { wasCut.load(ordering: .acquiring) }

    /// Whether anything differs from the last commit that the volume knows of: one under way is not known yet.
    var isUnsettled: Bool { isCommitting.load(ordering: .acquiring) || unwritten.isChanged }

    /// Space on storage in bytes, counting what is about to be written; never waits.
    var allocatedByteCount: UInt64 { shownAllocation.load(ordering: .relaxed) }

    /// Shows size and space as they are now; under the write lock.
    private func publish() {
        shownSize.store(length, ordering: .releasing)
        shownAllocation.store((box?.allocatedBytes ?? 0) + newPages * Self.pageByteCount, ordering: .relaxed)
    }

    /// Gives the content its capsule; the caller holds `writing`.
    func attach(_ capsule: Capsule) {
        state.withWriteLock {
            box = capsule
            publish()
        }
    }

    /// Takes the size that a recovered capsule has; the caller holds `writing` and nothing was written yet.
    func adoptSize(_ size: UInt64) {
        state.withWriteLock {
            length = size
            publish()
        }
    }

    // MARK: Reading

    /// Fills `buffer` from `offset` on and returns the bytes read: fewer only at the end of the file.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(CapsuleError) -> Int {
        guard !buffer.isEmpty else { return 0 }
        // Runs of bytes that only the capsule has; the common case has one, and allocates nothing.
        var single: Range<Int>?
        var more: [Range<Int>] = []
        let (count, capsule) = state.withReadLock { () -> (Int, Capsule?) in
            guard offset < length else { return (0, box) }
            let count = Int(min(UInt64(buffer.count), length - offset))
            if dirty.isEmpty && sealing.isEmpty {
                single = 0..<count
                return (count, box)
            }
            var position = 0
            while position < count {
                let at = offset + UInt64(position)
                let inPage = Int(at % Self.pageByteCount)
                let step = min(count - position, PagePool.pageByteCount - inPage)
                let index = at / Self.pageByteCount
                if let page = dirty[index] ?? sealing[index] {
                    memcpy(buffer.baseAddress! + position, page + inPage, step)
                } else if let last = more.last ?? single, last.upperBound == position {
                    let grown = last.lowerBound..<position + step
                    if more.isEmpty { single = grown } else { more[more.count - 1] = grown }
                } else if single == nil {
                    single = position..<position + step
                } else {
                    more.append(position..<position + step)
                }
                position += step
            }
            return (count, box)
        }
        if let single { try readSealed(single, at: offset, into: buffer, from: capsule) }
        for run in more { try readSealed(run, at: offset, into: buffer, from: capsule) }
        return count
    }

    /// Fills `run` of `buffer` from the capsule, and with zeros past its end.
    private func readSealed(
        _ run: Range<Int>, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, from capsule: Capsule?
    ) throws(CapsuleError) {
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[run])
        var got = 0
        if let capsule { got = try capsule.read(into: target, at: offset + UInt64(run.lowerBound)) }
        if got < target.count { memset(target.baseAddress! + got, 0, target.count - got) }
    }

    // MARK: Writing

    /// Takes `bytes` at `offset`. The capsule, where the file has one, is attached already.
    func write(at offset: UInt64, from bytes: UnsafeRawBufferPointer, now: UInt64) throws(CapsuleError) {
        try state.withWriteLock { () throws(CapsuleError) in
            defer { publish() }
            var position = 0
            while position < bytes.count {
                let at = offset + UInt64(position)
                let inPage = Int(at % Self.pageByteCount)
                let step = min(bytes.count - position, PagePool.pageByteCount - inPage)
                let page = try pageToChange(at / Self.pageByteCount, isWhole: step == PagePool.pageByteCount)
                memcpy(page + inPage, bytes.baseAddress! + position, step)
                position += step
                length = max(length, at + UInt64(step))
            }
            noteChange(now)
        }
    }

    /// The dirty page of that index, made from what the file holds there; under the write lock.
    private func pageToChange(_ index: UInt64, isWhole: Bool) throws(CapsuleError) -> UnsafeMutableRawPointer {
        if let page = dirty[index] { return page }
        let page = pool.take()
        do throws(CapsuleError) {
            if let older = sealing[index] {
                if !isWhole { memcpy(page, older, PagePool.pageByteCount) }
            } else if let box, index * Self.pageByteCount < box.size {
                if !isWhole {
                    let target = UnsafeMutableRawBufferPointer(start: page, count: PagePool.pageByteCount)
                    _ = try box.read(into: target, at: index * Self.pageByteCount)
                }
                if box.allocatedBytes < box.size, try box.isHole(page: index) { newPages += 1 }
            } else {
                newPages += 1
            }
        } catch {
            pool.give(page)
            throw error
        }
        dirty[index] = page
        return page
    }

    private func noteChange(_ now: UInt64) {
        _ = changedNanoseconds.compareExchange(expected: 0, desired: max(1, now), ordering: .acquiringAndReleasing)
    }

    /// Sets the size; the caller holds `writing`, and the capsule is attached where the file has one.
    func setSize(_ size: UInt64, now: UInt64) throws(CapsuleError) {
        let shrinks = state.withWriteLock { () -> Bool in
            let shrinks = size < length
            if shrinks, size == 0 { wasCut.store(true, ordering: .releasing) }
            length = size
            defer { publish() }
            noteChange(now)
            guard shrinks else { return false }
            let kept = (size + Self.pageByteCount - 1) / Self.pageByteCount
            for (index, page) in dirty where index >= kept {
                pool.give(page)
                dirty[index] = nil
            }
            let tail = Int(size % Self.pageByteCount)
            if tail > 0, let page = dirty[size / Self.pageByteCount] {
                memset(page + tail, 0, PagePool.pageByteCount - tail)
            }
            newPages = min(newPages, UInt64(dirty.count))
            return true
        }
        if shrinks, let capsule, size < capsule.size { try capsule.setSize(size) }
    }

    /// Makes `range` read as zeros and frees its whole pages; the caller holds `writing`. The size stays.
    func punch(_ range: Range<UInt64>, now: UInt64) throws(CapsuleError) {
        let page = Self.pageByteCount
        let firstWhole = (range.lowerBound + page - 1) / page
        let endWhole = range.upperBound / page
        if firstWhole < endWhole {
            state.withWriteLock {
                for (index, buffer) in dirty where index >= firstWhole && index < endWhole {
                    pool.give(buffer)
                    dirty[index] = nil
                }
                noteChange(now)
            }
            if let capsule {
                let covered = (capsule.size + page - 1) / page
                if firstWhole < covered { try capsule.punch(pages: firstWhole..<min(endWhole, covered)) }
            }
        }
        try zero(range.lowerBound..<min(range.upperBound, firstWhole * page), now: now)
        if endWhole >= firstWhole { try zero(max(range.lowerBound, endWhole * page)..<range.upperBound, now: now) }
    }

    /// Writes zeros over a part of one page, as far as the file reaches.
    private func zero(_ range: Range<UInt64>, now: UInt64) throws(CapsuleError) {
        try state.withWriteLock { () throws(CapsuleError) in
            let end = min(range.upperBound, length)
            guard range.lowerBound < end else { return }
            let page = try pageToChange(range.lowerBound / Self.pageByteCount, isWhole: false)
            memset(page + Int(range.lowerBound % Self.pageByteCount), 0, Int(end - range.lowerBound))
            noteChange(now)
        }
    }

    // MARK: Sealing

    /// Seals all dirty pages into the attached capsule, without a commit; the caller holds `writing`.
    ///
    /// After an error the pages are dirty again, except where an app wrote a newer version meanwhile.
    func seal() throws(CapsuleError) {
        guard let capsule else { preconditionFailure("pages are sealed into an attached capsule") }
        let (pages, size) = state.withWriteLock { () -> ([UInt64: UnsafeMutableRawPointer], UInt64) in
            sealing = dirty
            dirty = [:]
            return (sealing, length)
        }
        do throws(CapsuleError) {
            if capsule.size != size { try capsule.setSize(size) }
            let limit = (size + Self.pageByteCount - 1) / Self.pageByteCount
            let sorted = pages.keys.filter { $0 < limit }.sorted()
            var start = 0
            while start < sorted.count {
                let end = min(start + 256, sorted.count)
                let run = sorted[start..<end].map { index in
                    (
                        index: index,
                        plaintext: UnsafeRawBufferPointer(start: pages[index]!, count: PagePool.pageByteCount)
                    )
                }
                try capsule.writePages(run)
                start = end
            }
        } catch {
            state.withWriteLock {
                for (index, page) in sealing {
                    if dirty[index] == nil && index * Self.pageByteCount < length {
                        dirty[index] = page
                    } else {
                        pool.give(page)
                    }
                }
                sealing = [:]
            }
            throw error
        }
        state.withWriteLock {
            for page in sealing.values { pool.give(page) }
            sealing = [:]
            newPages = min(newPages, UInt64(dirty.count))
            publish()
        }
    }

    /// Whether a commit is due; clears the mark. The caller holds `writing`, commits next, and calls `endCommit` or
    /// `restoreChange`.
    func takeChange() -> Bool {
        isCommitting.store(true, ordering: .sequentiallyConsistent)
        wasCut.store(false, ordering: .releasing)
        if changedNanoseconds.exchange(0, ordering: .sequentiallyConsistent) != 0 { return true }
        endCommit()
        return false
    }

    /// The volume knows of the commit.
    func endCommit() { isCommitting.store(false, ordering: .releasing) }

    /// The commit failed: it is due again.
    func restoreChange(now: UInt64) {
        noteChange(now)
        endCommit()
    }

    /// Drops pages that could not be stored and whose write is answered with an error; the caller holds `writing`.
    func discard(from offset: UInt64, count: Int, restoringSize size: UInt64) {
        state.withWriteLock {
            let page = Self.pageByteCount
            for index in offset / page..<(offset + UInt64(count) + page - 1) / page {
                if let buffer = dirty.removeValue(forKey: index) { pool.give(buffer) }
            }
            length = size
            newPages = min(newPages, UInt64(dirty.count))
            publish()
        }
    }
}
