import ArgusCore
import ArgusIndex
import ArgusSystem
import ArgusTestKit
import Synchronization
import Testing

@Suite("Readers and the writer share an index")
struct ConcurrencyTests {
    @Test("readers on several threads see each file whole while a writer applies and commits")
    func readersAndWriter() throws {
        let home = CapsuleIndexHome()
        let index = try home.create()
        try index.apply([.putInode(IndexRows.root())])
        try index.commit(.process)
        let failures = Mutex<[String]>([])
        let isOver = Atomic<Bool>(false)
        let readers = (0..<3).map { reader in
            Thread.start(name: "reader \(reader)") {
                var dice = PowerCut.Dice(seed: UInt64(reader))
                do throws(IndexError) {
                    while !isOver.load(ordering: .relaxed) {
                        let number = 10 + dice.next() % 3_000
                        // The writer puts an inode before its entry.
                        if try index.entry(parent: .root, cookie: number + 1) != nil,
                            try index.inode(InodeNumber(number)) != IndexRows.inode(number)
                        {
                            failures.withLock { $0.append("inode \(number) is not as it was put") }
                        }
                        var last: UInt64 = 0
                        try index.forEachEntry(of: .root, after: dice.next() % 3_000) { entry, inode in
                            if entry.cookie <= last || inode.attributes.inode != entry.inode {
                                failures.withLock { $0.append("a listing went back at \(entry.cookie)") }
                            }
                            last = entry.cookie
                            return true
                        }
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        for start in stride(from: 10, to: 3_010, by: 250) {
            var changes: [IndexChange] = []
            for number in UInt64(start)..<UInt64(start + 250) {
                changes.append(.putInode(IndexRows.inode(number)))
                changes.append(.putEntry(IndexRows.entry("name \(number)", number)))
            }
            try index.apply(changes)
            try index.commit(start % 500 == 10 ? .durable : .process)
        }
        isOver.store(true, ordering: .relaxed)
        for reader in readers { reader.join() }
        #expect(failures.withLock { $0 } == [])
        #expect(try index.inodeCount() == 3_001)
    }
}
