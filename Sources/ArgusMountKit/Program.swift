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

    static func system(_ subject: String, _ number: Int32) -> KitError {
        KitError("\(subject): \(String(cString: strerror(number)))")
    }
}

/// A running program in a session of its own, and in the directory `/`; its output goes to files, so that it never waits
/// for the test.
package final class Program {
    package var pid: Int32 { child.pid }
    private let child: ChildProcess
    private let commandLine: String
    private let outputs: [Int32]
    private var finished: Finished?

    /// What runs longer hangs. Nothing that tests start takes a tenth of it.
    static let hangSeconds: Int32 = TestRun.isLong ? 7200 : 900

    /// Everything about the start is explicit: no descriptor, variable or directory of the test is handed on.
    package init(
        _ arguments: [String], as person: Person = .current, environment: [String: String] = [:], input: String = ""
    ) throws(KitError) {
        commandLine = arguments.joined(separator: " ")
        let files = [try Self.file(), try Self.file(), try Self.file()]
        defer { close(files[0]) }
        var text = input
        text.withUTF8 { _ = write(files[0], $0.baseAddress, $0.count) }
        lseek(files[0], 0, SEEK_SET)
        outputs = Array(files[1...])

        child = try ChildProcess(
            person.command(arguments), environment: environment, input: files[0], output: files[1], error: files[2])
    }

    /// A file without a name.
    static func file() throws(KitError) -> Int32 {
        var template = Array("/tmp/argus-output-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else { throw KitError.system("mkstemp(3)", errno) }
        unlink(template)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return file
    }

    deinit {
        if finished == nil {
            child.signal(SIGKILL, toGroup: true)
            _ = child.exitStatus(withinSeconds: Self.hangSeconds)
        }
        for file in outputs { close(file) }
    }

    package func signal(_ number: Int32) { child.signal(number) }

    /// Waits for the end. What hangs is killed, and the error says where it hung.
    package func wait() -> Finished {
        if let finished { return finished }
        var note = ""
        var status = child.exitStatus(withinSeconds: Self.hangSeconds)
        if status == nil {
            note = "still running after \(Self.hangSeconds) s, killed:\n\(ProcessStates.text(of: pid))"
            child.signal(SIGKILL, toGroup: true)
            status = child.exitStatus(withinSeconds: 60)
        }
        let result = Finished(
            commandLine: commandLine, status: note.isEmpty ? status ?? 127 : 128 + SIGKILL,
            output: Self.text(outputs[0]), error: note + Self.text(outputs[1]))
        finished = result
        return result
    }

    static func text(_ file: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file, &buffer, buffer.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
