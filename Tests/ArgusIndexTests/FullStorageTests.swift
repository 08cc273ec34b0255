import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusTestKit
import Testing

@Suite("A commit that storage refuses loses nothing")
struct FullStorageTests {
    /// A commit of the batch below is two writes: the pages in one run, then the slot. Each of them fails in turn.
    private static let stages = [1, 2]

    /// A folder of some files, committed, and a batch that changes most of them, applied.
    private func pending(in store: FaultStore) throws -> (home: CapsuleIndexHome, index: SQLiteIndex) {
        let home = CapsuleIndexHome(in: store)
        let index = try home.create()
        for number in 10..<400 as Range<UInt64> {
            try index.apply(IndexRows.create("name \(number)", number, size: number - 9))
        }
        try index.commit(.durable)
        try index.apply(
            (10..<300 as Range<UInt64>).flatMap { number -> [IndexChange] in
                [
                    .removeEntry(parent: .root, name: IndexRows.name("name \(number)")),
                    .putEntry(IndexRows.entry("new name \(number)", number)),
                    .putInode(IndexRows.inode(number, size: number)),
                ]
            })
        return (home, index)
    }

    @Test("a full disk: the batch stays readable, takes more changes, and goes with a later commit", arguments: stages)
    func fullDisk(failingWrite: Int) throws {
        let store = FaultStore()
        let (home, index) = try pending(in: store)
        let applied = try IndexContents(of: index)
        store.inject(StoreFault(.write, occurrence: failingWrite, count: .max, error: .full, effect: .torn(seed: 1)))
        for durability in [CommitDurability.process, .durable, .process] {
            #expect(throws: IndexError.full) { try index.commit(durability) }
            #expect(try IndexContents(of: index) == applied)
        }
        try index.apply([.putInode(IndexRows.inode(399, size: 7))])
        #expect(throws: IndexError.full) { try index.commit(.durable) }
        let more = try IndexContents(of: index)
        #expect(more != applied)

        store.clearFaults()
        try index.commit(.durable)
        #expect(try IndexContents(of: index) == more)
        #expect(try index.verify() == [])
        let reopened = try home.reopen(index)
        #expect(try IndexContents(of: reopened) == more)
        #expect(try reopened.verify() == [])
    }

    @Test("a process that ends while the disk is full finds its last commit", arguments: stages)
    func endWhileFull(failingWrite: Int) throws {
        let store = FaultStore()
        let (home, index) = try pending(in: store)
        let before = try IndexContents(of: home.moved(to: FaultStore(store.memory.contents)).open())
        store.inject(StoreFault(.write, occurrence: failingWrite, count: .max, error: .full, effect: .torn(seed: 2)))
        #expect(throws: IndexError.full) { try index.commit(.durable) }
        try index.close()
        store.clearFaults()
        let reopened = try home.open()
        #expect(try IndexContents(of: reopened) == before)
        #expect(try reopened.verify() == [])
    }

    @Test("after a failed sync reads go on, every commit fails, and a restart finds one of the two states")
    func failedSync() throws {
        let store = FaultStore()
        let (home, index) = try pending(in: store)
        let before = try IndexContents(of: home.moved(to: FaultStore(store.memory.contents)).open())
        let applied = try IndexContents(of: index)
        store.inject(StoreFault(.sync, error: .failed(errno: 5)))
        #expect(throws: IndexError.storage(errno: 5)) { try index.commit(.durable) }
        #expect(throws: IndexError.storage(errno: 5)) { try index.commit(.durable) }
        try index.apply([.putInode(IndexRows.inode(12, size: 1))])
        #expect(throws: IndexError.storage(errno: 5)) { try index.commit(.process) }
        #expect(try index.inode(InodeNumber(12))?.attributes.size == 1)
        try index.close()
        #expect([before, applied].contains(try IndexContents(of: home.open())))
    }

    @Test("a new index whose first commit fails can still be committed")
    func firstCommit() throws {
        let store = FaultStore()
        let home = CapsuleIndexHome(in: store)
        let index = try home.create()
        try index.apply(IndexRows.create("a", 10, size: 1))
        store.inject(StoreFault(.write, count: 2, error: .full))
        #expect(throws: IndexError.full) { try index.commit(.durable) }
        store.clearFaults()
        try index.commit(.durable)
        #expect(try home.reopen(index).verify() == [])
    }
}
