import ArgusCore
import ArgusSystem
import Testing

@testable import ArgusJournal

@Suite("Counted denials of a writer that was killed cannot be taken away or changed unnoticed")
struct CounterTests {
    static let attacks: [(name: String, script: String, reason: JournalFinding.Reason)] = [
        ("the file removed", "rm counters", .countersMissing),
        ("emptied", "truncate -s 0 counters", .countersUnauthentic),
        ("cut to the size of older versions", "truncate -s 4096 counters", .countersUnauthentic),
        ("zeroed", "truncate -s 0 counters; truncate -s 8192 counters", .countersUnauthentic),
        ("longer", "printf x >> counters", .countersUnauthentic),
        (
            "one slot zeroed", "dd if=/dev/zero of=counters bs=64 count=1 conv=notrunc status=none",
            .countersUnauthentic
        ),
        (
            "two slots swapped",
            "dd if=counters of=c bs=64 count=1 skip=1 status=none; dd if=c of=counters bs=64 conv=notrunc status=none",
            .countersUnauthentic
        ),
        ("a directory in its place", "rm counters; mkdir counters", .countersUnauthentic),
    ]

    private func killed() throws -> (spool: SpoolFixture, stream: StreamID) {
        let spool = try SpoolFixture()
        let journal = try spool.journal(clock: StillClock())
        for _ in 1...500 { try journal.append(.denied(1)) }
        for _ in 1...7 { try journal.append(.denied(2)) }
        try journal.sync()
        journal.abandon()
        return (spool, journal.stream)
    }

    @Test("untouched, they are told in full by the next writer, and verify has nothing to say")
    func untouched() throws {
        let (spool, _) = try killed()
        #expect(spool.finding() == nil)
        try spool.journal().close()
        let records = try spool.records()
        #expect(records.filter { $0.activity == .denied }.map { $0.repeats?.count ?? 1 }.sorted() == [1, 1, 6, 499])
        #expect(!records.contains { $0.activity == .integrity })
    }

    @Test("what is done to the file is a finding, and a record of the next writer", arguments: attacks.indices)
    func attacked(_ index: Int) throws {
        let attack = Self.attacks[index]
        let (spool, stream) = try killed()
        #expect(run("sh", "-c", "cd \(spool.path)/\(stream.hex) && \(attack.script); rm -f c") == 0)
        let finding = try #require(spool.finding())
        #expect(finding.reason == attack.reason && finding.stream == stream)
        try spool.journal().close()
        let told = try spool.records().filter { $0.activity == .integrity }
        #expect(told.count == 1 && told.first?.reason.contains("counts of repeated denials") == true)
    }

    @Test("any changed bit of them is seen")
    func bits() throws {
        let (spool, stream) = try killed()
        let path = spool.path + "/" + stream.hex + "/counters"
        let bytes = try readFile(path)
        for position in stride(from: 0, to: bytes.count, by: 37) {
            var changed = bytes
            changed[position] ^= 1 << UInt8(position % 8)
            try writeFile(path, changed)
            #expect(spool.finding()?.reason == .countersUnauthentic, "byte \(position)")
        }
    }
}
