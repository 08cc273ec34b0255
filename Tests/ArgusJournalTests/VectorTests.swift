import ArgusCore
import ArgusSystem
import Glibc
import Testing

@testable import ArgusJournal

/// The spools under `Tests/Vectors/journal` were written once; `Tests/Vectors/journal_reader.py` reads them as well.
///
/// `spool` is of version 1 as it was at first: an ended stream, one that was taken over after a power cut, its successor.
/// `bounded` has what came later: bounds in the first record of each segment, removals with their times, authenticated
/// counts in a stream that did not end, acts on folders. With ARGUS_WRITE_VECTORS in the environment it is written anew.
@Suite("The journal's format stays what it was", .serialized)
struct VectorTests {
    static let vectors = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Vectors"
    static let directory = vectors + "/journal"
    static let names = ["spool", "bounded"]
    private static let keys = JournalAuditKeys.derive(masterKey: SpoolFixture.masterKey, realm: SpoolFixture.realm)

    private static func expected(_ name: String) -> String {
        directory + (name == "spool" ? "/expected.ndjson" : "/\(name).ndjson")
    }

    @Test("the recorded spools verify, and their records read as they were recorded", arguments: names)
    func recorded(name: String) throws {
        if name == "bounded", getenv("ARGUS_WRITE_VECTORS") != nil { try write() }
        let spool = try DirectoryHandle(path: Self.directory + "/" + name)
        let report = try JournalVerifier(directory: spool, keys: Self.keys).verify()
        if name == "spool" {
            #expect(report.streams.map(\.wasRecovered) == [false, true, false])
            #expect(report.gaps.map(\.first) == [3])
        } else {
            #expect(report.streams.map(\.isEnded).sorted { $0 && !$1 } == [true, false])
            #expect(report.removals.map(\.removal.isWhole).sorted { $0 && !$1 } == [true, false])
            #expect(report.removals.allSatisfy { $0.removal.lastTime != nil && $0.removal.byteCount != nil })
        }
        #expect(try Self.lines(spool) == String(decoding: try readFile(Self.expected(name)), as: UTF8.self))
    }

    private static func lines(_ spool: DirectoryHandle) throws -> String {
        var lines = ""
        try JournalReader(directory: spool, keys: keys).read { record in
            lines += record.ndjson() + "\n"
            return true
        }
        return lines
    }

    private func write() throws {
        let fixture = try SpoolFixture()
        let clock = StillClock(seconds: 1_795_000_000)
        var limits = JournalLimits.small
        limits.spoolByteCount = 4 * 131_072
        let first = try fixture.journal(limits: limits, clock: clock)
        for number in 1...5 { try first.append(.opened(number)) }
        try first.close()
        clock.advance(60)
        let acts = try fixture.journal(limits: limits, folder: FolderID(high: 0, low: 0), clock: clock)
        var act = AuditEvent(activity: .unlink, status: .success, actor: .alice, path: [0x2f], reason: "folder deleted")
        act.folderAct = FolderAct(folder: SpoolFixture.otherFolder, heads: [first.head()])
        try acts.append(act)
        try acts.close()
        clock.advance(60)
        let left = try fixture.journal(limits: limits, clock: clock)
        for number in 1...2_600 {
            try left.append(.wrote(number))
            if number.isMultiple(of: 300) { try left.sync() }
        }
        for _ in 1...40 { try left.append(.denied(1)) }
        for _ in 1...3 { try left.append(.denied(2)) }
        try left.sync()
        left.abandon()
        let target = Self.directory + "/bounded"
        run("rm", "-rf", target)
        try #require(run("cp", "-a", fixture.path, target) == 0)
        try writeFile(Self.expected("bounded"), Array(try Self.lines(DirectoryHandle(path: target)).utf8))
    }

    // MARK: Another implementation

    private func reads(_ spool: String, expecting file: String) -> Bool {
        let master = SpoolFixture.masterKey.withBytes { Hex.encode(Array($0)) }
        return run(
            "sh", "-c", "exec python3 \"$@\" 2>/dev/null", "sh", Self.vectors + "/journal_reader.py", spool, master,
            SpoolFixture.realm.hex, file) == 0
    }

    @Test("a reader that was written from the document alone reads the same records", arguments: names)
    func independentReader(name: String) throws {
        #expect(reads(Self.directory + "/" + name, expecting: Self.expected(name)))
    }

    @Test("what is altered verifies for that reader no more than for the program")
    func altered() throws {
        let copy = "/tmp/argus-vectors-" + StreamID.random().hex
        defer { run("rm", "-rf", copy) }
        try #require(run("cp", "-a", Self.directory + "/bounded", copy) == 0)
        let spool = try DirectoryHandle(path: copy)
        var files: [String] = []
        for name in try spool.names() {
            guard name.utf8.count == 32 else { files.append(name); continue }
            files += try spool.subdirectory(name).names().map { name + "/" + $0 }
        }
        #expect(files.count >= 5 && files.contains { $0.hasSuffix("/counters") })
        for file in files {
            let path = copy + "/" + file
            let original = try readFile(path)
            // A spare holds nothing yet.
            if file.hasSuffix(".segment"), original[16] == 0 { continue }
            var changed = original
            changed[min(4_200, original.count / 2)] ^= 1
            try writeFile(path, changed)
            #expect(!reads(copy, expecting: Self.expected("bounded")), "\(file)")
            #expect(throws: JournalFinding.self, "\(file)") {
                _ = try JournalVerifier(directory: spool, keys: Self.keys).verify()
            }
            try writeFile(path, original)
        }
        #expect(reads(copy, expecting: Self.expected("bounded")))
        run("sh", "-c", "rm \(copy)/*.removed")
        #expect(!reads(copy, expecting: Self.expected("bounded")))
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
