internal import ArgusCore
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem
internal import Synchronization

/// Taking open files away from who may not use them any more (docs/design/permission.md).
///
///     permitted ──right lost: `cut`──▶ ending ──pages dropped: `finishCut`──▶ cut
///
/// 1. Who is not permitted is answered EACCES by every read and write that reaches the driver after `cut`.
/// 2. Pages that were changed through a mapping before are written: the kernel sends them while it drops the pages, and
///    `requireWriteBack` takes them until it has.
/// 3. While a handle that was cut is open, no page of its file stays in the kernel's cache: what others read and write
///    is dropped after each answer, and their new handles go past the cache.
/// 4. The record of the cut names who had the file open, and the rule that took it away.
extension Volume {
    /// To be called when members, persons or rules have changed: looks at every open file at once. Returns when nobody is
    /// served any more who is not permitted; waits for the kernel at most `waitMilliseconds`.
    package func applyPolicy(waitMilliseconds: UInt64 = 10_000) {
        sweep()
        revocation.waitForDrops(milliseconds: waitMilliseconds)
    }

    /// Whether the kernel may keep attributes that it is told. Where it asks before reads and a handle is cut, it may not: so
    /// each read(2) of the folder's files asks first, and through the handle that was cut is refused, whatever is cached.
    package var mayKeepAttributes: Bool {
        !configuration.asksBeforeReads || revocation.cutHandleCount.load(ordering: .acquiring) == 0
    }

    /// A handle is good as long as its person is permitted: asked again whenever the policy has changed.
    func requirePermitted(_ handle: Handle, _ right: Rights) throws(FileSystemError) {
        let version = permissions.policyVersion
        if handle.standing.load(ordering: .acquiring) == .permitted {
            guard handle.policyVersion.load(ordering: .relaxed) != version else { return }
            guard !review(handle, version: version) else { return }
        }
        try recordDenial(
            "cut-off", caller: Caller(uid: handle.uid, gid: handle.gid, pid: handle.actor.pid), inode: handle.inode)
        throw .accessDenied
    }

    /// Whether a page that was changed through a mapping may be stored. The kernel does not say by whom it was, and takes
    /// any handle that can write: after a cut the page is another's only where another may write.
    func requireWriteBack(_ handle: Handle, _ range: Range<UInt64>) throws(FileSystemError) {
        guard handle.standing.load(ordering: .acquiring) == .cut else { return }
        let hasOther = handles.all.contains {
            $0.inode == handle.inode && $0.flags.writes && $0.standing.load(ordering: .acquiring) == .permitted
        }
        guard !hasOther else { return }
        // What was refused must not stay in the cache for others to see.
        kernelCache?.invalidateContent(of: handle.inode, range: range)
        try recordDenial(
            "cut-off", caller: Caller(uid: handle.uid, gid: handle.gid, pid: handle.actor.pid), inode: handle.inode)
        throw .accessDenied
    }

    /// After an answer to somebody else: a page that is in the cache would be read through the handle that was cut.
    func keepFromCutHandles(_ inode: InodeNumber, _ range: Range<UInt64>) {
        kernelCache?.invalidateContent(of: inode, range: range)
        kernelCache?.hasten()
    }

    /// The thread that looks again: at who was taken out of a group, and at files whose pages must stay out of the cache.
    func watchPermissions() {
        while true {
            switch revocation.next(hasOpenFiles: !handles.isEmpty, now: parts.clock.monotonicNanoseconds()) {
            case .end: return
            case .sweep: sweep()
            case .drop(let inodes):
                for inode in inodes { dropAgain(inode) }
            }
        }
    }

    private func sweep() {
        let version = permissions.policyVersion
        for handle in handles.all where handle.standing.load(ordering: .acquiring) == .permitted {
            _ = review(handle, version: version)
        }
    }

    /// Whether the handle is still permitted; where it is not, it is cut.
    private func review(_ handle: Handle, version: UInt64) -> Bool {
        let needed: Rights = handle.content == nil ? .list : handle.flags.writes ? .write : .read
        guard permissions.grant(of: needed, uid: handle.uid, gid: handle.gid).rights.isSuperset(of: needed) else {
            cut(handle, needed)
            return false
        }
        handle.policyVersion.store(version, ordering: .relaxed)
        return true
    }

    private func cut(_ handle: Handle, _ right: Rights) {
        guard
            handle.standing.compareExchange(
                expected: .permitted, desired: .ending, ordering: .acquiringAndReleasing
            ).exchanged
        else { return }
        handle.content?.cutHandleCount.wrappingAdd(1, ordering: .relaxed)
        if handle.content != nil { revocation.cutHandleCount.wrappingAdd(1, ordering: .acquiringAndReleasing) }
        let rule = permissions.decision(right, uid: handle.uid, gid: handle.gid).rule
        let event = AuditEvent(
            activity: .denied, status: .failure, actor: handle.actor, fileID: handle.fileID,
            place: knownPlace(of: handle.inode) ?? handle.place, reason: "cut-off:\(rule)")
        // A journal that has failed refuses whatever is asked next; the cut holds all the same.
        try? parts.journal.append(event)
        guard handle.content != nil, let kernelCache else {
            return end(handle)
        }
        revocation.beginDrop()
        kernelCache.dropContent(of: handle.inode) { [self] in
            finishCut(handle)
            revocation.endDrop()
        }
    }

