internal import ArgusSystem
internal import Glibc

/// What a process is: facts of one program run by one process. They do not change; a process that runs another program
/// has other facts.
package final class ProcessFacts: Sendable {
    /// The process; requests name its threads.
    package let pid: UInt32
    /// Absolute path of the executable as this process sees it; empty where it cannot be resolved: the process has
    /// ended, is a kernel thread, or may not be looked at (a set-uid program, asked about by an ordinary user).
    package let program: String
    /// The login uid: who the session belongs to, also after su(1) and sudo(8). `noLoginUID` where there is none.
    package let loginUID: UInt32
    /// The audit session, where there is one.
    package let session: UInt32?
    /// The process that started this one, and its program, as they were when the process was first seen.
    package let parentPID: UInt32?
    package let parentProgram: String
    /// What the inspector's owner made of the facts, once.
    package let attachment: (any AnyObject & Sendable)?
    fileprivate let programBytes: [UInt8]

    /// `loginUID` of a session that has none (pam_loginuid(8)): the kernel's AUDIT_UID_UNSET.
    package static let noLoginUID = UInt32.max

    fileprivate init(
        origin: ProcessOrigin, programBytes: [UInt8], loginUID: UInt32, attach: ProcessInspector.Attach?
    ) {
        self.pid = origin.pid
        self.program = String(decoding: programBytes, as: UTF8.self)
        self.loginUID = loginUID
        self.session = origin.session
        self.parentPID = origin.parentPID
        self.parentProgram = origin.parentProgram
        self.programBytes = programBytes
        self.attachment = attach?(pid, program, loginUID, origin)
    }
}

/// What stays as it is while a process lives.
package struct ProcessOrigin: Sendable {
    package var pid: UInt32
    package var session: UInt32?
    package var parentPID: UInt32?
    package var parentProgram = ""
}

