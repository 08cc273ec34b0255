internal import ArgusSystem
internal import Glibc

/// Tells what program a process runs and as whom it logged in, from proc(5). Thread ids work as process ids do.
///
/// For each process asked about lately it keeps the directory `/proc/PID` open. Such a descriptor stays bound to the
/// process it was opened for: once that has ended, reading through it fails even where the number was given to another
/// process, so that no start time needs to be compared. The program itself is read each time: `execve(2)` changes it
/// without changing anything that a cache could be keyed by.
package final class ProcessInspector: Sendable {
    /// Processes remembered at a time, two descriptors each; well below the usual limit of 1,024 descriptors.
    static let maxEntryCount = 64
    /// `loginUID` of a session that has none (pam_loginuid(8)): the kernel's AUDIT_UID_UNSET.
    package static let noLoginUID = UInt32.max

    /// The open files of one process. Closed when the last user lets go.
    private final class Process: Sendable {
        let directory: OwnedDescriptor
        /// Kept open, since reading it again gives the value of that moment. -1: a kernel without auditing has none.
        let loginUID: Int32

        init(pid: UInt32) throws(SystemError) {
            directory = try OwnedDescriptor.open("/proc/\(pid)", flags: O_RDONLY | O_DIRECTORY)
            // Through the directory, so that both belong to one process even where the number is being reused.
            loginUID = openat(directory.rawValue, "loginuid", O_RDONLY | O_CLOEXEC)
        }

        deinit {
            if loginUID >= 0 { close(loginUID) }
        }
    }

    private struct Entry {
        var process: Process
        var program: String
        var programBytes: [UInt8]
        var lastUse: UInt64
    }

    private struct State {
        var entries: [UInt32: Entry] = [:]
        var uses: UInt64 = 0
    }

    private let lock = Lock()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var state = State()

    package init() {}

    /// Absolute path of the executable as this process sees it; empty where it cannot be resolved: the process has
    /// ended, is a kernel thread, or may not be looked at (a set-uid program, asked about by an ordinary user).
    package func program(pid: UInt32) -> String {
        withProcess(pid) { process in
            withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer -> String? in
                guard let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return nil }
                let count = readlinkat(process.directory.rawValue, "exe", base, buffer.count)
                guard count >= 0 else { return nil }
                return remember(UnsafeRawBufferPointer(rebasing: buffer[..<count]), of: process, pid: pid)
            }
        } ?? ""
    }

    /// The login uid: who the session belongs to, also after su(1) and sudo(8).
    package func loginUID(pid: UInt32) -> UInt32 {
        withProcess(pid) { process in
            guard process.loginUID >= 0 else { return nil }
            return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer -> UInt32? in
                let count = pread(process.loginUID, buffer.baseAddress, buffer.count, 0)
                guard count > 0 else { return nil }
                return UInt32(String(decoding: buffer[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
            }
        } ?? Self.noLoginUID
    }

    /// Calls `body` with the process as remembered, and where that gives nothing with one newly opened.
    private func withProcess<Answer>(_ pid: UInt32, _ body: (Process) -> Answer?) -> Answer? {
        if let process = remembered(pid), let answer = body(process) { return answer }
        guard let process = try? Process(pid: pid) else {
            lock.withLock { _ = state.entries.removeValue(forKey: pid) }
            return nil
        }
        keep(process, pid: pid)
        return body(process)
    }

    private func remembered(_ pid: UInt32) -> Process? {
        lock.withLock {
            guard let entry = state.entries[pid] else { return nil }
            state.uses += 1
            let use = state.uses
            state.entries[pid]?.lastUse = use
            return entry.process
        }
    }

    private func keep(_ process: Process, pid: UInt32) {
        lock.withLock {
            if state.entries.count >= Self.maxEntryCount, state.entries[pid] == nil,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.entries.removeValue(forKey: oldest.key)
            }
            state.uses += 1
            state.entries[pid] = Entry(process: process, program: "", programBytes: [], lastUse: state.uses)
        }
    }

    /// The path as text; the same string again while the program stays the same.
    private func remember(_ path: UnsafeRawBufferPointer, of process: Process, pid: UInt32) -> String {
        lock.withLock {
            if let entry = state.entries[pid], entry.process === process, entry.programBytes.elementsEqual(path) {
                return entry.program
            }
            let program = String(decoding: path, as: UTF8.self)
            if state.entries[pid]?.process === process {
                state.entries[pid]?.program = program
                state.entries[pid]?.programBytes = [UInt8](path)
            }
            return program
        }
    }
}
