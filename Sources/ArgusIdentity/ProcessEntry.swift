internal import ArgusSystem
internal import CArgusLinux
internal import Glibc
internal import Synchronization

/// The open files of one thread in /proc, and what the thread was found to be. Closed when the last user lets go.
///
/// All of them stay bound to the thread they were opened for: once it has ended, reading through them fails even where
/// its number was given to another.
final class ProcessEntry: Sendable {
    enum AddressSpace {
        /// Still in use, by the thread or by somebody who shares it.
        case used
        /// Nobody's any more: the program that had it has ended, or given way to another (execve(2)).
        case gone
        case unknown
    }

    enum Login: Equatable {
        case uid(UInt32)
        case threadEnded
        case unknown
    }

    let facts: ProcessFacts
    /// Whether the thread is its process's first, which stays until all others have ended.
    let isLeader: Bool
    /// Whether another process may keep the address space in use that the thread has now, as the parent does of a
    /// child between vfork(2) and execve(2).
    let sharesAddressSpace: Bool

    /// The symbolic link itself (O_PATH), so that reading it looks no name up.
    private let executable: OwnedDescriptor
    /// Kept open, since reading it again gives the value of that moment. -1: a kernel without auditing has none.
    private let loginUID: Int32
    /// `pagemap`, which is bound to the address space that the thread had when it was opened. -1: there is none.
    private let addressSpaceFile: Int32
    /// When the program was last read, on the monotonic clock.
    let checkedNanoseconds: Atomic<UInt64>
    // Guarded by the inspector's lock.
    nonisolated(unsafe) var lastUse: UInt64 = 0

    /// O_PATH of open(2), which glibc shows to GNU sources alone.
    private static let pathOnly: Int32 = 0o10000000

    init(thread: UInt32, now: UInt64, attach: ProcessInspector.Attach?) throws(SystemError) {
        let directory = try OwnedDescriptor.open("/proc/\(thread)", flags: O_RDONLY | O_DIRECTORY)
        // Through the directory, so that all belong to one process even where the number is being reused.
        let link = openat(directory.rawValue, "exe", Self.pathOnly | O_NOFOLLOW | O_CLOEXEC)
        guard link >= 0 else { throw SystemError(errno: errno, call: "openat(2)") }
        let executable = OwnedDescriptor(owning: link)
        let loginUID = OptionalDescriptor(openat(directory.rawValue, "loginuid", O_RDONLY | O_CLOEXEC))
        let origin = ProcessOrigin(thread: thread, directory: directory.rawValue)
        // In this order: should the program give way to another meanwhile, the address space is the new one's, which
        // nobody shares, or its end is seen. Without a parent that can be asked about, nothing is known.
        sharesAddressSpace =
            origin.parentPID.map { argus_shares_memory(Int32(bitPattern: thread), Int32(bitPattern: $0)) != 0 } ?? true
        let addressSpace = OptionalDescriptor(openat(directory.rawValue, "pagemap", O_RDONLY | O_CLOEXEC))
        let program = withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer -> [UInt8]? in
            let count = Self.link(link, into: buffer)
            return count < 0 ? nil : [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        guard let program else { throw SystemError(errno: ESRCH, call: "readlinkat(2)") }
        var login = ProcessFacts.noLoginUID
        if case .uid(let uid) = Self.login(loginUID.rawValue) { login = uid }
        facts = ProcessFacts(
            origin: origin, programBytes: program, loginUID: login, directory: directory.rawValue, attach: attach)
        isLeader = origin.pid == thread
        self.executable = executable
        self.loginUID = loginUID.release()
        addressSpaceFile = addressSpace.release()
        checkedNanoseconds = Atomic(now)
    }

    deinit {
        if loginUID >= 0 { close(loginUID) }
        if addressSpaceFile >= 0 { close(addressSpaceFile) }
    }

    /// The login uid of this moment, which also tells whether the thread lives.
    var login: Login { Self.login(loginUID) }

    /// What has become of the address space.
    ///
    /// Entries of `pagemap` have 8 bytes, and a read of another length is refused (EINVAL) where there is an address
    /// space to read of; where there is none any more, the file has ended, whatever is asked (proc_pid_pagemap(5); the
    /// kernel's fs/proc/task_mmu.c). So one byte is asked for, which is never looked up.
    var addressSpace: AddressSpace {
        guard addressSpaceFile >= 0 else { return .unknown }
        var byte: UInt8 = 0
        let count = pread(addressSpaceFile, &byte, 1, 0)
        let cause = errno
        if count == 0 { return .gone }
        return count < 0 && cause == EINVAL ? .used : .unknown
    }

    /// Whether the thread's process runs the program that `facts` tell of.
    var runsTheSame: Bool {
        let program = facts.programBytes
        // Longer paths are taken for changed, and read again.
        return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            guard program.count < buffer.count else { return false }
            return Self.link(executable.rawValue, into: buffer) == program.count
                && program.withUnsafeBytes { isEqual($0, UnsafeRawBufferPointer(rebasing: buffer[..<program.count])) }
        }
    }

    /// The length of the program's path; 0 where the driver's user may not look at the program: it is another user's
    /// process, or changed its user, and only its path and memory are closed to others (proc_pid_exe(5)).
    private static func link(_ executable: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = buffer.baseAddress else { return -1 }
        // No name: the link that the descriptor is. A literal would be copied into new memory for C.
        var name: CChar = 0
        let count = readlinkat(executable, &name, base.assumingMemoryBound(to: CChar.self), buffer.count)
        let cause = errno
        return count < 0 && (cause == EACCES || cause == EPERM) ? 0 : count
    }

    private static func login(_ file: Int32) -> Login {
        guard file >= 0 else { return .unknown }
        return withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
            let count = pread(file, buffer.baseAddress, buffer.count, 0)
            let cause = errno
            guard count > 0, let uid = number(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
                return count < 0 && cause == ESRCH ? .threadEnded : .unknown
            }
            return .uid(uid)
        }
    }
}

/// A descriptor, or -1 for none; closed unless it is released.
private struct OptionalDescriptor: ~Copyable {
    let rawValue: Int32

    init(_ rawValue: Int32) { self.rawValue = rawValue }

    deinit { if rawValue >= 0 { close(rawValue) } }

    consuming func release() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }
}

extension ProcessOrigin {
    /// Reads what stays, through the open directory of a thread in /proc. What cannot be read is left out.
    init(thread: UInt32, directory: Int32) {
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
