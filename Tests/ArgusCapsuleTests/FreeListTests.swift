import ArgusCore
import ArgusTestKit
import Testing

@testable import ArgusCapsule

@Suite("The list of free pages")
struct FreeListTests {
    /// A page of the list holds 251 extents, the root 8; taking pages for the list uses some of them up.
    @Test("names every free page, however many extents there are", arguments: [0...20, 240...262, 492...512])
    func complete(counts: ClosedRange<Int>) throws {
        for count in counts {
            let bench = CapsuleBench(MemoryStore())
            let capsule = try bench.create()
            let page = [UInt8](repeating: 7, count: 4096)
            for number in 0...2 * count { try capsule.write(page, at: number * 4096) }
            try capsule.commit()
            try capsule.sync()
            for number in 0..<count { try capsule.punch(pages: UInt64(2 * number + 1)..<UInt64(2 * number + 2)) }
            try capsule.commit()
            try capsule.sync()
            let info = try capsule.finish()
            #expect(try bench.verify(.exactly(info)) == [], "\(count)")
        }
    }
}
