import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusTestKit
import Testing

@Suite("A page that cannot be read fails what needs it, and nothing else")
struct DamageTests {
    private static let count: UInt64 = 2_000
    private static let distant = InodeNumber(1_900)

    /// A reopened index, of whose pages nothing is cached yet but the way to inode 10.
    private func reopened(in store: FaultStore) throws -> (home: CapsuleIndexHome, index: SQLiteIndex) {
        let home = CapsuleIndexHome(in: store)
        let index = try home.create()
        for number in 10..<10 + Self.count {
            try index.apply(IndexRows.create("name \(number)", number, size: number - 9))
        }
        try index.commit(.durable)
        try index.close()
        return (home, try home.open())
    }

    @Test("a failed read leaves the writer's batch in place")
    func failedQuery() throws {
        let store = FaultStore()
        let (home, index) = try reopened(in: store)
        try index.apply([.putInode(IndexRows.inode(10, size: 77))])
        store.inject(StoreFault(.read, count: .max, error: .failed(errno: 5)))
        #expect(throws: IndexError.storage(errno: 5)) { try index.inode(Self.distant) }
        #expect(throws: IndexError.storage(errno: 5)) {
            try index.entry(parent: .root, name: IndexRows.name("name 1900"))
        }
        #expect(throws: IndexError.storage(errno: 5)) {
            try index.forEachEntry(of: .root, after: 0) { _, _ in true }
        }
        #expect(try index.inode(InodeNumber(10))?.attributes.size == 77)
        store.clearFaults()
        #expect(try index.inode(Self.distant) != nil)
        try index.apply([.putInode(IndexRows.inode(11, size: 78))])
        try index.commit(.durable)
        let after = try home.reopen(index)
        #expect(try after.inode(InodeNumber(10))?.attributes.size == 77)
        #expect(try after.inode(InodeNumber(11))?.attributes.size == 78)
        #expect(try after.verify() == [])
    }

    @Test("a failed read within a batch ends all writing; reads go on, and a restart finds the last commit")
    func failedApply() throws {
        let store = FaultStore()
        let (home, index) = try reopened(in: store)
        try index.apply([.putInode(IndexRows.inode(10, size: 77))])
        store.inject(StoreFault(.read, count: .max, error: .failed(errno: 5)))
        let changes: [IndexChange] = [
            .putInode(IndexRows.inode(11, size: 78)), .putInode(IndexRows.inode(Self.distant.rawValue, size: 79)),
        ]
        #expect(throws: IndexError.storage(errno: 5)) { try index.apply(changes) }
        store.clearFaults()
        #expect(throws: IndexError.storage(errno: 5)) { try index.apply(changes) }
        #expect(throws: IndexError.storage(errno: 5)) { try index.commit(.process) }
        #expect(throws: IndexError.storage(errno: 5)) { try index.commit(.durable) }
        // All of the transaction is undone, so that no statement is there by half.
        for number in [10, 11, Self.distant.rawValue] {
            #expect(try index.inode(InodeNumber(number)) == IndexRows.inode(number))
        }
        #expect(try index.verify() == [])
        let after = try home.reopen(index)
        #expect(try after.inode(InodeNumber(10)) == IndexRows.inode(10))
        #expect(try after.inodeCount() == Self.count + 1)
        #expect(try after.verify() == [])
    }
}
