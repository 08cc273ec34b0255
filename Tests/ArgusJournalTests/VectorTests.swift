import ArgusCore
import ArgusJournal
import ArgusSystem
import Testing

/// The spool under `Tests/Vectors/journal` was written once; `Tests/Vectors/journal_reader.py` reads it as well.
@Suite("The journal's format stays what it was")
struct VectorTests {
    static let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Vectors/journal"

    @Test("the recorded spool verifies, and its records read as they were recorded")
    func recorded() throws {
        let spool = try DirectoryHandle(path: Self.directory + "/spool")
        let keys = JournalAuditKeys.derive(masterKey: SpoolFixture.masterKey, realm: SpoolFixture.realm)
        let report = try JournalVerifier(directory: spool, keys: keys).verify()
        #expect(report.streams.map(\.wasRecovered) == [false, true, false])
        #expect(report.gaps.map(\.first) == [3])
        var lines = ""
        try JournalReader(directory: spool, keys: keys).read { record in
            lines += record.ndjson() + "\n"
            return true
        }
        let expected = String(decoding: try readFile(Self.directory + "/expected.ndjson"), as: UTF8.self)
        #expect(lines == expected)
    }

    @Test("records that name roots of the index read as they were recorded")
    func indexRoots() throws {
        let spool = try DirectoryHandle(path: Self.directory + "/index-root/spool")
        let keys = JournalAuditKeys.derive(masterKey: SpoolFixture.masterKey, realm: SpoolFixture.realm)
        _ = try JournalVerifier(directory: spool, keys: keys).verify()
        var lines = ""
        try JournalReader(directory: spool, keys: keys).read { record in
            lines += record.ndjson() + "\n"
            return true
        }
        #expect(lines == String(decoding: try readFile(Self.directory + "/index-root/expected.ndjson"), as: UTF8.self))
        let newest = try IndexMark.newest(in: spool, folder: SpoolFixture.folder, keys: keys)
        #expect(newest?.commit == 1 << 40)
    }

    @Test("with another realm's key nothing of it is shown")
    func wrongKey() throws {
        let spool = try DirectoryHandle(path: Self.directory + "/spool")
        let keys = JournalAuditKeys.derive(masterKey: .random(count: 32), realm: SpoolFixture.realm)
        var count = 0
        #expect(throws: JournalFinding.self) {
            try JournalReader(directory: spool, keys: keys).read { _ in
                count += 1
                return true
            }
        }
        #expect(count == 0)
    }
}
