internal import CArgusLinux
internal import Glibc
internal import Synchronization

/// A child of the test's process that is reaped as soon as it ends, whether or not somebody waits for it.
///
/// The testing library waits for its own children with one waitid(2) for any child. One that has ended and is left as a
/// zombie answers that call again and again: a processor is lost, and the library's children behind it are not seen.
final class ChildProcess: Sendable {
    let pid: Int32
    /// waitpid(2)'s status; nil while it runs.
    private let status = Mutex<Int32?>(nil)
    /// A pipe, readable once it has ended.
    private let end: (read: Int32, write: Int32)

    /// Starts a program in the directory `/` with three descriptors and nothing else of the test's. They stay the
    /// caller's to close, and are above 2.
    init(
        _ command: [String], environment: [String: String], input: Int32, output: Int32, error: Int32
    ) throws(KitError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw KitError.system("pipe(2)", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        end = (ends[0], ends[1])

        var variables = [
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
        ]
        variables.merge(environment) { $1 }
        var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var started: Int32 = 0
        var failure = argus_spawn(&started, command[0], &argv, &envp, input, output, error)
        pid = started
        guard failure == 0 else { throw KitError.system(command[0], failure) }

        var thread = pthread_t()
        failure = argus_system_thread_start(
            &thread, "reaper",
            { child in
                if let child { Unmanaged<ChildProcess>.fromOpaque(child).takeRetainedValue().reap() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard failure == 0 else { throw KitError.system("pthread_create(3)", failure) }
        pthread_detach(thread)
    }

    deinit {
        close(end.read)
        close(end.write)
    }

    private func reap() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        status.withLock { status in
            var raw: Int32 = 0
            status = waitpid(pid, &raw, 0) == pid ? raw : 127 << 8
        }
        _ = write(end.write, "!", 1)
    }

    /// Sends nothing once the child has ended: its number may be another's by then.
    func signal(_ number: Int32, toGroup: Bool = false) {
        status.withLock { status in
            guard status == nil, kill(toGroup ? -pid : pid, number) != 0 else { return }
            // What sudo(8) runs is somebody else's, and in no group of ours.
            let all = Tree.descendants(of: pid).map { String($0) }
            _ = try? Program(["kill", "-\(number)"] + all, as: .root).wait()
        }
    }

    /// The exit status, or 128 and the signal's number; nil where it does not end within that time.
    func exitStatus(withinSeconds limit: Int32) -> Int32? {
        var event = pollfd(fd: end.read, events: Int16(POLLIN), revents: 0)
        while poll(&event, 1, limit * 1000) < 0 && errno == EINTR {}
        return status.withLock { $0 }.map { $0 & 0x7f == 0 ? $0 >> 8 & 0xff : 128 + $0 & 0x7f }
    }
}