/// Tells what program a process runs and as whom it logged in, from proc(5). Thread ids work as process ids do.
///
/// For each thread asked about lately it keeps descriptors of its `/proc` entries. Such a descriptor stays bound to the
/// thread it was opened for: once that has ended, reading through it fails even where the number was given to another
/// process, so that no start time needs to be compared. The program itself is read each time: `execve(2)` changes it
/// without changing anything that a cache could be keyed by. Where it is the one it was, nothing is allocated.
package final class ProcessInspector: Sendable {
    /// Makes what a record keeps of a process, once for each program that it runs.
    package typealias Attach =
        @Sendable (_ pid: UInt32, _ program: String, _ loginUID: UInt32, _ origin: ProcessOrigin)
        -> any AnyObject & Sendable

    /// Threads remembered at a time, two descriptors each; well below the usual limit of 1,024 descriptors.
    static let maxEntryCount = 64

    /// The open files of one thread. Closed when the last user lets go.
    private final class Entry: Sendable {
        /// O_PATH of open(2), which glibc shows to GNU sources alone.
        private static let pathOnly: Int32 = 0o10000000

        /// The symbolic link itself (O_PATH), so that reading it looks no name up.
        let executable: OwnedDescriptor
        /// Kept open, since reading it again gives the value of that moment. -1: a kernel without auditing has none.
        let loginUID: Int32
        let origin: ProcessOrigin
        // Guarded by the inspector's lock.
        nonisolated(unsafe) var facts: ProcessFacts?
        nonisolated(unsafe) var lastUse: UInt64 = 0

        init(thread: UInt32) throws(SystemError) {
            let directory = try OwnedDescriptor.open("/proc/\(thread)", flags: O_RDONLY | O_DIRECTORY)
            // Through the directory, so that all belong to one process even where the number is being reused.
            let link = openat(directory.rawValue, "exe", Self.pathOnly | O_NOFOLLOW | O_CLOEXEC)
            guard link >= 0 else { throw SystemError(errno: errno, call: "openat(2)") }
            executable = OwnedDescriptor(owning: link)
            loginUID = openat(directory.rawValue, "loginuid", O_RDONLY | O_CLOEXEC)
            origin = ProcessOrigin(thread: thread, directory: directory.rawValue)
        }

        deinit {
            if loginUID >= 0 { close(loginUID) }
        }
    }

    private let attach: Attach?
    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var entries: [UInt32: Entry] = [:]
    nonisolated(unsafe) private var uses: UInt64 = 0

    package init(attach: Attach? = nil) {
        self.attach = attach
    }

    /// The process behind a thread; nil where it has ended or may not be looked at.
    package func facts(ofThread thread: UInt32) -> ProcessFacts? {
        guard thread != 0 else { return nil }
        if let (entry, facts) = remembered(thread), let current = read(entry, known: facts) { return current }
        guard let entry = try? Entry(thread: thread) else {
            lock.withLock { _ = entries.removeValue(forKey: thread) }
            return nil
        }
        keep(entry, thread: thread)
        return read(entry, known: nil)
    }

    package func program(pid: UInt32) -> String { facts(ofThread: pid)?.program ?? "" }
    package func loginUID(pid: UInt32) -> UInt32 { facts(ofThread: pid)?.loginUID ?? ProcessFacts.noLoginUID }

    /// What the thread's process runs now: `known` where that is what it ran before.
    private func read(_ entry: Entry, known: ProcessFacts?) -> ProcessFacts? {
        // A login uid that is set stays (only CAP_AUDIT_CONTROL could change it); one that is not may come any time.
        let loginUID =
            known.flatMap { $0.loginUID == ProcessFacts.noLoginUID ? nil : $0.loginUID } ?? Self.loginUID(entry)
        if let known, known.loginUID == loginUID, Self.runs(entry, known.programBytes) { return known }
        let program = withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer -> [UInt8]? in
            let count = Self.link(entry, into: buffer)
            return count < 0 ? nil : [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        guard let program else { return nil }
        let facts = ProcessFacts(
            origin: entry.origin, programBytes: program, loginUID: loginUID, attach: attach)
        lock.withLock { entry.facts = facts }
        return facts
    }

    /// Whether the thread's process runs this program. Paths up to this length are compared on the stack.
    private static func runs(_ entry: Entry, _ program: [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            guard program.count < buffer.count else { return false }
            return link(entry, into: buffer) == program.count
                && program.withUnsafeBytes { isEqual($0, UnsafeRawBufferPointer(rebasing: buffer[..<program.count])) }
        }
    }

    private static func link(_ entry: Entry, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = buffer.baseAddress else { return -1 }
        // No name: the link that the descriptor is. A literal would be copied into new memory for C.
        var name: CChar = 0
        return readlinkat(entry.executable.rawValue, &name, base.assumingMemoryBound(to: CChar.self), buffer.count)
    }

    private static func loginUID(_ entry: Entry) -> UInt32 {
        guard entry.loginUID >= 0 else { return ProcessFacts.noLoginUID }
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
            let count = pread(entry.loginUID, buffer.baseAddress, buffer.count, 0)
            return number(UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)])) ?? ProcessFacts.noLoginUID
        }
    }

    private func remembered(_ thread: UInt32) -> (Entry, ProcessFacts?)? {
        lock.withLock {
            guard let entry = entries[thread] else { return nil }
            uses += 1
            entry.lastUse = uses
            return (entry, entry.facts)
        }
    }

    private func keep(_ entry: Entry, thread: UInt32) {
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

extension ProcessOrigin {
    /// Reads what stays, through the open directory of a thread in /proc. What cannot be read is left out.
    fileprivate init(thread: UInt32, directory: Int32) {
        pid = thread
        // Tgid and PPid stand in the first lines of `status` (proc_pid_status(5)), behind a name of at most 64 bytes.
        withContents(of: "status", in: directory) { status in
            if let process = field("Tgid:", of: status) { pid = process }
            if let parent = field("PPid:", of: status), parent != 0 { parentPID = parent }
        }
        withContents(of: "sessionid", in: directory) { text in
            if let number = number(text), number != .max { session = number }
        }
        guard let parentPID else { return }
        withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer in
            guard let base = buffer.baseAddress else { return }
            let count = readlink("/proc/\(parentPID)/exe", base.assumingMemoryBound(to: CChar.self), buffer.count)
            guard count > 0 else { return }
            parentProgram = String(decoding: buffer[..<count], as: UTF8.self)
        }
    }
}

private func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard let first = left.baseAddress, let second = right.baseAddress else { return left.count == right.count }
    return left.count == right.count && memcmp(first, second, left.count) == 0
}

/// Calls `body` with the first 1,024 bytes of a file.
private func withContents(of name: String, in directory: Int32, _ body: (UnsafeRawBufferPointer) -> Void) {
    let file = openat(directory, name, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
        let count = read(file, buffer.baseAddress, buffer.count)
        if count > 0 { body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    }
}

/// The number of the line that begins with `key`.
private func field(_ key: StaticString, of status: UnsafeRawBufferPointer) -> UInt32? {
    var rest = status
    while !rest.isEmpty {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
        if end > key.utf8CodeUnitCount,
            rest.starts(with: UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        {
            return number(UnsafeRawBufferPointer(rebasing: rest[key.utf8CodeUnitCount..<end]))
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
    }
    return nil
}

/// Reads decimal digits behind blanks, up to what is none.
private func number(_ text: UnsafeRawBufferPointer) -> UInt32? {
    var value: UInt32?
    for byte in text {
        if value == nil, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { continue }
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
        let (tens, isTooMuch) = (value ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, isMore) = tens.addingReportingOverflow(UInt32(byte - UInt8(ascii: "0")))
        guard !isTooMuch, !isMore else { return nil }
        value = sum
    }
    return value
}
