internal import Glibc

/// A program that is told a line and answers with one, again and again.
package final class Dialogue {
    private let child: ChildProcess
    private let commandLine: String
    private let orders: Int32
    private let answers: Int32
    private let error: Int32
    private var received: [UInt8] = []
    private var isEnded = false
    /// A program that is gone is an error of write(2), not the end of the tests.
    private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

    package init(_ arguments: [String], as person: Person) throws(KitError) {
        _ = Self.ignoresBrokenPipes
        commandLine = arguments.joined(separator: " ")
        let (input, output) = (try Self.pipe(), try Self.pipe())
        (orders, answers, error) = (input.write, output.read, try Program.file())
        defer {
            close(input.read)
            close(output.write)
        }
        child = try ChildProcess(
            person.command(arguments), environment: [:], input: input.read, output: output.write, error: error)
    }

    private static func pipe() throws(KitError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw KitError.system("pipe(2)", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    deinit {
        end()
        close(answers)
        close(error)
    }

    /// The answer to a line, both without their newlines.
    package func ask(_ line: String) throws(KitError) -> String {
        let bytes = Array((line + "\n").utf8)
        let written = bytes.withUnsafeBytes { write(orders, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw failure("takes no line", line) }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                defer { received.removeSubrange(...end) }
                return String(decoding: received[..<end], as: UTF8.self)
            }
            var event = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
            guard poll(&event, 1, Program.hangSeconds * 1000) != 0 else {
                throw failure("does not answer:\n\(ProcessStates.text(of: child.pid))", line)
            }
            let count = read(answers, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("ended", line) }
            received.append(contentsOf: chunk[..<count])
        }
    }

    private func failure(_ what: String, _ line: String) -> KitError {
        KitError("`\(commandLine)` at `\(line)` \(what): \(Program.text(error))")
    }

    /// Lets the program see the end of its input, and waits until it has ended.
    package func end() {
        guard !isEnded else { return }
        isEnded = true
        close(orders)
        if child.exitStatus(withinSeconds: 60) == nil {
            child.signal(SIGKILL, toGroup: true)
            _ = child.exitStatus(withinSeconds: Program.hangSeconds)
        }
    }
}
