internal import ArgusSystem
internal import Glibc
internal import Synchronization

/// Tells what program a process runs and as whom it logged in, from proc(5). Thread ids work as process ids do.
///
/// For each thread asked about lately it keeps what it found, and at each request makes sure that it still holds, with
/// two short calls: the thread lives (its number may have been given to another), and the address space that its program
/// had is in use. execve(2) gives a process a new address space, whatever program it runs, and the old one goes before the
/// new program's first step. So nothing that a program could forge is compared: no name, no start time.
///
/// An address space outlives execve(2) where someone else uses it too. For a child that shares its parent's (vfork(2),
/// posix_spawn(3)) the program itself is read at each request; for all others at least every 10 ms, which bounds what is
/// left: a program that runs another in its place and has made a process before that keeps its memory, or one whose
/// memory another process of the same user holds.
///
/// What the kernel answers of an address space that is gone is no documented promise. So the program is read at each
/// request until a process was seen to end and answered so, and again for good should one ever answer otherwise.
package final class ProcessInspector: Sendable {
    /// Makes what a record keeps of a process, once for each program that it runs. `directory` is the process's in
    /// /proc, open during the call.
    package typealias Attach =
        @Sendable (_ program: String, _ loginUID: UInt32, _ origin: ProcessOrigin, _ directory: Int32)
        -> any AnyObject & Sendable

    /// Threads remembered at a time, three descriptors each; well below the usual limit of 1,024 descriptors.
    static let maxEntryCount = 64
    /// How long the address space alone is believed.
    static let believedNanoseconds: UInt64 = 10_000_000

    private enum Evidence: UInt8, AtomicRepresentable {
        case none, found, refuted
    }

    private let attach: Attach?
    private let clock = SystemClock()
    private let evidence = Atomic<Evidence>(.none)
    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var entries: [UInt32: ProcessEntry] = [:]
    nonisolated(unsafe) private var uses: UInt64 = 0

    package init(attach: Attach? = nil) {
        self.attach = attach
    }

    /// Whether the address space is believed: a process was seen to end, and its address space with it.
    package var believesAddressSpaces: Bool { evidence.load(ordering: .relaxed) == .found }

    /// The process behind a thread; nil where it has ended.
    package func facts(ofThread thread: UInt32) -> ProcessFacts? {
        guard thread != 0 else { return nil }
        let now = clock.monotonicNanoseconds()
        if let entry = remembered(thread), holds(entry, now: now) { return entry.facts }
        guard let entry = try? ProcessEntry(thread: thread, now: now, attach: attach) else {
            lock.withLock { _ = entries.removeValue(forKey: thread) }
            return nil
        }
        keep(entry, thread: thread)
        if evidence.load(ordering: .relaxed) == .none, let other = lock.withLock({ entries.randomElement()?.value }) {
            gatherEvidence(other)
        }
        return entry.facts
    }

    package func program(pid: UInt32) -> String { facts(ofThread: pid)?.program ?? "" }
    package func loginUID(pid: UInt32) -> UInt32 { facts(ofThread: pid)?.loginUID ?? ProcessFacts.noLoginUID }

    /// Whether what was found of a thread is so now.
    private func holds(_ entry: ProcessEntry, now: UInt64) -> Bool {
        let login = entry.login
        switch login {
        case .threadEnded:
            gatherEvidence(entry)
            return false
        case .uid(let uid) where uid != entry.facts.loginUID: return false
        case .uid, .unknown: break
        }
        let addressSpace = entry.addressSpace
        if addressSpace == .gone { return false }
        if addressSpace == .used, login != .unknown, believesAddressSpaces, !entry.sharesAddressSpace,
            now &- entry.checkedNanoseconds.load(ordering: .relaxed) < Self.believedNanoseconds
        {
            return true
        }
        guard entry.runsTheSame else {
            // It runs another program, in the address space of the one before.
            if addressSpace == .used, !entry.sharesAddressSpace { evidence.store(.refuted, ordering: .relaxed) }
            return false
        }
        entry.checkedNanoseconds.store(now, ordering: .relaxed)
        return true
    }

    /// Looks at what became of the address space of a process that has ended as a whole.
    private func gatherEvidence(_ entry: ProcessEntry) {
        guard entry.isLeader, !entry.sharesAddressSpace, entry.login == .threadEnded else { return }
        switch entry.addressSpace {
        case .gone: _ = evidence.compareExchange(expected: .none, desired: .found, ordering: .relaxed)
        case .used: evidence.store(.refuted, ordering: .relaxed)
        case .unknown: break
        }
    }

    private func remembered(_ thread: UInt32) -> ProcessEntry? {
        lock.withLock {
            guard let entry = entries[thread] else { return nil }
            uses += 1
            entry.lastUse = uses
            return entry
        }
    }

    private func keep(_ entry: ProcessEntry, thread: UInt32) {
        lock.withLock {
            if entries.count >= Self.maxEntryCount, entries[thread] == nil,
                let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                entries.removeValue(forKey: oldest.key)
            }
            uses += 1
            entry.lastUse = uses
            entries[thread] = entry
        }
    }
}
