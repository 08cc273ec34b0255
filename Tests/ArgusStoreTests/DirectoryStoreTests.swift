import ArgusCore
import ArgusStore
import ArgusTestKit
import Glibc
import Testing

@Suite("A directory becomes a store, and is recognised as one")
struct DirectoryStoreTests {
    private let scratch = ScratchDirectory()
    private var root: String { scratch.path + "/store" }
    private let name = ObjectName(Identifier(high: 0xABCD_EF01_2345_6789, low: 0xFEDC_BA98_7654_3210))

    private func write(_ text: String, to name: String) throws {
        try #require(run("sh", "-c", "printf '%s' '\(text)' > '\(root)/\(name)'"))
    }

    @Test("what was stored is there when the store is opened again")
    func reopened() throws {
        try scratch.store().create(name).write([1, 2, 3])
        let store = try DirectoryStore(path: root, create: false)
        #expect(try store.open(name, writable: false).bytes(9) == [1, 2, 3])
    }

    @Test("an object lies where location says, for its owner alone")
    func location() throws {
        let store = try scratch.store()
        try store.create(name).write([1, 2, 3])
        #expect(store.location(of: name) == root + "/ab/cdef0123456789fedcba9876543210")
        var status = stat()
        #expect(stat(store.location(of: name), &status) == 0)
        #expect(status.st_mode == S_IFREG | 0o600)
        #expect(stat(root + "/ab", &status) == 0 && status.st_mode == S_IFDIR | 0o700)
        #expect(stat(root, &status) == 0 && status.st_mode == S_IFDIR | 0o700)
    }

