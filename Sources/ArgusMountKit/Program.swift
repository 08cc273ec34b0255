internal import CArgusLinux
internal import Glibc

/// A program that a test starts, and what became of it.
package struct Finished: Sendable {
    package let commandLine: String
    /// The exit status, or 128 and the signal's number.
    package let status: Int32
    package let output: String
    package let error: String

    package var succeeded: Bool { status == 0 }

    /// Throws with everything the program said unless it succeeded.
    @discardableResult
    package func required() throws(KitError) -> Finished {
        guard succeeded else { throw KitError("`\(commandLine)` ended with \(status): \(error)\(output)") }
        return self
    }
}

package struct KitError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A running program in a session of its own, and in the directory `/`; its output goes to files, so that it never waits
/// for the test.
package final class Program {
    package let pid: Int32
    private let commandLine: String
    private let outputs: [Int32]
    private var status: Int32?

    /// Everything about the start is explicit: no descriptor, variable or directory of the test is handed on.
    package init(
        _ arguments: [String], as person: Person = .current, environment: [String: String] = [:], input: String = ""
    ) throws(KitError) {
        let command = person.prefix + ["/usr/bin/setsid"] + arguments
        commandLine = arguments.joined(separator: " ")
        let files = [try Self.file(), try Self.file(), try Self.file()]
        defer { close(files[0]) }
        var text = input
        text.withUTF8 { _ = write(files[0], $0.baseAddress, $0.count) }
        lseek(files[0], 0, SEEK_SET)
        outputs = Array(files[1...])

        var variables = [
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
        ]
        variables.merge(environment) { $1 }
        var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var started: Int32 = 0
        let failure = argus_spawn(&started, command[0], &argv, &envp, files[0], files[1], files[2])
        guard failure == 0 else { throw KitError("\(command[0]): \(String(cString: strerror(failure)))") }
        pid = started
    }

    /// A file without a name.
    private static func file() throws(KitError) -> Int32 {
        var template = Array("/tmp/argus-output-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else { throw KitError("mkstemp(3): \(String(cString: strerror(errno)))") }
        unlink(template)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return file
    }

    deinit {
        if status == nil {
            kill(-pid, SIGKILL)
            _ = wait()
        }
        for file in outputs { close(file) }
    }

    package func signal(_ number: Int32) { kill(pid, number) }

    /// Waits for the end.
    package func wait() -> Finished {
        while status == nil {
            var raw: Int32 = 0
            if waitpid(pid, &raw, 0) == pid {
                status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
            } else if errno != EINTR {
                status = 127
            }
        }
        return Finished(
            commandLine: commandLine, status: status ?? 127, output: Self.text(outputs[0]),
            error: Self.text(outputs[1]))
    }

    private static func text(_ file: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file, &buffer, buffer.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
