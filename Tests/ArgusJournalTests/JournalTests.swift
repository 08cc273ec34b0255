import ArgusCore
import ArgusJournal
import ArgusSystem
import Testing

@Suite("Writing and reading a journal")
struct JournalTests {
    @Test("a record comes back with every field it was given")
    func everyField() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        var process = AuditProcess.Facts(loginUID: 1000, pid: 4711, program: "/usr/bin/vim")
        process.programDigest = [UInt8](repeating: 8, count: 32)
        process.parentPID = 12
        process.parentProgram = "/bin/sh"
        process.session = 34
        let actor = AuditActor(uid: 1000, person: "alice", process: AuditProcess(process))
        var event = AuditEvent(
            activity: .copy, status: .failure, actor: actor, fileID: FileID(high: 1, low: 2),
            path: [0x2f, 0xff, 0x61], secondPath: Array("/b".utf8), reason: "why", byteCount: 77)
        event.copy = .inferred
        event.fileSize = 99
        event.capsule = [UInt8](repeating: 7, count: 16)
        event.access = [.read, .write]
        event.writtenByteCount = 70
        event.sourceFolder = FolderID(high: 5, low: 6)
        event.destinationFolder = FolderID(high: 7, low: 8)
        try journal.append(event)
        let head = journal.head()
        try journal.close()
        let record = try #require(try spool.records().first)
        #expect(record.sequence == 1)
        #expect(record.hash == head.hash)
        #expect(record.activity == .copy)
        #expect(record.status == .failure)
        #expect(record.actor == actor)
        #expect(record.fileID == event.fileID)
        #expect(record.path == event.path)
        #expect(record.secondPath == event.secondPath)
        #expect(record.reason == "why")
        #expect(record.byteCount == 77)
        #expect(record.copy == .inferred)
        #expect(record.fileSize == 99)
        #expect(record.capsule == event.capsule)
        #expect(record.actor.programDigest == process.programDigest)
        #expect(record.actor.parentPID == 12)
        #expect(record.actor.parentProgram == "/bin/sh")
        #expect(record.actor.session == 34)
        #expect(record.access == [.read, .write])
        #expect(record.writtenByteCount == 70)
        #expect(record.sourceFolder == event.sourceFolder)
        #expect(record.destinationFolder == event.destinationFolder)
        #expect(record.folder == SpoolFixture.folder)
        #expect(record.device == SpoolFixture.device)
        #expect(record.stream == journal.stream)
        let json = record.ndjson(folderName: "plans")
        for part in [
            #""seq":1"#, #""activity":"copy""#, #""status":"failure""#, #""person":"alice""#, #""uid":1000"#,
            #""program":"/usr/bin/vim""#, #""folder":"plans""#, #""pathHex":"2fff61""#, #""seen":"inferred""#,
            #""bytes":77"#, #""access":"read,write""#, #""bytesRead":7"#, #""bytesWritten":70"#,
            #""parentPid":12"#, #""parentProgram":"/bin/sh""#, #""session":34"#,
            #""fileId":"00000000000000010000000000000002""#,
        ] {
            #expect(json.contains(part))
        }
    }

    @Test("what is longer than a record may hold is cut and marked, and the record verifies")
    func longFields() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        let long = AuditEvent(
            activity: .rename, status: .success,
            actor: AuditActor(
                uid: 0, loginUID: .max, pid: 1, person: String(repeating: "p", count: 10_000),
                program: String(repeating: "q", count: 10_000)),
            path: [UInt8](repeating: 0x61, count: 100_000), secondPath: [UInt8](repeating: 0x62, count: 100_000),
            reason: String(repeating: "r", count: 10_000))
        try journal.append(long)
        try journal.close()
        let record = try #require(try spool.records().first)
        #expect(record.path == [UInt8](repeating: 0x61, count: 16_384))
        #expect(record.truncatedFields.count == 5)
        #expect(try spool.verify().streams.first?.isEnded == true)
    }

    @Test("records over many segments are all there, in order, chained, and verify", arguments: [1, 300, 3_000])
    func manySegments(count: Int) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        for number in 1...count { try journal.append(.wrote(number)) }
        try journal.close()
        let records = try spool.records()
        #expect(records.filter { $0.activity == .write }.map(\.byteCount) == (1...count).map(UInt64.init))
        #expect(records.map(\.sequence) == Array(1...UInt64(records.count)))
        #expect(zip(records, records.dropFirst()).allSatisfy { $1.previousHash == $0.hash })
        #expect(Set(records.map(\.salt)).count == records.count)
        let report = try spool.verify()
        #expect(report.recordCount == UInt64(records.count))
    }

    @Test(
        "eight threads append at once: the count is exact and every sequence number is used once",
        arguments: [
            JournalMode.normal, .strict,
        ])
    func concurrency(mode: JournalMode) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(mode: mode)
        let perThread = mode == .strict ? 200 : 2_000
        let threads = (0..<8).map { index in
            Thread.start(name: "appender") {
                for number in 1...perThread {
                    var event = AuditEvent.wrote(number)
                    event.actor.uid = UInt32(index)
                    try? journal.append(event)
                }
            }
        }
        threads.forEach { $0.join() }
        try journal.close()
        let records = try spool.records().filter { $0.activity == .write }
        #expect(records.count == 8 * perThread)
        for index in 0..<8 {
            let own = records.filter { $0.actor.uid == UInt32(index) }.map(\.byteCount)
            #expect(own == (1...perThread).map(UInt64.init))
        }
        #expect(zip(records, records.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
        _ = try spool.verify()
    }

    @Test("nothing readable lies in the spool")
    func sealed() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        try journal.append(.opened(1))
        try journal.sync()
        let bytes = try readFile(spool.segmentPath(journal.stream, 1))
        for word in ["alice", "vim", "file-1", "plans", "staff", "ARGJREC1"] {
            #expect(!bytes.contains(Array(word.utf8)))
        }
        try journal.close()
    }

    @Test("a live journal verifies while it is written, and a follower sees each record once")
    func live() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        let follower = try JournalReader(directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
            .follower(fromBeginning: true)
        var seen: [UInt64] = []
        for round in 1...20 {
            for number in 1...50 { try journal.append(.wrote(round * 100 + number)) }
            try journal.sync()
            try follower.poll { seen.append($0.sequence) }
            let report = try spool.verify()
            #expect(report.streams.first?.isLive == true)
            #expect(seen == Array(1...journal.head().sequence))
        }
        try journal.close()
        try follower.poll { seen.append($0.sequence) }
        #expect(seen == Array(1...journal.head().sequence))
    }

    @Test("the records of one folder are read without those of another")
    func folders() throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        let second = try spool.journal(folder: SpoolFixture.otherFolder)
        try first.append(.opened(1))
        try second.append(.opened(2, by: .bob))
        try first.close()
        try second.close()
        #expect(try spool.records(folder: SpoolFixture.folder).map(\.actor.person) == ["alice", ""])
        #expect(try spool.records(folder: SpoolFixture.otherFolder).map(\.actor.person) == ["bob", ""])
        #expect(try spool.records().count == 4)
    }

    @Test("nothing can be appended to a closed journal")
    func closed() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        try journal.close()
        #expect(throws: JournalError.closed) { try journal.append(.opened(1)) }
        try journal.close()
    }

    @Test(
        "times are written as RFC 3339 says",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00.000000007Z"), (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_795_402_445, "2026-11-23T02:54:05.000000007Z"), (-1, "1969-12-31T23:59:59.000000007Z"),
        ])
    func times(seconds: Int64, text: String) {
        #expect(Timestamp(seconds: seconds, nanoseconds: 7).rfc3339 == text)
    }
}

extension [UInt8] {
    func contains(_ part: [UInt8]) -> Bool {
        guard count >= part.count else { return false }
        return (0...count - part.count).contains { self[$0..<$0 + part.count].elementsEqual(part) }
    }
}
