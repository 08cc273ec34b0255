import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusJournal
import ArgusPolicy
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@testable import ArgusFS

/// What the two writers leave in index and store when files go away, or storage fails, while they work.
@Suite struct WritingOutTests {
    @Test("a file removed while it is written out leaves neither row nor capsule")
    func removedMeanwhile() throws {
        let store = HeldStore(FaultStore())
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        store.holds(.create, true)
        let inode = try user.write("temporary", 10_000)
        // Closing has set the data writer to work: it is about to make the capsule.
        store.wait(for: .create)
        try user.remove("temporary")
        store.holds(.create, false)
        try user.volume.synchronizeAll()
        try user.volume.shutDown()

        #expect(try index.inode(inode) == nil)
        #expect(try index.orphanInodes().isEmpty)
        #expect(try store.inner.exists(user.capsule(of: inode)) == false)
    }

    @Test("a file read and closed while it is written out keeps what was written to it")
    func readMeanwhile() throws {
        let store = HeldStore(FaultStore())
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        store.holds(.create, true)
        let inode = try user.write("header", 414)
        store.wait(for: .create)
        // The writer has taken the bytes, and storage does not have them yet.
        #expect(try user.read("header") == user.bytes(414))
        store.holds(.create, false)
        #expect(try user.read("header") == user.bytes(414))
        try user.volume.synchronizeAll()
        #expect(try user.read("header") == user.bytes(414))
        try user.volume.shutDown()

        #expect(try index.inode(inode)?.capsule?.durableCommit ?? 0 > 0)
        let next = try FolderUser(index: index.reopened(), store: store)
        #expect(try next.read("header") == user.bytes(414))
        try next.volume.shutDown()
    }

    @Test("no row says that a capsule is durable before its name is")
    func nameFirst() throws {
        let store = HeldStore(FaultStore())
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let handle = try user.create("app", 10_000)
        let inode = try #require(try user.inode("app"))
        store.holds(.syncName, true)
        let syncing = Thread.start(name: "fsync") {
            try? user.volume.synchronize(handle, dataOnly: false, caller: user.caller)
        }
        store.wait(for: .syncName)
        // Somebody else makes durable what the index has been told.
        _ = try user.volume.makeDirectory(
            try FileName("other"), in: .root, permissions: 0o700, caller: user.caller)
        let root = try user.volume.openDirectory(.root, caller: user.caller).handle
        try user.volume.synchronizeDirectory(root, caller: user.caller)
        #expect(try index.reopened().inode(inode)?.capsule?.durableCommit ?? 0 == 0)
        store.holds(.syncName, false)
        syncing.join()
        #expect(try index.inode(inode)?.capsule?.durableCommit ?? 0 > 0)
        user.volume.releaseDirectory(root)
        user.volume.release(handle)
        try user.volume.shutDown()
    }

    @Test("a capsule that could not be deleted before a crash is deleted at the next start")
    func removedBeforeCrash() throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let inode = try user.write("temporary", 10_000)
        // Stored, and not durable: no index that may come back has heard of it.
        for _ in 0..<60_000 where try !store.exists(user.capsule(of: inode)) { usleep(1000) }
        store.inject(StoreFault(.remove, count: .max, error: .failed(errno: 5)))
        try user.remove("temporary")
        try user.volume.synchronizeAll()
        let found = index.reopened()
        try? user.volume.shutDown()
        store.clearFaults()
        #expect(try store.exists(user.capsule(of: inode)))

