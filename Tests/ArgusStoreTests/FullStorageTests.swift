import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@Suite("Storage that is full or read-only", .serialized)
struct FullStorageTests {
    private func fill(_ object: any BackingObject, from start: UInt64 = 0) -> (byteCount: UInt64, error: StoreError?) {
        let piece = [UInt8](repeating: 7, count: 64 * 1024)
        var offset = start
        while true {
            do throws(StoreError) {
                try object.write(piece, at: offset)
                offset += UInt64(piece.count)
            } catch {
                return (offset - start, error)
            }
        }
    }

    enum Filesystem: String, CaseIterable, Sendable { case tmpfs, ext4 }

    private func mount(_ filesystem: Filesystem) throws -> ScratchMount {
        switch filesystem {
        case .tmpfs: try ScratchMount(tmpfs: 16 << 20)
        case .ext4: try ScratchMount(ext4: 24)
        }
    }

    @Test("a full store says so, stays usable, and the reserve makes room again", arguments: Filesystem.allCases)
    func full(_ filesystem: Filesystem) throws {
        let mount = try mount(filesystem)
        let store = try DirectoryStore(path: mount.path, create: true)
        let reserve: UInt64 = 4 << 20
        #expect(try store.reserve(reserve) == reserve)

        let object = try store.create(ObjectName(.random()))
        let filled = fill(object)
        #expect(filled.error == .full)
        #expect(try object.bytes(100, at: filled.byteCount / 2) == [UInt8](repeating: 7, count: 100))
        try object.sync()

        // What is reserved is there for those who need it: all but one piece and the filesystem's own blocks.
        try store.releaseReserve()
        let more = fill(object, from: filled.byteCount)
        #expect(more.error == .full)
        #expect(more.byteCount >= reserve * 9 / 10)
        try store.syncAll()

        // A reserve of a full store is as large as what is left.
        #expect(try store.reserve(reserve) < reserve)

        // Deleting works, and then the whole reserve can be made again.
        try object.truncate(to: 0)
        try store.syncAll()
        #expect(try store.reserve(reserve) == reserve)
    }

    @Test("a reserve takes room from the others", arguments: Filesystem.allCases)
    func reserveTakesRoom(_ filesystem: Filesystem) throws {
        let mount = try mount(filesystem)
        let store = try DirectoryStore(path: mount.path, create: true)
        let before = try store.space().availableBytes
        #expect(try store.reserve(4 << 20) == 4 << 20)
        #expect(try store.space().availableBytes <= before - 4 << 20 + 64 * 1024)
        try store.releaseReserve()
        try store.syncAll()
        #expect(try store.space().availableBytes + 64 * 1024 >= before)
    }

    @Test("a read-only store is read, and says so to writers")
    func readOnly() throws {
        let mount = try mount(.ext4)
        let name = ObjectName(.random())
        try DirectoryStore(path: mount.path, create: true, locked: true).create(name).write([1, 2, 3])
        try mount.remount("ro")
        let store = try DirectoryStore(path: mount.path, create: false)
        try store.lock()
        #expect(try store.open(name, writable: false).bytes(9) == [1, 2, 3])
        #expect(throws: StoreError.readOnly) { try store.open(name, writable: true) }
        #expect(throws: StoreError.readOnly) { try store.create(ObjectName(.random())) }
        #expect(throws: StoreError.readOnly) { try store.remove(name) }
        #expect(throws: StoreError.readOnly) { try store.reserve(1 << 16) }
        #expect(throws: StoreError.missing) { try store.open(ObjectName(.random()), writable: false) }
        var names: [ObjectName] = []
        try store.forEachObject(
            {
                names.append($0)
                return true
            }, stray: { _ in })
        #expect(names == [name])
        try store.syncAll()
    }

    @Test("where the filesystem has no holes and no preallocation, zeros are written and nothing is reserved")
    func withoutFallocate() throws {
        let mount = try ScratchMount(ramfs: ())
        let store = try DirectoryStore(path: mount.path, create: true)
        #expect(try store.reserve(1 << 20) == 0)
        try store.releaseReserve()
        let object = try store.create(ObjectName(.random()))
        let size = 200_000
        try object.write([UInt8](repeating: 7, count: size))
        var expected = [UInt8](repeating: 7, count: size)
        for range in [10..<150_000, 199_000..<300_000, 400_000..<500_000, 0..<0] {
            try object.punchHole(UInt64(range.lowerBound)..<UInt64(range.upperBound))
            let inside = range.clamped(to: 0..<size)
            expected.replaceSubrange(inside, with: repeatElement(0, count: inside.count))
            #expect(try object.bytes(size * 2) == expected)
        }
    }

    @Test("a memory store runs full like a disk")
    func memory() throws {
        let store = MemoryStore(capacityBytes: 1 << 20)
        #expect(try store.reserve(1 << 18) == 1 << 18)
        let object = try store.create(ObjectName(.random()))
        #expect(fill(object) == (3 << 18, .full))
        try store.releaseReserve()
        #expect(fill(object, from: 3 << 18) == (1 << 18, .full))
        #expect(try store.reserve(1 << 18) == 0)
        try object.truncate(to: 0)
        #expect(try store.space().freeBytes == 1 << 20)
    }
}
