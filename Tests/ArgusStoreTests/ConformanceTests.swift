import ArgusStore
import ArgusSystem
import ArgusTestKit
import Testing

@Suite("Every store keeps the promises of BackingStore")
struct ConformanceTests {
    @Test("a directory, reached by openat2", arguments: BackingStoreConformance.checks)
    func directory(_ check: BackingStoreConformance.Check) throws {
        let scratch = ScratchDirectory()
        try check.run(try scratch.store(method: .resolve))
    }

    @Test("a directory, reached in steps", arguments: BackingStoreConformance.checks)
    func directoryInSteps(_ check: BackingStoreConformance.Check) throws {
        let scratch = ScratchDirectory()
        try check.run(try scratch.store(method: .steps))
    }

    @Test("memory", arguments: BackingStoreConformance.checks)
    func memory(_ check: BackingStoreConformance.Check) throws {
        try check.run(MemoryStore())
    }

    @Test("a disk that does not fail", arguments: BackingStoreConformance.checks)
    func fault(_ check: BackingStoreConformance.Check) throws {
        try check.run(FaultStore())
    }
}
