import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusTestKit
import Testing

@Suite("After a crash an index equals one of its commits")
struct CrashTests {
    @Test("a process that ends after any write finds the state before or after the batch")
    func killedAfterEachWrite() throws {
        try forEachCut(fates: [.kept], durability: .process) { home in try home.open() }
    }

    @Test("a power cut after any operation leaves the state before or after a durable batch")
    func powerCutAtEachOperation() throws {
        let fates = [PowerCut.Fate.lost, .kept] + (0..<6).map(PowerCut.Fate.mixed(seed:))
        try forEachCut(fates: fates, durability: .durable) { home in
            try home.open(expecting: .ordered(atLeast: 1))
        }
    }

    @Test("after a power cut a commit that only had to survive the process is passed over")
    func unorderedCommits() throws {
        let store = FaultStore()
        let home = CapsuleIndexHome(in: store)
        let index = try home.create()
        try index.apply(IndexRows.create("a", 10, size: 1))
        try index.commit(.durable)
        let durable = try IndexContents(of: index)
        let boundary = store.operationCount
        for number in 11..<14 as Range<UInt64> {
            try index.apply(IndexRows.create("b \(number)", number, size: number - 9))
            try index.commit(.process)
        }
        try store.forEachPowerCut(in: boundary...store.operationCount) { cut, after in
            let found = try IndexContents(of: home.moved(to: after).open(expecting: .ordered(atLeast: 1)))
            #expect(found == durable, "\(cut)")
        }
    }

    /// Commits two batches, and opens what each cut during the second leaves.
    private func forEachCut(
        fates: [PowerCut.Fate], durability: CommitDurability, open: (CapsuleIndexHome) throws -> SQLiteIndex
    ) throws {
        let store = FaultStore()
        let home = CapsuleIndexHome(in: store)
        let index = try home.create()
        for number in 10..<60 as Range<UInt64> {
            try index.apply(IndexRows.create("name \(number)", number, size: number - 9))
        }
        try index.commit(.durable)
        let before = try IndexContents(of: index)
        let start = store.operationCount
        for number in 10..<30 as Range<UInt64> {
            try index.apply([
                .removeEntry(parent: .root, name: IndexRows.name("name \(number)")),
                .putEntry(IndexRows.entry("renamed \(number)", number, cookie: number + 500)),
                .putInode(IndexRows.inode(number, cookie: number + 500, capsule: IndexRows.dirty())),
                .putAttribute(inode: InodeNumber(number), name: [1], value: Array(repeating: 7, count: 1_000)),
                .putGarbage(IndexRows.fileID(number)), .putMeta(key: .journalHead, value: [UInt8(number)]),
            ])
        }
        try index.commit(durability)
        let after = try IndexContents(of: index)
        try #require(before != after)
        try #require(store.operationCount > start + 2)
        var seen: Set<Bool> = []
        for boundary in start...store.operationCount {
            for fate in fates {
                let cut = PowerCut(after: boundary, fate)
                let found = try IndexContents(of: open(home.moved(to: store.store(after: cut))))
                #expect(found == before || found == after, "\(cut)")
                if boundary == start { #expect(found == before, "\(cut)") }
                if boundary == store.operationCount { #expect(found == after, "\(cut)") }
                seen.insert(found == after)
            }
        }
        #expect(seen.count == 2, "the cuts met both states")
    }
}
