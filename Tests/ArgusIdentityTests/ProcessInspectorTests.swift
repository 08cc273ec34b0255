import ArgusIdentity
import ArgusSystem
import Glibc
import Testing

@Suite struct ProcessInspectorTests {
    private func start(_ program: String, _ arguments: String...) -> pid_t {
        var pid = pid_t()
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        let status = posix_spawn(&pid, program, nil, nil, &argv, environ)
        precondition(status == 0)
        return pid
    }

    private func end(_ pid: pid_t) {
        kill(pid, SIGKILL)
        while waitpid(pid, nil, 0) == -1, errno == EINTR {}
    }

    private func path(of pid: pid_t) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/\(pid)/exe", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test("a process is known by the program it runs")
    func program() {
        let inspector = ProcessInspector()
        let own = UInt32(getpid())
        #expect(inspector.program(pid: own) == path(of: getpid()))
        #expect(inspector.program(pid: own) == inspector.program(pid: own))
    }

    @Test("a process that has ended has no program and no login")
    func ended() {
        let inspector = ProcessInspector()
        let pid = start("/bin/sleep", "100")
        // posix_spawn(3) returns when the program runs.
        #expect(inspector.program(pid: UInt32(pid)) == path(of: pid))
        end(pid)
        #expect(inspector.program(pid: UInt32(pid)) == "")
        #expect(inspector.loginUID(pid: UInt32(pid)) == ProcessFacts.noLoginUID)
    }

    @Test("a program is seen anew after execve")
    func execve() throws {
        let inspector = ProcessInspector()
        // Becomes cat(1), which answers each line: then it certainly runs.
        let (pid, lines) = try startConversation("/bin/sh", "-c", "read line; echo $line; exec /bin/cat")
        defer { end(pid) }
        let shell = inspector.program(pid: UInt32(pid))
        #expect(shell == path(of: pid) && !shell.isEmpty)
        try lines.say("go")
        try lines.say("are you cat?")
        #expect(inspector.program(pid: UInt32(pid)) == path(of: pid))
        #expect(inspector.program(pid: UInt32(pid)) != shell)
    }

    /// An inspector that has seen a process end, and so believes what the kernel says of address spaces.
    private func believer() throws -> ProcessInspector {
        let inspector = ProcessInspector()
        let pid = start("/bin/sleep", "100")
        #expect(!inspector.program(pid: UInt32(pid)).isEmpty)
        #expect(!inspector.believesAddressSpaces)
        end(pid)
        #expect(inspector.program(pid: UInt32(pid)).isEmpty)
        try #require(inspector.believesAddressSpaces, "this kernel answers otherwise: the program is read each time")
        return inspector
    }

