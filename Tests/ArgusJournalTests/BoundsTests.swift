import ArgusCore
import ArgusJournal
import ArgusSystem
import Glibc
import Testing

@Suite("The spool has bounds, and nothing is dropped silently")
struct BoundsTests {
    @Test("equal denials are counted, exactly, and other ones have records of their own")
    func coalesced() throws {
        let spool = try SpoolFixture()
        let clock = StillClock()
        let journal = try spool.journal(clock: clock)
        for _ in 1...500 { try journal.append(.denied(1)) }
        for _ in 1...30 { try journal.append(.denied(2)) }
        try journal.append(.denied(1, by: .alice))
        try journal.append(.opened(1))
        try journal.close()
        let records = try spool.records()
        let denied = records.filter { $0.activity == .denied }
        #expect(denied.count == 5)
        #expect(denied.filter { $0.repeats == nil }.count == 3)
        let counts = denied.compactMap(\.repeats)
        #expect(counts.map(\.count).sorted() == [29, 499])
        for record in denied {
            guard let repeats = record.repeats else { continue }
            let first = try #require(records.first { $0.sequence == repeats.firstSequence })
            #expect(first.fileID == record.fileID)
            #expect(first.actor == record.actor)
        }
    }

    @Test("one user with many programs and files gets a bounded number of records, and the counts stay exact")
    func flood() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(clock: StillClock())
        for number in 1...5_000 {
            let actor = AuditActor.bob.with { $0.program = "/tmp/program-\(number % 700)" }
            try journal.append(.denied(number, by: actor))
        }
        try journal.append(.denied(1, by: .alice))
        try journal.close()
        let denied = try spool.records().filter { $0.activity == .denied }
        let own = denied.filter { $0.actor.uid == 1001 }
        #expect(own.count <= 34)
        #expect(own.map { $0.repeats?.count ?? 1 }.reduce(0, +) == 5_000)
        #expect(denied.filter { $0.actor.uid == 1000 }.count == 1)
    }

    @Test("what has room kept for it is recorded, though the spool has filled up since")
    func reserved() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.retention = .keepsAll
        limits.spoolByteCount = 3 * 131_072
        let journal = try spool.journal(limits: limits)
        let kept = try (1...40).map { try journal.reserve(.wrote($0)) }
        let unused = try journal.reserve(.wrote(41))
        var count = 0
        #expect(throws: JournalError.full) {
            while true {
                count += 1
                try journal.append(.wrote(1_000 + count))
            }
        }
        #expect(throws: JournalError.full) { _ = try journal.reserve(.wrote(0)) }
        for (number, room) in zip(1..., kept) { try journal.append(.wrote(number), using: room) }
        // What was not needed is there for others, after the records that used theirs.
        journal.release(unused)
        try journal.append(.wrote(2_000))
        try journal.close()
        let records = try spool.records().filter { $0.activity == .write }
        #expect(records.count == count - 1 + 41)
        #expect(try spool.verify().recordCount == UInt64(try spool.records().count))
    }

    @Test("a window that is over is recorded, and the next denial begins a new one")
    func window() throws {
        let spool = try SpoolFixture()
        let clock = StillClock()
        let journal = try spool.journal(clock: clock)
        for _ in 1...3 { try journal.append(.denied()) }
        clock.advance(11)
        try journal.append(.opened(1))
        try journal.sync()
        for _ in 1...2 { try journal.append(.denied()) }
        try journal.close()
        let denied = try spool.records().filter { $0.activity == .denied }
        #expect(denied.map { $0.repeats?.count } == [nil, 2, nil, 1])
    }

    @Test("the oldest segments go behind a signed checkpoint, and what is left verifies")
    func retention() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 5 * 131_072
        let first = try spool.journal(limits: limits)
        for number in 1...1_000 { try first.append(.wrote(number)) }
        let oldHead = first.head()
        try first.close()
        let second = try spool.journal(limits: limits)
        for number in 1...4_000 { try second.append(.wrote(number)) }
        let head = second.head()
        try second.close()
        #expect(try spool.directory.exists(first.stream.hex) == false)
        let report = try spool.verify(expecting: [
            JournalHead(folder: SpoolFixture.folder, sequence: head.sequence, hash: head.hash)
        ])
        #expect(report.streams.map(\.stream) == [second.stream])
        #expect(report.streams[0].firstSequence > 1)
        #expect(report.streams[0].lastSequence > head.sequence)
        let removals = try spool.records().compactMap(\.checkpoint).flatMap(\.removals)
        #expect(!removals.isEmpty)
        // An index that was never opened since does not make the removal look like an attack.
        let old = JournalHead(folder: SpoolFixture.folder, sequence: oldHead.sequence, hash: oldHead.hash)
        #expect(spool.finding(expecting: [old]) == nil)
        // What the checkpoint does not cover is missed.
        let kept = try spool.directory.subdirectory(second.stream.hex).names().filter { $0.hasSuffix("segment") }
            .sorted()
        run("rm", spool.path + "/" + second.stream.hex + "/" + kept[0])
        #expect(try #require(spool.finding()).reason == .removalNotRecorded)
    }

    @Test("the list of what was removed cannot be changed, and without it the removal shows")
    func removalList() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 3 * 131_072
        let journal = try spool.journal(limits: limits)
        for number in 1...2_500 { try journal.append(.wrote(number)) }
        try journal.close()
        #expect(spool.finding() == nil)
        let path = spool.path + "/" + SpoolFixture.folder.hex + ".removed"
        let list = try readFile(path)
        for position in stride(from: 0, to: list.count, by: 11) {
            var bytes = list
            bytes[position] ^= 4
            try writeFile(path, bytes)
            #expect(try #require(spool.finding()).reason == .removalsUnauthentic)
        }
        run("rm", path)
        #expect(try #require(spool.finding()).reason == .removalNotRecorded)
    }

    @Test(
        "a full spool that may remove nothing refuses new work, closes what is open, and lets administrators act",
        arguments: [JournalMode.normal, .strict])
    func full(mode: JournalMode) throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 2 * 131_072
        limits.retention = .keepsAll
        let journal = try spool.journal(mode: mode, limits: limits)
        var opened = 0
        var refusal: JournalError?
        while refusal == nil, opened < 10_000 {
            do throws(JournalError) {
                try journal.append(.opened(opened + 1))
                opened += 1
            } catch {
                refusal = error
            }
        }
        #expect(refusal == .full)
        #expect(opened > 100)
        if mode == .strict {
            // A strict folder stops opening early, and goes on with what is open.
            try journal.append(.wrote(1))
        } else {
            #expect(throws: JournalError.full) { try journal.append(.wrote(1)) }
        }
        try journal.append(AuditEvent(activity: .memberRemoved, status: .success, actor: .alice))
        var closed = 0
        for number in 1...min(opened, 100) {
            let close = AuditEvent(
                activity: .close, status: .success, actor: .alice, fileID: FileID(high: 9, low: UInt64(number)),
                path: Array("/plans/file-\(number).odt".utf8), byteCount: 1)
            try journal.append(close)
            closed += 1
        }
        try journal.append(AuditEvent(activity: .unmount, status: .success, actor: .alice))
        try journal.close()
        let records = try spool.records()
        #expect(records.filter { $0.activity == .open }.count == opened)
        #expect(records.filter { $0.activity == .close }.count == closed)
        #expect(spool.finding() == nil)
    }

    /// Fills the spool; returns how many were refused.
    private func fill(_ journal: Journal) -> UInt64 {
        var refused: UInt64 = 0
        var number = 0
        while refused < 7, number < 100_000 {
            number += 1
            do throws(JournalError) { try journal.append(.wrote(number)) } catch { refused += 1 }
        }
        return refused
    }

    @Test("what a full spool refuses is counted, exactly, with the denials that it has no room for")
    func refusals() throws {
        let spool = try SpoolFixture()
        let clock = StillClock()
        var limits = JournalLimits.small
        limits.spoolByteCount = 2 * 131_072
        limits.retention = .keepsAll
        let journal = try spool.journal(limits: limits, clock: clock)
        for _ in 1...5 { try journal.append(.denied(1)) }
        let refused = fill(journal)
        #expect(refused == 7)
        #expect(throws: JournalError.full) { try journal.append(.denied(2)) }
        // Equal ones are counted as long as their window lasts; when it is over there is no room for the count.
        for _ in 1...3 { try journal.append(.denied(1)) }
        clock.advance(60)
        try journal.append(AuditEvent(activity: .memberRemoved, status: .success, actor: .alice))
        try journal.sync()
        try journal.append(AuditEvent(activity: .unmount, status: .success, actor: .alice))
        try journal.close()
        let denied = try spool.records().filter { $0.activity == .denied }
        #expect(denied.filter { $0.reason == "journal:full" }.map { $0.repeats?.count } == [refused + 1])
        #expect(denied.filter { $0.reason == "no right" }.map { $0.repeats?.count ?? 1 } == [1, 7])
        #expect(spool.finding() == nil)
    }

    @Test("what was refused is recorded as soon as there is room again")
    func roomAgain() throws {
        let spool = try SpoolFixture()
        var limits = JournalLimits.small
        limits.spoolByteCount = 4 * 131_072
        limits.retention = .keepsAll
        // Another stream takes the room that is there, and gives it back.
        let other = try spool.journal(limits: limits)
        for number in 1...500 { try other.append(.wrote(number)) }
        try other.close()
        let journal = try spool.journal(limits: limits)
        let refused = fill(journal)
        run("rm", "-r", spool.path + "/" + other.stream.hex)
        var isBack = false
        while !isBack {
            do throws(JournalError) {
                try journal.append(.opened(1))
                isBack = true
            } catch { usleep(50_000) }
        }
        try journal.sync()
        let told = try spool.records().filter { $0.reason == "journal:full" }
        #expect(told.count == 1)
        #expect(try #require(told.first?.repeats).count >= refused)
        try journal.close()
    }

    @Test("how old records are their own time tells, not that of a file, and verify tells what went")
    func trueAge() throws {
        let spool = try SpoolFixture()
        let clock = StillClock()
        let first = try spool.journal(clock: clock)
        for number in 1...1_500 { try first.append(.opened(number)) }
        try first.close()
        let end = try #require(try spool.verify().streams.first)
        func nextWriter() throws {
            let next = try spool.journal(clock: clock)
            try next.append(.opened(1))
            // The commit thread prunes behind its first commit, before it ends.
            try next.sync()
            try next.close()
        }
        run("sh", "-c", "touch -d '10 years ago' \(spool.path)/*/*.segment")
        try nextWriter()
        #expect(try spool.directory.exists(first.stream.hex))
        #expect(try spool.verify().removals.isEmpty)
        clock.advance(91 * 86_400)
        try nextWriter()
        #expect(try !spool.directory.exists(first.stream.hex))
        let removal = try #require(try spool.verify().removals.first { $0.removal.stream == first.stream })
        #expect(removal.removal.sequence == end.lastSequence && removal.removal.isWhole)
        #expect(removal.removal.lastTime == Timestamp(seconds: 1_800_000_000, nanoseconds: 5))
        let stated = try spool.records().compactMap(\.checkpoint).flatMap(\.removals)
        #expect(stated.contains(removal.removal))
    }

    @Test("segments that are too old go when the next journal is written")
    func age() throws {
        let spool = try SpoolFixture()
        let first = try spool.journal()
        try first.append(.opened(1))
        try first.close()
        let clock = SystemClock()
        var limits = JournalLimits.small
        limits.retentionSeconds = -10
        let second = try spool.journal(limits: limits, clock: clock)
        try second.append(.opened(2))
        try second.sync()
        // The commit thread prunes after the commit that `sync` waited for; the next one comes behind it.
        while try spool.directory.exists(first.stream.hex) { try second.append(.opened(3)); try second.sync() }
        try second.close()
        #expect(spool.finding() == nil)
    }
}
