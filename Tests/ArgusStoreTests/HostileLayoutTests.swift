import ArgusCore
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@Suite("What others put into the storage is not taken for an object")
struct HostileLayoutTests {
    private let scratch = ScratchDirectory()
    private let name = ObjectName(Identifier(high: 0xABCD_EF01_2345_6789, low: 42))

    enum Plant: String, CaseIterable, Sendable {
        case symlinkToFile, symlinkToNothing, fifo, socket, characterDevice, deviceWithoutDriver, hardLink, directory
    }

    enum Shard: String, CaseIterable, Sendable { case symlinkToDirectory, file, fifo, mount }

    static let methods: [DirectoryHandle.BeneathMethod] = [.resolve, .steps]

    @Test("a planted file is refused without waiting for it", arguments: Plant.allCases, methods)
    func planted(_ plant: Plant, method: DirectoryHandle.BeneathMethod) throws {
        let store = try scratch.store(method: method)
        _ = try store.create(name)
        let place = store.location(of: name)
        try #require(unlink(place) == 0)
        let outside = scratch.path + "/outside"
        try #require(run("sh", "-c", "echo secret > '\(outside)'"))
        switch plant {
        case .symlinkToFile: try #require(symlink(outside, place) == 0)
        case .symlinkToNothing: try #require(symlink("/nowhere/at/all", place) == 0)
        case .fifo: try #require(mkfifo(place, 0o600) == 0)
        case .socket: try #require(mknod(place, S_IFSOCK | 0o600, 0) == 0)
        case .characterDevice: try plantDevice(major: 1, minor: 3, at: place)
        case .deviceWithoutDriver: try plantDevice(major: 253, minor: 253, at: place)
        case .hardLink: try #require(link(outside, place) == 0)
        case .directory: try #require(mkdir(place, 0o700) == 0)
        }
        #expect(throws: StoreError.notAnObject) { try store.open(name, writable: true) }
        #expect(throws: StoreError.notAnObject) { try store.open(name, writable: false) }
        #expect(throws: StoreError.notAnObject) { try store.exists(name) }
        #expect(throws: StoreError.exists) { try store.create(name) }

        var strays: [String] = []
        var objects: [ObjectName] = []
        try store.forEachObject(
            {
                objects.append($0)
                return true
            }, stray: { strays.append($0) })
        // A second name shows in no listing: only opening the object tells.
        #expect(objects == (plant == .hardLink ? [name] : []))
        #expect(strays == (plant == .hardLink ? [] : [place]))

        // Removing takes the name alone, never what it leads to.
        if plant == .directory {
            #expect(throws: StoreError.notAnObject) { try store.remove(name) }
        } else {
            try store.remove(name)
            #expect(try !store.exists(name))
        }
        #expect(access(outside, F_OK) == 0)
    }

    /// A character device that its finder may open.
    private func plantDevice(major: Int, minor: Int, at place: String) throws {
        try asRoot("mknod", "-m", "600", place, "c", String(major), String(minor))
        try asRoot("chown", "\(getuid()):\(getgid())", place)
    }

    @Test("a planted shard is refused, and nothing behind it is touched", arguments: Shard.allCases, methods)
    func plantedShard(_ shard: Shard, method: DirectoryHandle.BeneathMethod) throws {
        let store = try scratch.store(method: method)
        let place = scratch.path + "/store/ab"
        let outside = scratch.path + "/outside"
        try #require(mkdir(outside, 0o700) == 0)
        let victim = outside + "/" + store.location(of: name).suffix(30)
        try #require(run("sh", "-c", "echo secret > '\(victim)'"))
        switch shard {
        case .symlinkToDirectory: try #require(symlink(outside, place) == 0)
        case .file: try #require(run("touch", place))
        case .fifo: try #require(mkfifo(place, 0o600) == 0)
        case .mount:
            // Steps cannot see a mount.
            guard method == .resolve else { return }
            try #require(mkdir(place, 0o700) == 0)
            try asRoot("mount", "--bind", outside, place)
        }
        defer { if shard == .mount { try? asRoot("umount", "-l", place) } }
        #expect(throws: StoreError.notAnObject) { try store.create(name) }
        #expect(throws: StoreError.notAnObject) { try store.open(name, writable: true) }
        #expect(throws: StoreError.notAnObject) { try store.exists(name) }
        #expect(throws: StoreError.notAnObject) { try store.remove(name) }
        #expect(throws: StoreError.notAnObject) { try store.syncName(name) }
        var strays: [String] = []
        try store.forEachObject({ _ in true }, stray: { strays.append($0) })
        #expect(strays == [place])
        #expect(access(victim, F_OK) == 0)
    }

    @Test("strays are named with their place, the store's own files are none")
    func strays() throws {
        let store = try scratch.store(locked: true)
        let root = scratch.path + "/store"
        _ = try store.create(name)
        _ = try store.reserve(1 << 16)
        try #require(run("touch", root + "/.argus-new-1234"))
        let planted = [
            "/notes.txt", "/AB", "/abc", "/ab/short", "/ab/" + String(repeating: "G", count: 30),
            "/ab/" + String(repeating: "A", count: 30), "/ab/" + String(repeating: "a", count: 31),
        ].map { root + $0 }
        for place in planted { try #require(run("touch", place)) }
        var strays: [String] = []
        var objects: [ObjectName] = []
        try store.forEachObject(
            {
                objects.append($0)
                return true
            }, stray: { strays.append($0) })
        #expect(Set(strays) == Set(planted))
        #expect(objects == [name])
    }

    @Test("a planted ballast or lock is refused")
    func plantedOwnFiles() throws {
        let store = try scratch.store()
        let outside = scratch.path + "/outside"
        try #require(run("sh", "-c", "echo secret > '\(outside)'"))
        try #require(link(outside, scratch.path + "/store/ballast") == 0)
        try #require(symlink(outside, scratch.path + "/store/lock") == 0)
        #expect(throws: StoreError.notAnObject) { try store.reserve(1 << 16) }
        #expect(throws: StoreError.notAnObject) { try store.releaseReserve() }
        #expect(throws: DirectoryStoreError.store(.notAnObject)) { try store.lock() }
        var status = stat()
        #expect(stat(outside, &status) == 0 && status.st_size == 7)
    }
}
