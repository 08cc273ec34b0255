import ArgusSystem
import Glibc
import Testing

/// What the kernel is told about the memory that secrets lie in, read back from the kernel (proc_pid_smaps(5)).
@Suite("The memory of secrets")
struct SecretMemoryTests {
    /// One mapping of this process.
    struct Mapping {
        var range: Range<UInt>
        var permissions: Substring
        var flags: Set<Substring> = []
    }

    @Test(
        "a secret is left out of core dumps and wiped in children, between pages that fault",
        arguments: [1, 32, 4096, 100_000])
    func protection(count: Int) throws {
        let secret = SecretBytes.random(count: count)
        let address = secret.withBytes { UInt(bitPattern: $0.baseAddress) }
        let mappings = try Self.mappings()
        let index = try #require(mappings.firstIndex { $0.range.contains(address) })
        let mapping = mappings[index]
        #expect(mapping.range.contains(address + UInt(count) - 1))
        #expect(mapping.permissions == "rw-p")
        #expect(mapping.flags.isSuperset(of: ["dd", "wf"]))
        if SecretBytes.isMemoryLocked { #expect(mapping.flags.contains("lo")) }
        for (neighbour, touches) in [
            (mappings[index - 1], mappings[index - 1].range.upperBound == mapping.range.lowerBound),
            (mappings[index + 1], mappings[index + 1].range.lowerBound == mapping.range.upperBound),
        ] {
            #expect(touches, "a guard page adjoins")
            #expect(neighbour.permissions == "---p")
        }
    }

    @Test("a user who may lock no memory has secrets all the same, and is told that they are not locked")
    func notLocked() async {
        await #expect(processExitsWith: .success) {
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            precondition(setrlimit(__rlimit_resource_t(8), &none) == 0, "8 is RLIMIT_MEMLOCK")
            // The superuser may lock without limit; an effective user without CAP_IPC_LOCK may not.
            if geteuid() == 0 { precondition(seteuid(65_534) == 0) }
            let secret = SecretBytes.random(count: 32)
            precondition(!secret.looksDegenerate)
            precondition(!SecretBytes.isMemoryLocked)
        }
    }

    @Test("a forked child that uses a secret stops, instead of working with zeros")
    func forked() async {
        await #expect(processExitsWith: .success) {
            let secret = SecretBytes.random(count: 32)
            typealias Fork = @convention(c) () -> pid_t
            guard let symbol = dlsym(nil, "fork") else { preconditionFailure("the C library has fork(2)") }
            let child = unsafeBitCast(symbol, to: Fork.self)()
            if child == 0 {
                for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV] { signal(number, SIG_DFL) }
                var none = rlimit(rlim_cur: 0, rlim_max: 0)
                setrlimit(__rlimit_resource_t(4), &none)
                close(STDERR_FILENO)
                secret.withBytes { bytes in _exit(bytes.allSatisfy { $0 == 0 } ? 2 : 3) }
            }
            var status: Int32 = 0
            precondition(waitpid(child, &status, 0) == child)
            precondition(status & 0x7f != 0, "the child ended by a signal, not by reading")
            precondition(!secret.looksDegenerate, "the parent keeps its secret")
        }
    }

    private static func mappings() throws -> [Mapping] {
        let text = try DirectoryHandle(path: "/proc/self").readWholeOfProc("smaps")
        var mappings: [Mapping] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words[0] == "VmFlags:" {
                mappings[mappings.count - 1].flags = Set(words.dropFirst())
            } else if let dash = words[0].firstIndex(of: "-"), let start = UInt(words[0][..<dash], radix: 16),
                let end = UInt(words[0][words[0].index(after: dash)...], radix: 16)
            {
                mappings.append(Mapping(range: start..<end, permissions: words[1]))
            }
        }
        return mappings
    }
}

extension DirectoryHandle {
    /// A file of proc(5), whose size reads as 0.
    fileprivate func readWholeOfProc(_ name: String) throws -> String {
        String(decoding: try readFile(name, maxByteCount: 64 << 20), as: UTF8.self)
    }
}
