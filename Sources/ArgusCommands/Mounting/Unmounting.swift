internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// Takes mounts away: root with umount2(2), others with fusermount3(1), as FUSE allows each to.
enum Unmounting {
    enum Failure: Error, Hashable {
        case busy
        /// What the system said.
        case failed(String)
    }

    /// Unmounts unless something uses the mount.
    static func unmount(_ path: String) throws(Failure) {
        try unmount(path, lazily: false)
    }

    /// Takes a dead mount away from its mount point, whoever still holds files open on it.
    static func detach(_ path: String) throws(CommandError) {
        do throws(Failure) {
            try unmount(path, lazily: true)
        } catch {
            throw CommandError(path, "the mount of a driver that ended cannot be cleared; unmount it with umount(8) -l")
        }
    }

    private static func unmount(_ path: String, lazily: Bool) throws(Failure) {
        if geteuid() == 0 {
            let status = argus_unmount(path, lazily ? 1 : 0)
            let cause = errno
            if status == 0 { return }
            throw cause == EBUSY ? .busy : .failed(String(cString: strerror(cause)))
        }
        let arguments = ["-u"] + (lazily ? ["-z"] : []) + ["--", path]
        let (status, complaint) = try run("fusermount3", arguments)
        if status == 0 { return }
        // fusermount3 prints strerror(3) in the C locale, which it was started in.
        throw complaint.contains("busy") ? .busy : .failed(complaint)
    }

    private static func run(_ program: String, _ arguments: [String]) throws(Failure) -> (
        status: Int32, complaint: String
    ) {
        let places = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"]
        guard
            let path = places.map({ (place: String) -> String in "\(place)/\(program)" }).first(where: {
                access($0, X_OK) == 0
            })
        else {
            throw .failed("\(program) is not installed; install the package fuse3")
        }
        do throws(SystemError) {
            let sockets = try LocalSocket.pair()
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            let child = try ChildProcess.spawn(
                path, arguments: [program] + arguments, environment: [:], input: null.rawValue,
                output: null.rawValue, error: sockets.second.rawValue)
            let status = child.wait()
            return (status, complaint(in: sockets.first))
        } catch {
            throw .failed(error.description)
        }
    }

    /// What the program wrote before it ended, on one line; a socket holds far more than it has to say.
    private static func complaint(in socket: borrowing OwnedDescriptor) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(socket.rawValue, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        return Table.printable(text.split(separator: "\n").joined(separator: "; "))
    }
}

/// A program started by this one.
struct ChildProcess {
    let pid: pid_t

    /// Starts `path` in `/` with three descriptors and nothing else of this process (posix_spawn(3)).
    static func spawn(
        _ path: String, arguments: [String], environment: [String: String], input: Int32, output: Int32, error: Int32
    ) throws(SystemError) -> ChildProcess {
        // Numbers above 2, so that putting one in its place does not overwrite another.
        var moved: [Int32] = []
        defer { for descriptor in moved { close(descriptor) } }
        for descriptor in [input, output, error] {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw SystemError(errno: errno, call: "fcntl(2)") }
            moved.append(copy)
        }
        let lines = [["PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"], ["LC_ALL", "C"]]
        var variables = Dictionary(uniqueKeysWithValues: lines.map { ($0[0], $0[1]) })
        variables.merge(environment) { $1 }
        var argv: [UnsafeMutablePointer<CChar>?] = (arguments.map { strdup($0) }) + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let status = argus_spawn(&pid, path, &argv, &envp, moved[0], moved[1], moved[2])
        guard status == 0 else { throw SystemError(errno: status, call: "posix_spawn(3)") }
        return ChildProcess(pid: pid)
    }

    /// The exit status, or 128 and the signal's number.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            if errno != EINTR { return 127 }
        }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }
}

/// A process that is to be outlived (pidfd_open(2)).
struct WatchedProcess: ~Copyable {
    let pid: pid_t
    private let descriptor: OwnedDescriptor

    /// Nil where it is gone already.
    init?(pid: pid_t) {
        let opened = argus_pidfd_open(pid)
        guard opened >= 0 else { return nil }
        self.pid = pid
        descriptor = OwnedDescriptor(owning: opened)
    }

    /// True once the process has ended.
    borrowing func hasEnded(waitMilliseconds milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) > 0
    }
}