        let next = try FolderUser(index: found, store: store)
        #expect(try !store.exists(user.capsule(of: inode)))
        try next.volume.shutDown()
    }

    @Test(
        "what a start takes away stays away, though the power fails right after it",
        arguments: ["a capsule without a row", "a file that was removed while open"])
    func removedAtStart(what: String) throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let handle = try user.create("temporary", 10_000)
        let inode = try #require(try user.inode("temporary"))
        let capsule = user.capsule(of: inode)
        func isOnDisk() throws -> Bool {
            try store.store(after: PowerCut(after: store.operationCount, .lost)).exists(capsule)
        }
        var found = index.reopened()
        if what != "a capsule without a row" {
            try user.remove("temporary")
            try user.volume.synchronizeAll()
            found = index.reopened()
        }
        try user.volume.synchronizeAll()
        #expect(try isOnDisk())
        let next = try FolderUser(index: found, store: store)
        #expect(try !store.exists(capsule))
        #expect(try !isOnDisk())
        try next.volume.shutDown()
        user.volume.release(handle)
        try? user.volume.shutDown()
    }

    @Test("a number that a file had is given to no other, though the index that comes back never heard of it")
    func numbersAfterCrash() throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let found = index.reopened()
        let given = try (0..<300).map { try user.write("file-\($0)", 1) }
        #expect(Set(given).count == given.count)
        try? user.volume.shutDown()
        #expect(try given.allSatisfy { try found.inode($0) == nil })

        let next = try FolderUser(index: found, store: FaultStore())
        let new = try next.write("new", 1)
        #expect(given.allSatisfy { $0.rawValue < new.rawValue })
        try next.volume.shutDown()
    }

    @Test("a full store keeps a durable batch from the index, and loses nothing of it")
    func fullMeanwhile() throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        store.inject(StoreFault(.write, count: .max, error: .full))
        try user.makeDirectory("directory")
        try user.write("draft", 10_000)
        // The new name is to wait for the data, which finds no room, also where a writer has it in hand just now.
        try user.rename("draft", "report")
        #expect(throws: FileSystemError.noSpace) { try user.synchronizeTop() }

        store.clearFaults()
        try user.volume.synchronizeAll()
        for name in ["report", "directory"] {
            #expect(try index.reopened().entry(parent: .root, name: FileName(name)) != nil)
        }
        #expect(try index.reopened().entry(parent: .root, name: FileName("draft")) == nil)
        try user.volume.shutDown()
    }

    @Test("a row relies on no commit that a newer one overwrites while the store is synced")
    func overtakenMeanwhile() throws {
        let store = HeldStore(FaultStore())
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let open = try user.create("overtaken", 10_000)
        let inode = try #require(try user.inode("overtaken"))
        let content = try #require(user.volume.lock.withLock { user.volume.names.nodes[inode]?.content })
        try user.volume.barrier()
        // One commit that no barrier has covered, and while one does, another.
        try user.append(to: open, at: 10_000, 10_000)
        try user.volume.writeOut(inode, content)
        store.holds(.syncAll, true)
        let barrier = Thread.start(name: "barrier") { try? user.volume.barrier() }
        store.wait(for: .syncAll)
        try user.append(to: open, at: 20_000, 10_000)
        try user.volume.writeOut(inode, content)
        store.holds(.syncAll, false)
        barrier.join()

        let boundary = store.inner.operationCount
        let found = index.reopened()
        try store.inner.forEachPowerCut(in: boundary...boundary, seeds: 24) { _, left in
            let next = try FolderUser(index: found.reopened(), store: left)
            #expect(try next.read("overtaken").starts(with: user.bytes(10_000)))
            try next.volume.shutDown()
        }
        user.volume.release(open)
        try user.volume.shutDown()
    }

    @Test("a file that cannot be written keeps neither barriers nor other files back")
    func brokenMeanwhile() throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let open = try user.create("broken", 10_000)
        store.inject(StoreFault(.sync, count: 1, error: .failed(errno: 5)))
        #expect(throws: FileSystemError.inputOutput) {
            try user.volume.synchronize(open, dataOnly: false, caller: user.caller)
        }
        try user.append(to: open, at: 10_000, 10_000)
        try user.rename("broken", "renamed")

        let other = try user.write("other", 10_000)
        #expect(throws: FileSystemError.inputOutput) { try user.volume.synchronizeAll() }
        let row = try #require(try index.reopened().inode(other))
        #expect(row.capsule?.durableCommit ?? 0 > 0)
        try user.makeDirectory("directory")
        try user.synchronizeTop()
        #expect(throws: FileSystemError.self) { try user.volume.shutDown() }
    }

    @Test(
        "recovery takes no answer of a store that fails for that of a crash",
        arguments: [
            StoreError.tooManyOpen, .unavailable, .failed(errno: 5), .full,
        ])
    func failingRecovery(error: StoreError) throws {
        let store = FaultStore()
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: store)
        let open = try user.create("kept", 10_000)
        try user.volume.synchronize(open, dataOnly: false, caller: user.caller)

        let cut = PowerCut(after: store.operationCount, .lost)
        let left = store.store(after: cut)
        let found = index.reopened()
        left.inject(StoreFault(.open, count: 1, error: error))
        #expect(throws: FileSystemError.self) { try FolderUser(index: found, store: left) }

        let next = try FolderUser(index: found.reopened(), store: left)
        #expect(try next.read("kept") == user.bytes(10_000))
        try next.volume.shutDown()
        try? user.volume.shutDown()
    }

    @Test("the first sync of a file says in its row that it has durable content")
    func firstSync() throws {
        let index = MemoryIndex()
        let user = try FolderUser(index: index, store: FaultStore())
        let open = try user.create("kept", 10_000)
        try user.volume.synchronize(open, dataOnly: true, caller: user.caller)
        let inode = try #require(try user.inode("kept"))
        #expect(try index.reopened().inode(inode)?.capsule?.durableCommit ?? 0 > 0)
        user.volume.release(open)
        try user.volume.shutDown()
    }
}

/// One person who uses a volume of her own, in memory.
private final class FolderUser: Sendable {
    let volume: Volume
    let caller = Caller(uid: 1000, gid: 1000, pid: 1)
    /// Those of one folder, whoever opens it.
    private static let keys = CapsuleIndexHome.someKeys()
    private let keys = FolderUser.keys

    private struct Anyone: ActorResolver {
        func subject(uid: UInt32, gid: UInt32) -> Subject { Subject(person: nil, groups: []) }
        func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor {
            AuditActor(uid: uid, loginUID: uid, pid: pid, person: "", program: "")
        }
    }

