import ArgusCore
import ArgusJournal
import ArgusSystem
import Glibc
import Testing

/// Prints the figures of docs/design/journal.md; it judges nothing. Run it alone, in release:
/// `ARGUS_MEASURE=1 swift test -c release --filter RecordMeasurement`.
@Suite("The cost of a record", .serialized, .enabled(if: getenv("ARGUS_MEASURE") != nil))
struct RecordMeasurement {
    @Test("CPU time of a record, of the thread that appends it")
    func appending() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: JournalLimits())
        var open = AuditEvent(
            activity: .open, status: .success, actor: .alice, fileID: FileID(high: 9, low: 9),
            place: AuditPlace(directory: Array("/Projects/argus/Sources".utf8), name: Array("Journal.swift".utf8)),
            reason: "member:00000000000000010000000000000002")
        open.access = .read
        var close = open
        close.activity = .close
        close.byteCount = 12_345
        close.writtenByteCount = 0
        let count = 200_000
        for _ in 0..<1000 { try journal.append(open) }
        let (before, beforeAll) = (Self.seconds(CLOCK_THREAD_CPUTIME_ID), Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
        for _ in 0..<count / 2 {
            try journal.append(open)
            try journal.append(close)
        }
        let own = Self.seconds(CLOCK_THREAD_CPUTIME_ID) - before
        try journal.sync()
        let all = Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - beforeAll
        try journal.close()
        print(
            "a record: \(Int(own / Double(count) * 1e9)) ns; with commits and segments \(Int(all / Double(count) * 1e9)) ns"
        )
    }

    @Test("strict appends a second, by the number of threads that append", arguments: [1, 8])
    func strict(threads: Int) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(mode: .strict, limits: JournalLimits())
        let each = 500
        let before = Self.seconds(CLOCK_MONOTONIC)
        let running = (0..<threads).map { _ in
            Thread.start(name: "appender") { for number in 0..<each { try? journal.append(.opened(number)) } }
        }
        running.forEach { $0.join() }
        print(
            "strict, \(threads) threads: \(Int(Double(threads * each) / (Self.seconds(CLOCK_MONOTONIC) - before))) a second"
        )
        try journal.close()
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
