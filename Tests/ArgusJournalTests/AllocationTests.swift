import ArgusCore
import ArgusCrypto
import ArgusJournal
import ArgusSystem
import CArgusAllocations
import Testing

@Suite("What a record costs")
struct AllocationTests {
    private static let names = ["open", "close", "rename", "copy", "set-attributes", "list", "unlink", "truncate"]

    private static func event(_ activity: AuditActivity) -> AuditEvent {
        var event = AuditEvent(
            activity: activity, status: .success, actor: .alice, fileID: FileID(high: 9, low: 9),
            place: AuditPlace(directory: Array("/a directory/of several/levels".utf8), name: Array("file.odt".utf8)),
            reason: "member:00000000000000010000000000000002", byteCount: 4711)
        if activity == .rename || activity == .copy {
            event.secondPlace = AuditPlace(directory: Array("/another directory".utf8), name: Array("x.odt".utf8))
        }
        event.access = .read
        event.writtenByteCount = 4000
        return event
    }

    @Test(
        "a record is appended without an allocation",
        arguments: AuditActivity.allCases.filter { names.contains($0.name) })
    func append(_ activity: AuditActivity) throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: JournalLimits())
        let event = Self.event(activity)
        // The thread's contexts of libcrypto are made at their first use.
        for _ in 0..<100 { try journal.append(event) }
        let before = argus_allocations_of_thread()
        for _ in 0..<1000 { try journal.append(event) }
        #expect(argus_allocations_of_thread() - before == 0)
        try journal.close()
        #expect(try spool.records().count { $0.activity == activity } == 1100)
    }

    @Test("a denial that is counted allocates nothing")
    func denial() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: JournalLimits())
        for _ in 0..<10 { try journal.append(.denied()) }
        let event = AuditEvent.denied()
        let before = argus_allocations_of_thread()
        for _ in 0..<1000 { try journal.append(event) }
        #expect(argus_allocations_of_thread() - before == 0)
        try journal.close()
    }

    @Test("allocations are counted")
    func counter() {
        let before = argus_allocations_of_thread()
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: before), count: 100_000)
        #expect(bytes.count == 100_000)
        #expect(argus_allocations_of_thread() > before)
    }
}
