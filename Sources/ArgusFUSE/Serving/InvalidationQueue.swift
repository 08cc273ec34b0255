internal import ArgusCore
internal import ArgusFS
internal import ArgusSystem
internal import CFuse3
internal import Glibc
internal import Logging
internal import Synchronization

/// Tells the kernel what to drop from its caches, on a thread of its own. Inodes have the numbers that the kernel knows.
///
/// The kernel may take a page's lock for it, which a pending READ of this very driver holds: so a worker never tells it,
/// but leaves word here and goes on. Word about one inode is kept once, widened as more comes, so that the queue is no
/// longer than the number of inodes that changed.
final class InvalidationQueue: Sendable {
    /// Inodes and names waiting; past it, word is lost and the log says so. 40 MiB at most.
    static let waitingMax = 1 << 18

    struct Pending {
        /// Nil: the whole file.
        var content: [InodeNumber: Range<UInt64>?] = [:]
        var entries: [(name: FileName, parent: InodeNumber)] = []
        var drops: [(inode: InodeNumber, completion: @Sendable () -> Void)] = []
        var isEmpty: Bool { content.isEmpty && entries.isEmpty && drops.isEmpty }
    }

    private let device: Int32
    /// True while word about content waits that is to be told with the next answer.
    private let isUrgent = Atomic<Bool>(false)
    /// True while a worker tells the kernel.
    private let isTelling = Atomic<Bool>(false)
    private let lock = Lock()
    private let arrival = Condition()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var pending = Pending()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var isEnding = false
    /// Guarded by `lock`.
    nonisolated(unsafe) private var lostCount = 0

    init(device: Int32) { self.device = device }

    /// By the calling thread, which must hold nothing that a READ needs: the kernel may make it wait for one.
    func storeContent(of inode: InodeNumber, _ bytes: UnsafeRawBufferPointer, dropsAttributes: Bool) {
        let message = fuse_notify_store_out(
            nodeid: inode.rawValue, offset: 0, size: UInt32(bytes.count), padding: 0)
        withUnsafeBytes(of: message) { send(FUSE_NOTIFY_STORE, $0, bytes) }
        if dropsAttributes { tell(inode, 0..<0) }
    }

    func invalidateContent(of inode: InodeNumber, range: Range<UInt64>?) {
        lock.withLock {
            guard !isEnding else { return }
            if let known = pending.content[inode] {
                pending.content[inode] = .some(Self.union(known, range))
            } else if pending.content.count < Self.waitingMax {
                pending.content[inode] = .some(range)
            } else {
                lostCount += 1
            }
            arrival.signal()
        }
    }

    var isHastened: Bool { isUrgent.load(ordering: .relaxed) }

    func hasten() { isUrgent.store(true, ordering: .releasing) }

    /// Called by a worker that has just sent its answer and holds nothing: word that must not wait for a thread to wake is
    /// given at once. One worker at a time does so, so that the others serve what the kernel may need for it.
    func tellAfterAnswer() {
        guard isUrgent.load(ordering: .acquiring), !isTelling.exchange(true, ordering: .acquiringAndReleasing) else {
            return
        }
        isUrgent.store(false, ordering: .relaxed)
        let content = lock.withLock { () -> [InodeNumber: Range<UInt64>?] in
            defer { pending.content = [:] }
            return pending.content
        }
        for (inode, range) in content { tell(inode, range) }
        isTelling.store(false, ordering: .releasing)
    }

    func dropContent(of inode: InodeNumber, completion: @escaping @Sendable () -> Void) {
        lock.withLock {
            guard !isEnding else { return }
            pending.drops.append((inode, completion))
            arrival.signal()
        }
    }

    func invalidateEntry(_ name: FileName, in parent: InodeNumber) {
        lock.withLock {
            guard !isEnding else { return }
            if pending.entries.count < Self.waitingMax {
                pending.entries.append((name, parent))
            } else {
                lostCount += 1
            }
            arrival.signal()
        }
    }

    /// Nil is the whole file, and takes every range in.
    static func union(_ left: Range<UInt64>?, _ right: Range<UInt64>?) -> Range<UInt64>? {
        guard let left, let right else { return nil }
        return min(left.lowerBound, right.lowerBound)..<max(left.upperBound, right.upperBound)
    }

    /// Serves until `end`; the thread's body.
    func run() {
        while let work = next() { tell(work) }
    }

    func tell(_ work: Pending) {
        for (inode, range) in work.content { tell(inode, range) }
        for entry in work.entries { tell(entry.name, entry.parent) }
        for drop in work.drops {
            tell(drop.inode, nil)
            drop.completion()
        }
    }

    /// Drops what still waits, and lets `run` return: for a mount that is gone.
    func end() {
        lock.withLock {
            isEnding = true
            pending = Pending()
            arrival.broadcast()
        }
    }

    /// What waits, in order of arrival per name; nil where serving ends.
    func next() -> Pending? {
        let (work, lost) = lock.withLock { () -> (Pending?, Int) in
            while pending.isEmpty, !isEnding { arrival.wait(lock) }
            guard !isEnding else { return (nil, 0) }
            defer {
                pending = Pending()
                lostCount = 0
            }
            return (pending, lostCount)
        }
        if lost > 0 {
            log.error(
                "too many cached changes at once: some stay in the kernel's cache", metadata: ["count": "\(lost)"])
        }
        return work
    }

    private func tell(_ inode: InodeNumber, _ range: Range<UInt64>?) {
        var message = fuse_notify_inval_inode_out()
        message.ino = inode.rawValue
        // A length of 0 reaches to the end of the file; a negative offset drops the attributes alone.
        if let range {
            message.off = range.isEmpty ? -1 : Int64(clamping: range.lowerBound)
            message.len = Int64(clamping: range.count64)
        }
        withUnsafeBytes(of: message) { send(FUSE_NOTIFY_INVAL_INODE, $0) }
    }

    private func tell(_ name: FileName, _ parent: InodeNumber) {
        let headCount = MemoryLayout<fuse_notify_inval_entry_out>.size
        withUnsafeTemporaryAllocation(byteCount: headCount + FileName.maxByteCount + 1, alignment: 8) { room in
            let count = headCount + name.bytes.count
            room.storeBytes(
                of: fuse_notify_inval_entry_out(parent: parent.rawValue, namelen: UInt32(name.bytes.count), flags: 0),
                as: fuse_notify_inval_entry_out.self)
            UnsafeMutableRawBufferPointer(rebasing: room[headCount..<count]).copyBytes(from: name.bytes)
            room[count] = 0
            send(FUSE_NOTIFY_INVAL_ENTRY, UnsafeRawBufferPointer(rebasing: room[...count]))
        }
    }

    /// A notification is an answer to no request: its `unique` is 0, and its `error` says what it is (fuse(4)).
    private func send(
        _ code: fuse_notify_code, _ payload: UnsafeRawBufferPointer,
        _ content: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        var header = fuse_out_header()
        header.len = UInt32(MemoryLayout<fuse_out_header>.size + payload.count + content.count)
        header.error = Int32(code.rawValue)
        // ENOENT: the kernel has nothing of it in its caches.
        sendMessage(header, payload, content, to: device, opcode: 0)
    }
}

extension Range<UInt64> {
    fileprivate var count64: UInt64 { upperBound - lowerBound }
}
