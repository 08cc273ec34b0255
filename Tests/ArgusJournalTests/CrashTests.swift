import ArgusCore
import ArgusJournal
import ArgusSystem
import Glibc
import Testing

@Suite("What an unclean end leaves")
struct CrashTests {
    @Test(
        "after kill -9 at any moment every answered record is there, the spool verifies, and the next stream goes on",
        arguments: [(0, false), (1, false), (2, false), (3, false), (4, true), (5, true), (6, true)])
    func killed(seed: UInt64, isStrict: Bool) async throws {
        let spool = try SpoolFixture()
        let path = spool.path
        try await #require(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, seed = seed as UInt64, isStrict = isStrict as Bool] in
            let directory = try DirectoryHandle(path: path)
            let answered = try directory.open("answered", flags: O_RDWR | O_CREAT)
            let journal = try Journal(
                directory: directory, keys: .derive(masterKey: SpoolFixture.masterKey, realm: SpoolFixture.realm),
                folder: SpoolFixture.folder, device: SpoolFixture.device, mode: isStrict ? .strict : .normal,
                limits: .small, clock: SystemClock())
            _ = Thread.start(name: "killer") {
                usleep(UInt32(3_000 + seed * 17_123))
                kill(getpid(), SIGKILL)
            }
            for number in 1...1_000_000 {
                try journal.append(.wrote(number))
                withUnsafeBytes(of: UInt64(number)) { _ = pwrite(answered.rawValue, $0.baseAddress, 8, 0) }
            }
        }
        let bytes = try spool.directory.readFile("answered", maxByteCount: 8)
        let answered = bytes.isEmpty ? 0 : bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        // Before anybody takes the stream over, and after.
        let verifier = JournalVerifier(directory: spool.directory, keys: spool.auditKeys)
        let left = try verifier.verify()
        #expect(left.streams.map(\.isEnded) == [false])
        #expect(left.streams[0].lastSequence >= answered)
        let next = try Journal(
            directory: spool.directory, keys: spool.keys, folder: SpoolFixture.folder, device: SpoolFixture.device,
            limits: .small, clock: SystemClock())
        try next.append(.opened(1))
        try next.close()
        var written: [UInt64] = []
        let report = try verifier.verify { if $0.activity == .write { written.append($0.byteCount) } }
        #expect(report.streams.map(\.isEnded) == [true, true])
        #expect(report.streams[0].wasRecovered)
        #expect(report.gaps.isEmpty)
        #expect(written == Array(1...UInt64(written.count)))
        #expect(UInt64(written.count) >= answered)
    }

    @Test("after a power cut the lost batch shows as a gap, and the spool verifies", arguments: [false, true])
    func powerCut(knowsHead: Bool) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: .slow)
        for number in 1...10 { try journal.append(.wrote(number)) }
        try journal.sync()
        let onDisk = try readFile(spool.segmentPath(journal.stream, 1))
        for number in 11...15 { try journal.append(.wrote(number)) }
        let head = journal.head()
        journal.abandon()
        // The disk has what was synced, nothing else.
        try writeFile(spool.segmentPath(journal.stream, 1), onDisk)
        let next = try spool.journal(
            expecting: knowsHead ? head : nil, bootID: knowsHead ? SpoolFixture.bootA : SpoolFixture.bootB)
        try next.close()
        let report = try spool.verify(bootID: SpoolFixture.bootB)
        #expect(report.gaps == [JournalGap(stream: journal.stream, first: 11, last: knowsHead ? 15 : 0)])
        #expect(report.gaps.first?.count == (knowsHead ? 5 : 0))
        #expect(try spool.records().filter { $0.activity == .write }.count == 10)
    }

    @Test(
        "a tail of which only some pages reached the disk is cut at its first broken record",
        arguments: [4_096, 8_192, 12_288])
    func tornTail(lostPage: Int) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: .slow)
        for number in 1...3 { try journal.append(.wrote(number)) }
        try journal.sync()
        for number in 4...60 { try journal.append(.wrote(number)) }
        journal.abandon()
        let path = spool.segmentPath(journal.stream, 1)
        var bytes = try readFile(path)
        let committed = try #require(TamperTests.frames(bytes).last { $0.kind == 2 }).range.upperBound
        for index in max(lostPage, committed)..<lostPage + 4_096 { bytes[index] = 0 }
        try writeFile(path, bytes)
        // Another boot: it is a power cut. The same boot: someone did it.
        #expect(spool.finding(bootID: SpoolFixture.bootB) == nil)
        let next = try spool.journal(bootID: SpoolFixture.bootB)
        try next.close()
        let report = try spool.verify(bootID: SpoolFixture.bootB)
        let kept = try #require(report.streams.first).lastSequence
        #expect(kept >= 3 && kept < 60)
        #expect(report.gaps == [JournalGap(stream: journal.stream, first: kept + 1, last: 0)])
    }

    @Test("a broken record in the open batch is no power cut where the machine has not stopped")
    func brokenWithoutPowerCut() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: .slow)
        for number in 1...3 { try journal.append(.wrote(number)) }
        journal.abandon()
        let path = spool.segmentPath(journal.stream, 1)
        var bytes = try readFile(path)
        bytes[TamperTests.frames(bytes)[1].range.lowerBound + 30] ^= 1
        try writeFile(path, bytes)
        #expect(try #require(spool.finding()).reason == .frameUnauthentic)
        #expect(try #require(spool.finding()).sequence == 2)
        // The next stream records it and leaves the evidence as it is.
        let next = try spool.journal()
        try next.close()
        #expect(try #require(spool.finding()).sequence == 2)
    }

    @Test("a spool cut back behind the index's head is recorded by the next stream")
    func cutBack() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        for number in 1...10 { try journal.append(.wrote(number)) }
        try journal.close()
        let next = try spool.journal(
            expecting: JournalMark(stream: nil, sequence: 500, hash: [UInt8](repeating: 1, count: 32)))
        try next.close()
        let records = try spool.records()
        #expect(records.contains { $0.activity == .integrity && $0.gap?.last == 500 })
    }

    @Test("a spool that was put back is recorded by the next stream, however many records it has")
    func putBack() throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        for number in 1...50 { try first.append(.wrote(number)) }
        try first.close()
        let second = try spool.journal()
        try second.append(.wrote(51))
        try second.close()
        run("rm", "-r", spool.path + "/" + second.stream.hex)
        let next = try spool.journal(expecting: second.head())
        try next.close()
        #expect(try spool.records().filter { $0.activity == .integrity }.count == 1)
    }

    @Test("a stream that is taken away is missed, though an older one lost its oldest segments to age")
    func takenAwayBehindPruned() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 5 * 131_072
        let first = try spool.journal(limits: limits)
        for number in 1...4_000 { try first.append(.wrote(number)) }
        try first.close()
        // It removes nothing itself: only the older stream tells of a removal.
        limits.spoolByteCount = 50 * 131_072
        let second = try spool.journal(limits: limits)
        for number in 1...20 { try second.append(.wrote(number)) }
        try second.close()
        let head = second.head()
        run("rm", "-r", spool.path + "/" + second.stream.hex)
        #expect(
            spool.finding(expecting: [JournalHead(folder: SpoolFixture.folder, head)])?.reason
                == .expectedHeadMissing(.folder))
        try spool.journal(limits: limits, expecting: head).close()
        #expect(try spool.records().filter { $0.activity == .integrity }.count == 1)
    }

    @Test("a head whose whole stream went for its age is not missed")
    func headOfRemovedStream() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 5 * 131_072
        let first = try spool.journal(limits: limits)
        for number in 1...1_000 { try first.append(.wrote(number)) }
        let head = first.head()
        try first.close()
        let second = try spool.journal(limits: limits)
        for number in 1...4_000 { try second.append(.wrote(number)) }
        try second.close()
        #expect(try !spool.directory.exists(first.stream.hex))
        #expect(spool.finding(expecting: [JournalHead(folder: SpoolFixture.folder, head)]) == nil)
        try spool.journal(limits: limits, expecting: head).close()
        #expect(try spool.records().allSatisfy { $0.activity != .integrity })
    }

    @Test("a head that lies in a stream that others followed, or in an early segment, is found")
    func earlierHead() throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        try first.append(.wrote(1))
        let early = first.head()
        for number in 1...1_000 { try first.append(.wrote(number)) }
        let late = first.head()
        try first.close()
        for _ in 1...3 { try spool.journal().close() }
        for head in [early, late] { try spool.journal(expecting: head).close() }
        #expect(try spool.records().allSatisfy { $0.activity != .integrity })
    }

    @Test("counts of denials survive an unclean end, exactly")
    func denialsSurvive() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        for _ in 1...1_000 { try journal.append(.denied()) }
        journal.abandon()
        let next = try spool.journal()
        try next.close()
        let denied = try spool.records().filter { $0.activity == .denied }
        #expect(denied.map { $0.repeats?.count ?? 1 }.reduce(0, +) == 1_000)
        #expect(denied.last?.actor.person == "bob")
        #expect(denied.last?.repeats?.stream == journal.stream)
        let third = try spool.journal()
        try third.close()
        #expect(try spool.records().filter { $0.activity == .denied }.count == denied.count)
    }

    @Test("a stream that another process has open is named as it is and goes on")
    func twoWriters() throws {
        let spool = try SpoolFixture()
        let mount = try spool.journal()
        try mount.append(.opened(1))
        let command = try spool.journal()
        try command.append(AuditEvent(activity: .memberAdded, status: .success, actor: .alice))
        try command.close()
        try mount.append(.opened(2))
        try mount.close()
        let after = try spool.journal()
        try after.close()
        let report = try spool.verify()
        #expect(report.streams.count == 3)
        #expect(report.gaps.isEmpty)
        #expect(try spool.records().contains { $0.activity == .recover } == false)
    }
}

extension JournalLimits {
    /// Commits only when asked to.
    static var slow: JournalLimits {
        var limits = JournalLimits.small
        limits.groupNanoseconds = 600_000_000_000
        return limits
    }
}
