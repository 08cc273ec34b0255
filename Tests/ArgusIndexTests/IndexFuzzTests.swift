import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

/// SQLite sees only pages that were sealed by somebody with the folder's key. Even those must not bring it to read
/// outside the file, to run on for ever, or to answer with rows that nobody checked.
@Suite("No pages of an index trap or hang whoever opens it")
struct IndexFuzzTests {
    private static let pageByteCount = 4096

    /// The first byte of an input says which page of a database it takes the place of.
    @Test("an index whose pages are not what SQLite wrote")
    func pages() async throws {
        let home = CapsuleIndexHome()
        let pages = try Self.pages()
        let corpus = try Corpus("index-page")
        let (image, info) = try Self.seal(pages, in: home)
        var opened = 0
        let count = try await Fuzzer("index page", corpus: corpus, executions: 500).run { bytes in
            let page = Int(bytes.first ?? 0) % pages.count
            let rest = bytes.dropFirst().prefix(Self.pageByteCount)
            let mutant = Array(rest) + [UInt8](repeating: 0, count: Self.pageByteCount - rest.count)
            let store = MemoryStore()
            store.plant(image, as: home.name)
            let capsule = try Capsule.open(
                store.open(home.name, writable: true), identity: home.identity, keys: home.keys,
                expecting: .clean(commit: info.commit, rootTag: info.rootTag), writable: true
            ).capsule
            try mutant.withUnsafeBytes { try capsule.writePages([(UInt64(page), $0)]) }
            _ = try capsule.commit(times: Self.times, label: nil)
            if Self.use(capsule) { opened += 1 }
        }
        #expect(opened >= pages.count && opened < count)
    }

    /// True where it opened. Errors are welcome.
    private static func use(_ capsule: Capsule) -> Bool {
        var isOpen = false
        do throws(IndexError) {
            let index = try SQLiteIndex(capsule: capsule, mode: .open)
            isOpen = true
            _ = try index.verify()
            try index.forEachInode(from: InodeNumber(0)) { _ in true }
            try index.forEachEntry(of: .root, after: 0) { _, _ in true }
            _ = try index.garbage()
            try index.apply([.putMeta(key: .bootID, value: [1])])
            try index.commit(.process)
            try index.close()
        } catch {}
        return isOpen
    }

    private static let times = CapsuleTimes(
        accessed: .epoch, modified: .epoch, changed: .epoch, created: .epoch)

    /// The pages of a whole database, as the corpus has them: their bytes depend on SQLite's version. With
    /// ARGUS_WRITE_VECTORS they are made anew.
    private static func pages() throws -> [[UInt8]] {
        if getenv("ARGUS_WRITE_VECTORS") != nil { try writePages() }
        return try Corpus("index-page").files.filter { $0.name.hasPrefix("page-") }.map { Array($0.bytes.dropFirst()) }
    }

    private static func writePages() throws {
        let index = try CapsuleIndexHome().create()
        var workload = IndexWorkload(seed: 1)
        for _ in 0..<3 {
            try index.apply(workload.batch(count: 20))
            try index.commit(.durable)
        }
        var bytes = [UInt8](repeating: 0, count: Int(index.capsule.size))
        _ = try bytes.withUnsafeMutableBytes { try index.capsule.read(into: $0, at: 0) }
        try index.close()
        var pages: [String: [UInt8]] = [:]
        for number in 0..<bytes.count / pageByteCount {
            let name = "page-" + (number < 10 ? "0" : "") + "\(number)"
            pages[name] = [UInt8(number)] + bytes[number * pageByteCount..<(number + 1) * pageByteCount]
        }
        _ = try Corpus("index-page", valid: pages)
    }

    private static func seal(_ pages: [[UInt8]], in home: CapsuleIndexHome) throws -> (SparseBytes, CommitInfo) {
        let store = MemoryStore()
        let capsule = try Capsule.create(
            in: try store.create(home.name), identity: home.identity, keys: home.keys, now: .epoch)
        try capsule.setSize(UInt64(pages.count * pageByteCount))
        for (number, page) in pages.enumerated() {
            try page.withUnsafeBytes { try capsule.writePages([(UInt64(number), $0)]) }
        }
        let info = try capsule.commit(times: times, label: nil)
        return (try #require(store.content(of: home.name)), info)
    }
}
