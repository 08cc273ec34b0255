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
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        // The shell waits for a line before it becomes another program.
        let pid = start("/bin/sh", "-c", "read line <&\(ends[0]); exec /bin/sleep 100")
        defer { end(pid) }
        let shell = inspector.program(pid: UInt32(pid))
        #expect(shell == path(of: pid))
        try #require(write(ends[1], "\n", 1) == 1)
        close(ends[1])
        while path(of: pid) == shell { usleep(1000) }
        #expect(inspector.program(pid: UInt32(pid)) == path(of: pid))
        #expect(inspector.program(pid: UInt32(pid)) != shell)
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
        // 64 processes of two descriptors; other tests of this process may hold a few.
        #expect(after - before < 2 * 64 + 40)
    }
}