    /// It may have been closed meanwhile.
    private func end(_ handle: Handle) {
        _ = handle.standing.compareExchange(expected: .ending, desired: .cut, ordering: .acquiringAndReleasing)
    }

    private func finishCut(_ handle: Handle) {
        end(handle)
        revocation.schedule(handle.inode, now: parts.clock.monotonicNanoseconds())
    }

    /// A page that was busy, or changed again, while it was to be dropped.
    private func dropAgain(_ inode: InodeNumber) {
        let hasCutHandles = lock.withLock { names.nodes[inode]?.content?.hasCutHandles ?? false }
        guard hasCutHandles, let kernelCache else { return revocation.unschedule(inode) }
        kernelCache.invalidateContent(of: inode, range: nil)
    }
}

/// What the watching thread waits for.
final class Revocation: Sendable {
    enum Work {
        case end
        case sweep
        case drop([InodeNumber])
    }

    /// How often open files are looked at for changes that nobody tells of: members of groups.
    private static let sweepNanoseconds: UInt64 = 10_000_000_000
    private static let firstDropNanoseconds: UInt64 = 20_000_000
    private static let lastDropNanoseconds: UInt64 = 10_000_000_000

    private struct State {
        var isEnding = false
        var nextSweep: UInt64 = 0
        /// When the pages of a file are dropped again, and how long after that.
        var drops: [InodeNumber: (due: UInt64, delay: UInt64)] = [:]
        var pendingDropCount = 0
    }

    /// Handles of files that were cut and are still open.
    let cutHandleCount = Atomic<Int>(0)
    private let lock = Lock()
    private let changed = Condition()
    private let dropped = Condition()
    /// True while the thread waits without an end, since nothing is open.
    private let isIdle = Atomic<Bool>(false)
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private var state = State()
    nonisolated(unsafe) private var thread: Thread?

    func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread.start(name: "argus-permission", body)
        lock.withLock { self.thread = thread }
    }

    /// A file was opened: it is to be looked at from now on.
    func noteOpen() {
        guard isIdle.load(ordering: .relaxed), isIdle.exchange(false, ordering: .relaxed) else { return }
        changed.broadcast()
    }

    func next(hasOpenFiles: Bool, now start: UInt64) -> Work {
        let clock = SystemClock()
        lock.lock()
        defer { lock.unlock() }
        var now = start
        state.nextSweep = hasOpenFiles ? now + Self.sweepNanoseconds : .max
        isIdle.store(!hasOpenFiles, ordering: .relaxed)
        while true {
            if state.isEnding { return .end }
            let due = state.drops.filter { $0.value.due <= now }.keys
            if !due.isEmpty {
                for inode in due {
                    let delay = min(Self.lastDropNanoseconds, (state.drops[inode]?.delay ?? 0) * 2)
                    state.drops[inode] = (now + delay, delay)
                }
                return .drop(Array(due))
            }
            if state.nextSweep <= now { return .sweep }
            if !hasOpenFiles, !isIdle.load(ordering: .relaxed) { return .sweep }
            let end = min(state.nextSweep, state.drops.values.map(\.due).min() ?? .max)
            if end == .max { changed.wait(lock) } else { _ = changed.wait(lock, nanoseconds: end - now) }
            now = clock.monotonicNanoseconds()
        }
    }

    func schedule(_ inode: InodeNumber, now: UInt64) {
        lock.withLock {
            state.drops[inode] = (now + Self.firstDropNanoseconds, Self.firstDropNanoseconds)
            changed.broadcast()
        }
    }

    func unschedule(_ inode: InodeNumber) {
        lock.withLock { state.drops[inode] = nil }
    }

    func beginDrop() {
        lock.withLock { state.pendingDropCount += 1 }
    }

    func endDrop() {
        lock.withLock {
            state.pendingDropCount -= 1
            dropped.broadcast()
        }
    }

    func waitForDrops(milliseconds: UInt64) {
        let clock = SystemClock()
        let end = clock.monotonicNanoseconds() + milliseconds * 1_000_000
        lock.withLock {
            while state.pendingDropCount > 0, !state.isEnding {
                let now = clock.monotonicNanoseconds()
                guard now < end else { return }
                _ = dropped.wait(lock, nanoseconds: end - now)
            }
        }
    }

    /// Ends the thread, and every wait.
    func end() {
        let thread = lock.withLock { () -> Thread? in
            state.isEnding = true
            changed.broadcast()
            dropped.broadcast()
            defer { self.thread = nil }
            return self.thread
        }
        thread?.join()
    }
}
