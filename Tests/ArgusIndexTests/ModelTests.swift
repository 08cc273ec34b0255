import ArgusCore
import ArgusIndex
import ArgusTestKit
import Testing

@Suite("SQLite in a capsule does what memory does")
struct ModelTests {
    @Test("random batches leave the same rows, before and after each restart", arguments: 1...12 as ClosedRange<UInt64>)
    func randomBatches(seed: UInt64) throws {
        var workload = IndexWorkload(seed: seed)
        var dice = PowerCut.Dice(seed: seed &+ 1_000)
        let memoryHome = MemoryIndexHome()
        let capsuleHome = CapsuleIndexHome()
        var memory = try memoryHome.make()
        var sqlite = try capsuleHome.make()
        let target: [IndexChange] = [.putInode(IndexRows.inode(1_000))]
        for index in [memory, sqlite] {
            try index.apply(target)
            try index.commit(.process)
        }
        for _ in 0..<25 {
            let batch = workload.batch(count: 1 + Int(dice.next() % 200))
            for index in [memory, sqlite] { try index.apply(batch) }
            try #require(try IndexContents(of: sqlite) == IndexContents(of: memory))
            #expect(try Set(sqlite.verify()) == Set(memory.verify()))
            if dice.falls(percent: 60) {
                let durability: CommitDurability = dice.falls(percent: 50) ? .durable : .process
                for index in [memory, sqlite] { try index.commit(durability) }
            }
            if dice.falls(percent: 30) {
                memory = try memoryHome.reopen(memory)
                sqlite = try capsuleHome.reopen(sqlite)
                try #require(try IndexContents(of: sqlite) == IndexContents(of: memory))
            }
        }
    }
}
