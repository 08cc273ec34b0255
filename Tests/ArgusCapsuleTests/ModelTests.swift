import ArgusCapsule
import ArgusCore
import ArgusTestKit
import Testing

@Suite("A capsule does what a flat array of bytes does")
struct ModelTests {
    /// Sizes around every border of the format: root, page, root's entries, one map page, two levels.
    private static let marks = [
        0, 1, 100, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 131_072, 131_073, 262_144, 300_000, 8_388_608, 8_388_609,
        9_000_000,
    ]

    @Test("through random writes, cuts, holes, commits, syncs and reopenings", arguments: 0..<24 as Range<UInt64>)
    func randomOperations(seed: UInt64) throws {
        var dice = PowerCut.Dice(seed: seed)
        let bench = CapsuleBench(MemoryStore())
        var capsule = try bench.create()
        var model = FileModel()
        // Small files and large ones take different paths: each seed keeps to a range.
        let sizeMax = [5_000, 40_000, 400_000, 9_500_000][Int(seed % 4)]
        var last = try capsule.commit()
        for step in 0..<150 {
            switch dice.below(20) {
            case 0..<9:
                let offset = min(dice.below(2) == 0 ? dice.below(model.bytes.count + 1) : dice.below(sizeMax), sizeMax)
                let bytes = dice.bytes(1 + dice.below([50, 5_000, 60_000][dice.below(3)]))
                try capsule.write(bytes, at: offset)
                model.write(bytes, at: offset)
            case 9..<12:
                let size =
                    dice.below(2) == 0 ? dice.below(sizeMax) : min(Self.marks[dice.below(Self.marks.count)], sizeMax)
                try capsule.setSize(UInt64(size))
                model.setSize(size)
            case 12..<14:
                let pageCount = model.bytes.count / 4096 + 1
                let first = dice.below(pageCount)
                let range = first..<first + 1 + dice.below(pageCount)
                try capsule.punch(pages: UInt64(range.lowerBound)..<UInt64(range.upperBound))
                model.punch(range)
            case 14..<17:
                last = try capsule.commit()
                #expect(last.size == UInt64(model.bytes.count))
            case 17:
                try capsule.commit()
                last = try capsule.sync()
                #expect(capsule.durableCommit == last.commit)
            case 18:
                last = try capsule.commit()
                capsule = try bench.open(.atLeast(last)).capsule
            default:
                try capsule.commit()
                last = try capsule.finish()
                let findings = try bench.verify(.exactly(last))
                try #require(findings.isEmpty, "step \(step): \(findings)")
                capsule = try bench.open(.exactly(last)).capsule
            }
            if step % 10 == 0 || dice.below(8) == 0 {
                let content = try CapsuleBench.content(of: capsule, step: [1000, 4096, 70_000, 1 << 20][dice.below(4)])
                try #require(content == model.bytes, "step \(step)")
            }
        }
        try capsule.commit()
        last = try capsule.finish()
        #expect(try bench.verify(.exactly(last)).isEmpty)
        capsule = try bench.open(.exactly(last), writable: false).capsule
        #expect(try CapsuleBench.content(of: capsule) == model.bytes)
        #expect(capsule.info == last)
    }
}