    @Test("no directory, another kind of file, other files and no marker are told apart")
    func openingErrors() throws {
        #expect(throws: DirectoryStoreError.missing) { try DirectoryStore(path: root, create: false) }
        #expect(throws: DirectoryStoreError.missing) { try DirectoryStore(path: root + "/a/b", create: true) }
        try #require(mkdir(root, 0o700) == 0)
        #expect(throws: DirectoryStoreError.notAStore) { try DirectoryStore(path: root, create: false) }
        try write("mine", to: "letter")
        #expect(throws: DirectoryStoreError.notEmpty) { try DirectoryStore(path: root, create: true) }
        #expect(throws: DirectoryStoreError.notADirectory) {
            try DirectoryStore(path: root + "/letter", create: true)
        }
    }

    @Test("an empty directory, also the top of a filesystem, becomes a store")
    func emptyDirectory() throws {
        try #require(mkdir(root, 0o700) == 0 && mkdir(root + "/lost+found", 0o700) == 0)
        let store = try DirectoryStore(path: root, create: true)
        var strays: [String] = []
        try store.forEachObject({ _ in true }, stray: { strays.append($0) })
        #expect(strays.isEmpty)
    }

    @Test(
        "a marker decides",
        arguments: [
            ("argus-store 1\n", nil), ("argus-store 1\nmore of a later version\n", nil),
            ("argus-store 2\n", DirectoryStoreError.newerFormat(found: 2, supported: 1)),
            ("argus-store 70000\n", .newerFormat(found: 70_000, supported: 1)), ("", .notAStore),
            ("argus-store\n", .notAStore), ("argus-store 0\n", .notAStore), ("argus-store -1\n", .notAStore),
            ("argus-store x\n", .notAStore), ("something else", .notAStore),
        ] as [(String, DirectoryStoreError?)])
    func marker(_ text: String, expected: DirectoryStoreError?) throws {
        _ = try scratch.store()
        try write(text, to: "argus-store")
        for create in [false, true] {
            var found: DirectoryStoreError?
            do throws(DirectoryStoreError) {
                _ = try DirectoryStore(path: root, create: create)
            } catch { found = error }
            #expect(found == expected)
        }
    }

    @Test("every reason is one line that names no place")
    func messages() {
        let all: [DirectoryStoreError] = [
            .missing, .notADirectory, .notEmpty, .notAStore, .newerFormat(found: 2, supported: 1), .busy,
            .store(.missing), .store(.exists), .store(.notAnObject), .store(.full), .store(.readOnly),
            .store(.tooManyOpen), .store(.unavailable), .store(.failed(errno: EIO)),
        ]
        for error in all {
            #expect(!error.message.isEmpty && !error.message.contains("\n") && !error.message.contains("/var"))
        }
    }

    @Test("a store has one writer at a time")
    func writerLock() throws {
        let first = try scratch.store(locked: true)
        try first.lock()
        #expect(throws: DirectoryStoreError.busy) { try DirectoryStore(path: root, create: false, locked: true) }
        let second = try DirectoryStore(path: root, create: false)
        #expect(throws: DirectoryStoreError.busy) { try second.lock() }
        #expect(!run("flock", "-n", root + "/lock", "true"))
        withExtendedLifetime(first) {}
    }

    @Test("the lock goes with the store that held it")
    func writerLockGivenBack() throws {
        do { _ = try scratch.store(locked: true) }
        let second = try DirectoryStore(path: root, create: false, locked: true)
        // A lock on a file that was removed keeps nobody out: the one who comes next locks the file that is there.
        try #require(unlink(root + "/lock") == 0)
        try DirectoryStore(path: root, create: false).lock()
        withExtendedLifetime(second) {}
    }

    @Test("a store whose directory was removed is unavailable, not empty")
    func removedStore() throws {
        let store = try scratch.store()
        let object = try store.create(name)
        try #require(run("rm", "-rf", root))
        let other = ObjectName(.random())
        #expect(throws: StoreError.unavailable) { try store.create(other) }
        #expect(throws: StoreError.unavailable) { try store.open(name, writable: true) }
        #expect(throws: StoreError.unavailable) { try store.exists(name) }
        #expect(throws: StoreError.unavailable) { try store.remove(name) }
        #expect(throws: StoreError.unavailable) { try store.syncName(name) }
        #expect(throws: StoreError.unavailable) { try store.forEachObject({ _ in true }, stray: { _ in }) }
        #expect(throws: StoreError.unavailable) { try store.reserve(1 << 16) }
        #expect(throws: StoreError.unavailable) { try store.releaseReserve() }
        // What is open stays, as for any removed object.
        try object.write([1])
        #expect(try object.bytes(2) == [1])
    }

    @Test("another directory put in the root's place is not used")
    func replacedRoot() throws {
        let store = try scratch.store()
        try store.create(name).write([1])
        try #require(rename(root, root + "-moved") == 0)
        _ = try scratch.store()
        #expect(try store.open(name, writable: false).bytes(2) == [1])
    }

    @Test(
        "an errno becomes what it means to a store",
        arguments: [
            (ENOENT, .missing), (EEXIST, .exists), (ELOOP, .notAnObject), (EISDIR, .notAnObject), (ENOSPC, .full),
            (EDQUOT, .full), (EROFS, .readOnly), (EACCES, .readOnly), (EPERM, .readOnly), (EMFILE, .tooManyOpen),
            (ENFILE, .tooManyOpen), (ESTALE, .unavailable), (ENOTCONN, .unavailable), (ENXIO, .unavailable),
            (EIO, .failed(errno: EIO)),
        ] as [(Int32, StoreError)])
    func errnoMeaning(_ errno: Int32, expected: StoreError) {
        #expect(StoreError(errno: errno) == expected)
    }

    @Test("dropped objects leave no descriptor open")
    func descriptors() throws {
        let store = try scratch.store()
        func openCount() throws -> Int {
            let directory = try #require(opendir("/proc/self/fd"))
            defer { closedir(directory) }
            var places = 0
            while let entry = readdir(directory) {
                let offset = try #require(MemoryLayout<dirent>.offset(of: \.d_name))
                let name = String(
                    cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
                var target = [CChar](repeating: 0, count: 4096)
                let count = readlink("/proc/self/fd/" + name, &target, 4095)
                let path = String(decoding: target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if path.hasPrefix(root) { places += 1 }
            }
            return places
        }
        let before = try openCount()
        for number in 1...50 {
            let name = ObjectName(Identifier(high: UInt64(number) << 56, low: 1))
            try store.create(name).write([1])
            _ = try store.open(name, writable: true)
            _ = try store.exists(name)
            try store.syncName(name)
            if number.isMultiple(of: 2) { try store.remove(name) }
        }
        try store.forEachObject({ _ in false }, stray: { _ in })
        _ = try store.reserve(1 << 16)
        #expect(try openCount() == before)
    }
}
