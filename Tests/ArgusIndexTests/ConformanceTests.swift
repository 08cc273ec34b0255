import ArgusIndex
import ArgusTestKit
import Testing

@Suite("Every index keeps the promises of MappingIndex")
struct ConformanceTests {
    @Test("memory", arguments: MappingIndexConformance.checks)
    func memory(_ check: MappingIndexConformance.Check) throws {
        try check.run(MemoryIndexHome())
    }

    @Test("SQLite in a capsule", arguments: MappingIndexConformance.checks)
    func sqlite(_ check: MappingIndexConformance.Check) throws {
        try check.run(CapsuleIndexHome())
    }
}
