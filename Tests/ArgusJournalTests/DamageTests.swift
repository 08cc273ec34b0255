import ArgusCore
import ArgusSystem
import Testing

@testable import ArgusJournal

@Suite("What does not fit is named, and does not hide the rest")
struct DamageTests {
    /// Three streams, the first of several segments, with one bit of it flipped; what each stream had.
    private func damaged() throws -> (spool: SpoolFixture, streams: [StreamID], counts: [UInt64]) {
        let spool = try SpoolFixture()
        var streams: [StreamID] = []
        var counts: [UInt64] = []
        for count in [1_500, 3, 3] {
            let journal = try spool.journal()
            for number in 1...count { try journal.append(.wrote(number)) }
            try journal.close()
            streams.append(journal.stream)
            counts.append(journal.head().sequence)
        }
        #expect(spool.finding() == nil)
        let path = spool.segmentPath(streams[0], 1)
        var bytes = try readFile(path)
        bytes[5_000] ^= 1
        try writeFile(path, bytes)
        return (spool, streams, counts)
    }

    @Test("records behind the segment that does not fit are shown, and those of all other streams")
    func goesOn() throws {
        let (spool, streams, counts) = try damaged()
        var shown: [StreamID: [UInt64]] = [:]
        let findings = try JournalReader(
            directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA
        ).readWhatFits { record in
            shown[record.stream, default: []].append(record.sequence)
            return true
        }
        #expect(findings.map(\.stream) == [streams[0]] && findings.map(\.segment) == [1])
        #expect(findings.map(\.folder) == [SpoolFixture.folder])
        #expect(shown[streams[1]] == Array(1...counts[1]) && shown[streams[2]] == Array(1...counts[2]))
        let first = try StreamReader.header(spool.directory.subdirectory(streams[0].hex), streams[0], 2).firstSequence
        let rest = try #require(shown[streams[0]]).filter { $0 >= first }
        #expect(rest == Array(first...counts[0]))
    }

    @Test("whoever follows the spool gets the same, and the finding once")
    func follower() throws {
        let (spool, streams, counts) = try damaged()
        let follower = try JournalReader(directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
            .follower(fromBeginning: true)
        var shown: [StreamID: Int] = [:]
        let findings = try follower.poll { shown[$0.stream, default: 0] += 1 }
        #expect(findings.map(\.stream) == [streams[0]])
        #expect(shown[streams[1]] == Int(counts[1]) && shown[streams[2]] == Int(counts[2]))
        #expect(try #require(shown[streams[0]]) > 100)
        let journal = try spool.journal()
        try journal.append(.opened(1))
        try journal.sync()
        var added = 0
        #expect(try follower.poll { _ in added += 1 }.isEmpty)
        #expect(added == 1)
        try journal.close()
    }

    @Test("a stream that does not open at all hides no other")
    func foreign() throws {
        let (spool, streams, _) = try damaged()
        let path = spool.segmentPath(streams[1], 1)
        var bytes = try readFile(path)
        bytes[600] ^= 1
        try writeFile(path, bytes)
        let report = try JournalVerifier(directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
            .examine()
        #expect(report.streams.map(\.stream) == [streams[2]])
        #expect(Set(report.findings.compactMap(\.stream)) == [streams[0], streams[1]])
        #expect(report.findings.count == 2)
    }
}

@Suite("Heads that are kept elsewhere stand for the whole journal")
struct HeadTests {
    @Test("a line reads as it was written, and one that was miscopied is none")
    func line() throws {
        let head = JournalHead(
            folder: SpoolFixture.folder, sequence: 47, hash: [UInt8](repeating: 0xab, count: 32),
            stream: StreamID(high: 1, low: 2), witness: .auditor)
        for heads in [[], [head], [head, head]] {
            let list = JournalHeadList(realm: SpoolFixture.realm, heads: heads)
            #expect(JournalHeadList(text: list.text) == list)
            #expect(JournalHeadList(text: "  " + list.text + " ") == list)
        }
        let text = JournalHeadList(realm: SpoolFixture.realm, heads: [head]).text
        for place in text.indices {
            for other in ["0", "1", "", " ", ":"] where String(text[place]) != other {
                let changed = text.replacingCharacters(at: place, with: other)
                #expect(JournalHeadList(text: changed).map { $0.text == text } ?? true, "\(changed)")
            }
        }
    }

    @Test("what was cut, removed or put back behind a noted head is missed, with nothing else to show it")
    func rollback() throws {
        let spool = try SpoolFixture()
        let older = spool.path + "-older"
        let first = try spool.journal()
        try first.append(.opened(1))
        try first.close()
        let other = try spool.journal(folder: SpoolFixture.otherFolder)
        try other.append(.opened(1))
        try other.close()
        spool.copy(to: older)
        defer { run("rm", "-rf", older) }
        let live = try spool.journal()
        try live.append(.opened(2))
        try live.sync()
        let noted = try SpoolHeads(directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
            .read(witness: .auditor)
        #expect(noted.findings.isEmpty)
        // The first stream is named by its child, and so stands behind it.
        #expect(Set(noted.heads.compactMap(\.stream)) == [other.stream, live.stream])
        try live.append(.opened(3))
        try live.close()
        #expect(spool.finding(expecting: noted.heads) == nil)
        let replayed = JournalVerifier(
            directory: try DirectoryHandle(path: older), keys: spool.auditKeys, bootID: SpoolFixture.bootA)
        #expect(try replayed.examine().findings.isEmpty)
        let findings = try replayed.examine(expecting: noted.heads).findings
        #expect(findings.map(\.reason) == [.expectedHeadMissing(.auditor)] && findings[0].stream == live.stream)
        run("rm", "-r", spool.path + "/" + other.stream.hex)
        #expect(spool.finding() == nil)
        #expect(spool.finding(expecting: noted.heads)?.stream == other.stream)
    }
}

extension String {
    fileprivate func replacingCharacters(at place: Index, with other: String) -> String {
        String(self[..<place]) + other + String(self[index(after: place)...])
    }
}