    @Test("one program after another in the same process is seen, however soon it is asked about")
    func believed() throws {
        let inspector = try believer()
        // Becomes cat(1), which answers each line: then it certainly runs.
        let (pid, lines) = try startConversation("/bin/sh", "-c", "read line; echo $line; exec /bin/cat")
        defer { end(pid) }
        let shell = inspector.program(pid: UInt32(pid))
        #expect(shell == path(of: pid))
        for _ in 0..<100 { #expect(inspector.program(pid: UInt32(pid)) == shell) }
        try lines.say("go")
        try lines.say("are you cat?")
        #expect(inspector.program(pid: UInt32(pid)) == path(of: pid))
        #expect(inspector.program(pid: UInt32(pid)) != shell)
    }

    @Test("a thread that has ended is nobody, while its process lives on")
    func thread() throws {
        let inspector = try believer()
        let number = Shared<UInt32>(0)
        let thread = Thread.start(name: "short") {
            var buffer = [CChar](repeating: 0, count: 64)
            let count = readlink("/proc/thread-self", &buffer, buffer.count)
            let text = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let own = UInt32(text.split(separator: "/").last ?? "") ?? 0
            number.set(inspector.program(pid: own).isEmpty ? 0 : own)
        }
        thread.join()
        try #require(number.value != 0)
        // The kernel may take a moment to take it down.
        for _ in 0..<2000 where access("/proc/\(getpid())/task/\(number.value)", F_OK) == 0 { usleep(1000) }
        #expect(inspector.program(pid: number.value).isEmpty)
    }

    @Test("a child that shares its parent's memory until it runs a program of its own is seen to do so")
    func sharedMemory() throws {
        let inspector = try believer()
        let pipe = "/tmp/argus-inspector-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try #require(mkfifo(pipe, 0o600) == 0)
        defer { unlink(pipe) }
        let child = Shared<UInt32>(0)
        // posix_spawn(3): the child waits for a writer of the pipe, with the memory of this process, before it runs
        // sleep(1); the thread that called waits with it.
        let caller = Thread.start(name: "spawner") {
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            posix_spawn_file_actions_addopen(&actions, 9, pipe, O_RDONLY, 0)
            var pid = pid_t()
            var argv: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sleep"), strdup("100"), nil]
            if posix_spawn(&pid, "/bin/sleep", &actions, nil, &argv, environ) == 0 { child.set(UInt32(pid)) }
            argv.forEach { free($0) }
            posix_spawn_file_actions_destroy(&actions)
        }
        let own = path(of: getpid())
        let waiting = try #require(waitForChild(of: own))
        for _ in 0..<20 { #expect(inspector.program(pid: waiting) == own) }
        let writer = open(pipe, O_WRONLY)
        caller.join()
        defer { close(writer) }
        #expect(child.value == waiting)
        defer { end(pid_t(child.value)) }
        #expect(inspector.program(pid: waiting) == path(of: pid_t(waiting)))
        #expect(inspector.program(pid: waiting) != own)
    }

    /// The child of this process that runs this very program and waits to open the pipe.
    private func waitForChild(of own: String) -> UInt32? {
        for _ in 0..<5000 {
            for task in (try? DirectoryHandle(path: "/proc/self/task").names()) ?? [] {
                let file = open("/proc/self/task/\(task)/children", O_RDONLY | O_CLOEXEC)
                guard file >= 0 else { continue }
                defer { close(file) }
                var text = [UInt8](repeating: 0, count: 4096)
                let count = read(file, &text, text.count)
                let pids = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
                for pid in pids.compactMap({ pid_t(String(decoding: $0, as: UTF8.self)) }) where path(of: pid) == own {
                    return UInt32(pid)
                }
            }
            usleep(1000)
        }
        return nil
    }

    /// A program whose input and output are pipes to this process.
    private func startConversation(_ words: String...) throws -> (pid_t, Conversation) {
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        try #require(pipe(&input) == 0)
        try #require(pipe(&output) == 0)
        // Not for the child, nor for those of other tests: an open end would keep a program waiting.
        for end in input + output { try #require(fcntl(end, F_SETFD, FD_CLOEXEC) == 0) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        var pid = pid_t()
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        try #require(posix_spawn(&pid, words[0], &actions, nil, &argv, environ) == 0)
        close(input[0])
        close(output[1])
        return (pid, Conversation(input: input[1], output: output[0]))
    }

    private final class Conversation {
        let input: Int32
        let output: Int32
        init(input: Int32, output: Int32) { (self.input, self.output) = (input, output) }
        deinit {
            close(input)
            close(output)
        }

        /// Says a line and waits until it was repeated.
        func say(_ line: String) throws {
            try #require(write(input, line + "\n", line.utf8.count + 1) == line.utf8.count + 1)
            var heard: [UInt8] = []
            var byte: UInt8 = 0
            while heard.last != UInt8(ascii: "\n") {
                try #require(read(output, &byte, 1) == 1)
                heard.append(byte)
            }
            #expect(String(decoding: heard.dropLast(), as: UTF8.self) == line)
        }
    }

    private final class Shared<Value: Sendable>: Sendable {
        private let lock = Lock()
        nonisolated(unsafe) private var current: Value
        init(_ value: Value) { current = value }
        var value: Value { lock.withLock { current } }
        func set(_ value: Value) { lock.withLock { current = value } }
    }

    @Test("the login uid is the kernel's")
    func login() {
        let inspector = ProcessInspector()
        var text = [UInt8](repeating: 0, count: 16)
        let file = open("/proc/self/loginuid", O_RDONLY)
        defer { if file >= 0 { close(file) } }
        let count = file >= 0 ? read(file, &text, text.count) : 0
        let expected = UInt32(String(decoding: text.prefix(max(0, count)), as: UTF8.self)) ?? .max
        #expect(inspector.loginUID(pid: UInt32(getpid())) == expected)
    }

    @Test("more processes than are remembered leave no descriptors behind")
    func bound() throws {
        let inspector = ProcessInspector()
        let before = try DirectoryHandle(path: "/proc/self/fd").names().count
        let pids = (0..<80).map { _ in start("/bin/sleep", "100") }
        defer { pids.forEach(end) }
        for pid in pids { #expect(!inspector.program(pid: UInt32(pid)).isEmpty) }
        let after = try DirectoryHandle(path: "/proc/self/fd").names().count
        // 64 processes of three descriptors; other tests of this process may hold a few.
        #expect(after - before < 3 * 64 + 40)
    }
}
