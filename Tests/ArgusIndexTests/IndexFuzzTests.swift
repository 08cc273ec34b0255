import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusTestKit
import Testing

/// SQLite sees only pages that were sealed by somebody with the folder's key. Even those must not bring it to read
/// outside the file, to run on for ever, or to answer with rows that nobody checked.
@Suite("No pages of an index trap or hang whoever opens it")
struct IndexFuzzTests {
    @Test("an index whose pages are not what SQLite wrote")
    func pages() throws {
        let home = CapsuleIndexHome()
        let index = try home.create()
        var dice = PowerCut.Dice(seed: 1)
        var workload = IndexWorkload(seed: dice.next())
        for _ in 0..<12 {
            try index.apply(workload.batch(count: 40))
            try index.commit(.durable)
        }
        let content = try Self.content(of: index.capsule)
        try index.close()
        let pages = stride(from: 0, to: content.count, by: 4096).map {
            Array(content[$0..<min(content.count, $0 + 4096)])
        }
        var fuzzer = Fuzzer("index page", corpus: pages, executions: 500)
        var opened = 0
        let count = try fuzzer.run { bytes in
            var altered = content
            let page = Int(dice.next() % 3) == 0 ? 0 : Int(dice.next() % UInt64(pages.count))
            let mutant = Array(bytes.prefix(4096)) + [UInt8](repeating: 0, count: max(0, 4096 - bytes.count))
            altered.replaceSubrange(page * 4096..<page * 4096 + 4096, with: mutant)
            let store = MemoryStore()
            let capsule = try Capsule.create(
                in: try store.create(home.name), identity: home.identity, keys: home.keys, now: .epoch)
            try capsule.setSize(UInt64(altered.count))
            try altered.withUnsafeBytes { bytes in
                try capsule.writePages(
                    pages.indices.map {
                        (UInt64($0), UnsafeRawBufferPointer(rebasing: bytes[$0 * 4096..<$0 * 4096 + 4096]))
                    })
            }
            let times = CapsuleTimes(accessed: .epoch, modified: .epoch, changed: .epoch, created: .epoch)
            _ = try capsule.commit(times: times, label: nil)
            do throws(IndexError) {
                let index = try SQLiteIndex(capsule: capsule, mode: .open)
                opened += 1
                _ = try index.verify()
                try index.forEachInode(from: InodeNumber(0)) { _ in true }
                try index.forEachEntry(of: .root, after: 0) { _, _ in true }
                _ = try index.garbage()
                try index.apply([.putMeta(key: .bootID, value: [1])])
                try index.commit(.process)
                try index.close()
            } catch {
                return
            }
        }
        #expect(opened > 0 && opened < count)
    }

    private static func content(of capsule: Capsule) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(capsule.size))
        _ = try bytes.withUnsafeMutableBytes { try capsule.read(into: $0, at: 0) }
        return bytes
    }
}