    init(index: MemoryIndex, store: any BackingStore) throws {
        if try index.inode(.root) == nil {
            try Volume.format(
                index: index, keys: keys, uid: 1000, gid: 1000, permissions: 0o700, bootID: [],
                now: SystemClock().now())
        }
        let policy = FolderPolicy(
            protection: .shared, owner: PersonID(high: 1, low: 1),
            members: [Member(principal: .everyone, rights: .all)])
        volume = try Volume(
            parts: FolderParts(
                folder: FolderID(high: 1, low: 2), index: index, store: store, keys: keys,
                policy: LivePolicy(policy), people: Anyone(), journal: RecordingSink(), clock: SystemClock()),
            configuration: VolumeConfiguration(sharing: .personal(supplementaryGroups: [])))
    }

    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

    func create(_ name: String, _ count: Int) throws -> HandleID {
        let made = try volume.create(
            try FileName(name), in: .root, permissions: 0o600, flags: [.readWrite], caller: caller)
        try append(to: made.open.handle, at: 0, count)
        return made.open.handle
    }

    func append(to handle: HandleID, at offset: UInt64, _ count: Int) throws {
        try bytes(count).withUnsafeBytes {
            _ = try volume.write(handle, at: offset, from: $0, killsSetID: false, caller: caller)
        }
    }

    @discardableResult
    func write(_ name: String, _ count: Int) throws -> InodeNumber {
        volume.release(try create(name, count))
        return try #require(try inode(name))
    }

    func read(_ name: String) throws -> [UInt8] {
        let open = try volume.open(
            try #require(try inode(name)), flags: [], killsSetID: false, caller: caller)
        defer { volume.release(open.handle) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = try bytes.withUnsafeMutableBytes {
            try volume.read(open.handle, at: 0, into: $0, caller: caller)
        }
        return Array(bytes.prefix(count))
    }

    func inode(_ name: String) throws -> InodeNumber? {
        try volume.lookup(try FileName(name), in: .root, caller: caller)?.inode
    }

    func remove(_ name: String) throws { try volume.unlink(try FileName(name), in: .root, caller: caller) }

    func rename(_ name: String, _ newName: String) throws {
        try volume.rename(
            try FileName(name), in: .root, to: try FileName(newName), in: .root, flags: [], caller: caller)
    }

    func makeDirectory(_ name: String) throws {
        _ = try volume.makeDirectory(try FileName(name), in: .root, permissions: 0o700, caller: caller)
    }

    func synchronizeTop() throws {
        let open = try volume.openDirectory(.root, caller: caller)
        defer { volume.releaseDirectory(open.handle) }
        try volume.synchronizeDirectory(open.handle, caller: caller)
    }

    func capsule(of inode: InodeNumber) -> ObjectName { keys.objectName(of: keys.fileID(of: inode)) }
}

/// A store in which making an object, or syncing all, stops until it is told to go on.
private final class HeldStore: BackingStore {
    let inner: FaultStore
    private let lock = Lock()
    private let changed = Condition()
    // Guarded by `lock`.
    nonisolated(unsafe) private var held: Set<StoreOperation> = []
    nonisolated(unsafe) private var waiting: Set<StoreOperation> = []

    init(_ inner: FaultStore) { self.inner = inner }

    func holds(_ operation: StoreOperation, _ holds: Bool) {
        lock.withLock {
            if holds { held.insert(operation) } else { held.remove(operation) }
            changed.broadcast()
        }
    }

    /// Returns once somebody stands still there.
    func wait(for operation: StoreOperation) {
        lock.withLock {
            while !waiting.contains(operation) { changed.wait(lock) }
        }
    }

    private func stop(at operation: StoreOperation) {
        lock.withLock {
            guard held.contains(operation) else { return }
            waiting.insert(operation)
            changed.broadcast()
            while held.contains(operation) { changed.wait(lock) }
            waiting.remove(operation)
        }
    }

    func create(_ name: ObjectName) throws(StoreError) -> any BackingObject {
        stop(at: .create)
        return try inner.create(name)
    }

    func syncAll() throws(StoreError) {
        try inner.syncAll()
        stop(at: .syncAll)
    }

    func open(_ name: ObjectName, writable: Bool) throws(StoreError) -> any BackingObject {
        try inner.open(name, writable: writable)
    }
    func remove(_ name: ObjectName) throws(StoreError) { try inner.remove(name) }
    func exists(_ name: ObjectName) throws(StoreError) -> Bool { try inner.exists(name) }
    func forEachObject(_ body: (ObjectName) -> Bool, stray: (String) -> Void) throws(StoreError) {
        try inner.forEachObject(body, stray: stray)
    }
    func syncName(_ name: ObjectName) throws(StoreError) {
        stop(at: .syncName)
        try inner.syncName(name)
    }
    func location(of name: ObjectName) -> String { inner.location(of: name) }
    func space() throws(StoreError) -> StoreSpace { try inner.space() }
    func reserve(_ byteCount: UInt64) throws(StoreError) -> UInt64 { try inner.reserve(byteCount) }
    func releaseReserve() throws(StoreError) { try inner.releaseReserve() }
}
