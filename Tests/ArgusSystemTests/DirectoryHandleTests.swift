import ArgusSystem
import Glibc
import Testing

@Suite("Directories held open")
struct DirectoryHandleTests {
    let directory: TemporaryDirectory
    var handle: DirectoryHandle { directory.handle }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func cause(_ body: () throws -> Void) -> Int32? {
        do { try body() } catch { return (error as? SystemError)?.errno }
        return nil
    }

    @Test("a symbolic link is never followed, wherever it leads", arguments: ["file", "missing", "sub", "/etc/passwd"])
    func symbolicLinks(target: String) throws {
        try handle.replaceFile("file", with: [1])
        _ = try handle.subdirectory("sub", create: true)
        try directory.link("link", to: target)
        #expect(cause { _ = try handle.open("link", flags: O_RDONLY) } == ELOOP)
        #expect(cause { _ = try handle.open("link", flags: O_RDWR | O_CREAT) } == ELOOP)
        #expect(cause { _ = try handle.readFile("link", maxByteCount: 10_000) } == ELOOP)
        #expect(cause { _ = try handle.subdirectory("link") } == ENOTDIR)
        #expect(cause { _ = try handle.subdirectory("link", create: true) } == ENOTDIR)
        #expect(try handle.exists("link"))
        #expect(try !handle.exists("missing"))
    }

    @Test("a replaced link is replaced itself, not what it leads to")
    func replacedLink() throws {
        try handle.replaceFile("file", with: [1])
        try directory.link("link", to: "file")
        try handle.replaceFile("link", with: [2])
        #expect(try handle.readFile("file", maxByteCount: 10) == [1])
        #expect(try handle.readFile("link", maxByteCount: 10) == [2])
    }

    @Test("what is not one component is refused", arguments: ["", ".", "..", "/", "a/b", "../x"])
    func names(name: String) {
        #expect(cause { _ = try handle.open(name, flags: O_RDONLY) } == EINVAL)
        #expect(cause { try handle.replaceFile(name, with: []) } == EINVAL)
        #expect(cause { try handle.remove(name) } == EINVAL)
        #expect(cause { try handle.rename("a", to: name) } == EINVAL)
        #expect(cause { _ = try handle.exists(name) } == EINVAL)
        #expect(cause { _ = try handle.subdirectory(name, create: true) } == EINVAL)
    }

    @Test("a name with a NUL is refused by what opens, asks or removes")
    func nul() {
        #expect(cause { _ = try handle.open("a\0b", flags: O_RDONLY | O_CREAT) } == EINVAL)
        #expect(cause { try handle.remove("a\0b") } == EINVAL)
        #expect(cause { _ = try handle.exists("a\0b") } == EINVAL)
        #expect(cause { _ = try handle.subdirectory("a\0b", create: true) } == EINVAL)
    }

    @Test("a name with a NUL is refused by what renames or replaces")
    func nulInNewName() throws {
        try handle.replaceFile("other", with: [1])
        #expect(cause { try handle.replaceFile("a\0b", with: [2]) } == EINVAL)
        #expect(cause { try handle.rename("other", to: "a\0b") } == EINVAL)
    }

    @Test("a file is replaced whole, with exactly its mode, and nothing is left over")
    func replaceFile() throws {
        let contents: [[UInt8]] = [[], [1, 2, 3], [UInt8](repeating: 7, count: 200_000), [9]]
        for (content, mode) in zip(contents, [0o600, 0o666, 0o640, 0o400] as [UInt32]) {
            try handle.replaceFile("file", with: content, mode: mode)
            #expect(try handle.readFile("file", maxByteCount: 1 << 20) == content)
            let file = try handle.open("file", flags: O_RDONLY)
            var status = stat()
            #expect(fstat(file.rawValue, &status) == 0)
            #expect(status.st_mode & 0o7777 == mode)
            #expect(try handle.names() == ["file"])
        }
    }

    @Test("a replacement that cannot be put in place leaves the old entry, and no temporary file")
    func failedReplacement() throws {
        _ = try handle.subdirectory("name", create: true)
        #expect(cause { try handle.replaceFile("name", with: [1]) } == EISDIR)
        #expect(try handle.names() == ["name"])
    }

    @Test("what a crash left of a replacement is removed")
    func temporaries() throws {
        try handle.replaceFile("file", with: [1])
        try handle.replaceFile(DirectoryHandle.temporaryPrefix + "0", with: [2])
        try handle.removeTemporaries()
        #expect(try handle.names() == ["file"])
    }

    @Test("a file longer than its limit is refused", arguments: [(9, true), (10, false), (11, false)])
    func limit(limit: Int, isRefused: Bool) throws {
        try handle.replaceFile("file", with: [UInt8](repeating: 1, count: 10))
        #expect(cause { _ = try handle.readFile("file", maxByteCount: limit) } == (isRefused ? EFBIG : nil))
    }

    @Test("a FIFO or a directory is no file to read, and nothing waits for it")
    func notRegular() throws {
        #expect(mkfifo(directory.path + "/fifo", 0o600) == 0)
        _ = try handle.subdirectory("sub", create: true)
        for name in ["fifo", "sub"] { #expect(cause { _ = try handle.readFile(name, maxByteCount: 10) } == EINVAL) }
    }

    @Test("a directory that was renamed stays the one that was opened")
    func renamed() throws {
        let sub = try handle.subdirectory("sub", create: true)
        try handle.rename("sub", to: "moved")
        _ = try handle.subdirectory("sub", create: true)
        try sub.replaceFile("file", with: [5])
        #expect(try handle.subdirectory("moved").readFile("file", maxByteCount: 10) == [5])
        #expect(try handle.subdirectory("sub").names().isEmpty)
        #expect(cause { try handle.removeDirectory("moved") } == ENOTEMPTY)
        try handle.subdirectory("moved").remove("file")
        try handle.removeDirectory("moved")
        #expect(try handle.names() == ["sub"])
    }

    @Test("below a directory no link leads anywhere", arguments: [DirectoryHandle.BeneathMethod.resolve, .steps])
    func beneath(method: DirectoryHandle.BeneathMethod) throws {
        if method == .resolve, handle.beneathMethod != .resolve { return }
        try handle.subdirectory("sub", create: true).replaceFile("file", with: [1])
        try directory.link("way", to: "sub")
        try directory.link("sub/last", to: "file")
        _ = try handle.openBeneath("sub/file", flags: O_RDONLY, by: method)
        for path in ["way/file", "sub/last"] {
            let found = cause { _ = try handle.openBeneath(path, flags: O_RDONLY, by: method) }
            #expect(found == ELOOP || found == ENOTDIR)
        }
        for path in ["../etc/passwd", "/etc/passwd", "sub/../../etc/passwd"] {
            #expect(cause { _ = try handle.openBeneath(path, flags: O_RDONLY, by: method) } != nil)
        }
    }

    @Test("descriptors are closed once and not inherited")
    func descriptors() throws {
        let file = try handle.open("file", flags: O_RDWR | O_CREAT)
        let number = file.rawValue
        #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        let released = file.release()
        #expect(released == number)
        #expect(fcntl(released, F_GETFD) != -1)
        try OwnedDescriptor(owning: released).close()
    }
}
