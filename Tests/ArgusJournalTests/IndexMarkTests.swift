import ArgusCore
import ArgusJournal
import ArgusSystem
import Glibc
import Testing

/// Records name the newest root of the index that was durable before them.
@Suite("What the journal knows of the index")
struct IndexMarkTests {
    private func mark(_ commit: CommitNumber) -> IndexMark {
        IndexMark(commit: commit, rootTag: Identifier(high: commit, low: 7))
    }

    private func newest(in spool: SpoolFixture) throws -> IndexMark? {
        try IndexMark.newest(
            in: spool.directory, folder: SpoolFixture.folder, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
    }

    @Test("the next record names a root that became durable, and no other does")
    func named() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        try journal.append(.opened(1))
        journal.noteDurable(mark(5))
        // An older one comes late.
        journal.noteDurable(mark(4))
        try journal.append(.opened(2))
        try journal.append(.opened(3))
        journal.noteDurable(mark(9))
        try journal.close()
        let records = try spool.records()
        #expect(records.map(\.indexRoot) == [nil, mark(5), nil, mark(9)])
        #expect(records.last?.checkpoint?.purpose == .close)
        #expect(records[1].ndjson().contains("\"indexCommit\":5,\"indexRoot\":\"00000000000000050000000000000007\""))
        #expect(try newest(in: spool) == mark(9))
        _ = try spool.verify()
    }

    @Test("a stream goes on from the roots of those before it", arguments: [true, false])
    func inherited(isKilled: Bool) throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        first.noteDurable(mark(5))
        try first.append(.opened(1))
        if isKilled { first.abandon() } else { try first.close() }
        let second = try spool.journal()
        #expect(second.newestIndexRoot == mark(5))
        try second.append(.opened(2))
        try second.close()
        // Nobody reads the first any more.
        let third = try spool.journal()
        #expect(third.newestIndexRoot == mark(5))
        try third.close()
        #expect(try spool.records().filter { $0.stream == second.stream }.first?.indexRoot == mark(5))
    }

    @Test("each segment names it again, since the newest one alone is read at the next start")
    func segments() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        journal.noteDurable(mark(5))
        for number in 0..<1_500 { try journal.append(.opened(number)) }
        journal.abandon()
        let count = try DirectoryHandle(path: spool.path + "/" + journal.stream.hex).names()
            .count { $0.hasSuffix(".segment") }
        #expect(count > 2)
        #expect(try spool.records().count { $0.indexRoot == mark(5) } >= count - 1)
        let next = try spool.journal()
        #expect(next.newestIndexRoot == mark(5))
        try next.close()
    }

    @Test("where the newest stream has no record, or is damaged, those before it tell", arguments: [true, false])
    func passedOver(isDamaged: Bool) throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        first.noteDurable(mark(5))
        try first.append(.opened(1))
        try first.close()
        let second = try spool.journal()
        if isDamaged { try second.append(.opened(2)) }
        second.abandon()
        if isDamaged {
            let path = spool.segmentPath(second.stream, 1)
            var bytes = try readFile(path)
            bytes[4_096 + 40] ^= 1
            try writeFile(path, bytes)
        }
        #expect(try newest(in: spool) == mark(5))
        let third = try spool.journal()
        #expect(third.newestIndexRoot == mark(5))
        try third.close()
    }

    @Test("another folder's roots do not count")
    func otherFolder() throws {
        let spool = try SpoolFixture()
        let other = try spool.journal(folder: SpoolFixture.otherFolder)
        other.noteDurable(mark(50))
        try other.close()
        let journal = try spool.journal()
        #expect(journal.newestIndexRoot == nil)
        try journal.append(.opened(1))
        try journal.close()
        #expect(try newest(in: spool) == nil)
    }

    @Test("an index follows on what is older, or is the same root")
    func precedes() {
        #expect(mark(5).precedes(mark(5)) && mark(5).precedes(mark(6)))
        #expect(!mark(5).precedes(mark(4)))
        #expect(!mark(5).precedes(IndexMark(commit: 5, rootTag: Identifier(high: 1, low: 1))))
    }
}
