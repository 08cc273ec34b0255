import ArgusCapsule
import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@Suite("Nothing that was altered reaches a reader, and a check finds any change at rest")
struct TamperTests {
    /// Capsules at rest, from the smallest on.
    enum Shape: String, CaseIterable {
        case empty, inRoot, onePage, threePages, rewritten, synced, sparse, twoLevels, manyHoles

        func make() throws -> (store: MemoryStore, info: CommitInfo, content: [UInt8]) {
            let store = MemoryStore()
            let capsule = try CapsuleBench(store).create()
            var dice = PowerCut.Dice(seed: 5)
            switch self {
            case .empty: break
            case .inRoot: try capsule.write(dice.bytes(1_000), at: 0)
            case .onePage: try capsule.write(dice.bytes(4_096), at: 0)
            case .threePages: try capsule.write(dice.bytes(10_000), at: 0)
            case .rewritten:
                // The root before is the durable one: its page is kept beside the new one.
                try capsule.write(dice.bytes(9_000), at: 0)
                try capsule.commit()
                try capsule.sync()
                try capsule.write(dice.bytes(4_096), at: 0)
            case .synced:
                try capsule.write(dice.bytes(9_000), at: 0)
                try capsule.commit()
                try capsule.sync()
                try capsule.write(dice.bytes(4_096), at: 4_096)
                try capsule.commit()
                try capsule.sync()
            case .sparse: try capsule.write(dice.bytes(20_000), at: 3_000_000)
            case .twoLevels: try capsule.write(dice.bytes(5_000), at: 12_000_000)
            case .manyHoles:
                // More free extents than a root lists.
                try capsule.write(dice.bytes(40 * 4_096), at: 0)
                try capsule.commit()
                for page in 0..<20 as Range<UInt64> { try capsule.punch(pages: page * 2..<page * 2 + 1) }
            }
            try capsule.commit()
            let info = try capsule.finish()
            return (store, info, try CapsuleBench.content(of: capsule))
        }
    }

    @Test("an untouched capsule opens, reads and verifies", arguments: Shape.allCases)
    func untouched(shape: Shape) throws {
        let (store, info, content) = try shape.make()
        let bench = CapsuleBench(store)
        #expect(try bench.verify(.exactly(info)).isEmpty)
        #expect(try CapsuleBench.content(of: bench.open(.exactly(info)).capsule) == content)
        let size = try #require(store.content(of: CapsuleBench.name)).size
        #expect(size % 4096 == 0)
    }

    @Test("a flipped bit in any byte", arguments: Shape.allCases)
    func flippedBits(shape: Shape) throws {
        let (store, info, content) = try shape.make()
        let image = try #require(store.content(of: CapsuleBench.name))
        var dice = PowerCut.Dice(seed: 11)
        // Every byte of a small capsule and of all headers; a sample of the rest.
        for offset in 0..<Int(image.size) {
            let isHeader = offset % 4096 < 200 && offset < 8192
            if shape != .onePage, !isHeader, dice.below(61) != 0 { continue }
            var altered = image
            Self.flip(&altered, at: offset, bit: UInt8(dice.below(8)))
            try Self.expectFound(altered, info, content, among: [.exactly(info)], "byte \(offset)")
        }
    }

    @Test("a page that is zeroed, swapped, doubled or exchanged for random bytes", arguments: Shape.allCases)
    func pages(shape: Shape) throws {
        let (store, info, content) = try shape.make()
        let image = try #require(store.content(of: CapsuleBench.name))
        var dice = PowerCut.Dice(seed: 12)
        let pageCount = Int(image.size / 4096)
        for page in 0..<pageCount {
            for other in 0..<min(pageCount, 12) where other != page {
                var copied = image
                Self.page(image, other).withUnsafeBytes { copied.write($0, at: UInt64(page * 4096)) }
                if copied != image { try Self.expectFound(copied, info, content, "\(other) over \(page)") }
            }
            var zeroed = image
            zeroed.zero(UInt64(page * 4096)..<UInt64(page * 4096 + 4096))
            if zeroed != image { try Self.expectFound(zeroed, info, content, "\(page) zeroed") }
            var random = image
            dice.bytes(4096).withUnsafeBytes { random.write($0, at: UInt64(page * 4096)) }
            try Self.expectFound(random, info, content, "\(page) random")
        }
    }

    @Test("a cut at any length, and bytes behind the end", arguments: Shape.allCases)
    func lengths(shape: Shape) throws {
        let (store, info, content) = try shape.make()
        let image = try #require(store.content(of: CapsuleBench.name))
        for size in stride(from: 0, to: Int(image.size), by: image.size > 100_000 ? 4_000 : 500) {
            var cut = image
            cut.truncate(to: UInt64(size))
            try Self.expectFound(cut, info, content, "cut to \(size)")
        }
        for more in [1, 4096, 10_000] as [UInt64] {
            var longer = image
            longer.truncate(to: image.size + more)
            try Self.expectFound(longer, info, content, "\(more) more")
        }
    }

    @Test("an older version of the whole capsule, or of any page of it")
    func rollback() throws {
        let store = MemoryStore()
        let bench = CapsuleBench(store)
        let capsule = try bench.create()
        var dice = PowerCut.Dice(seed: 13)
        var images: [(info: CommitInfo, image: SparseBytes)] = []
        var content: [UInt8] = []
        for _ in 0..<5 {
            try capsule.write(dice.bytes(30_000), at: 0)
            try capsule.commit()
            try capsule.sync()
            let info = try capsule.finish()
            images.append((info, try #require(store.content(of: CapsuleBench.name))))
            content = try CapsuleBench.content(of: capsule)
        }
        let (info, image) = try #require(images.last)
        for (oldInfo, old) in images.dropLast() {
            let planted = CapsuleBench(Self.store(old))
            #expect(throws: CapsuleError.unauthentic(.rolledBack(found: oldInfo.commit, expected: info.commit))) {
                try planted.open(.exactly(info))
            }
            #expect(throws: CapsuleError.unauthentic(.rolledBack(found: oldInfo.commit, expected: info.commit))) {
                try planted.open(.atLeast(info))
            }
            for page in 0..<Int(image.size / 4096) {
                var mixed = image
                Self.page(old, page).withUnsafeBytes { mixed.write($0, at: UInt64(page * 4096)) }
                if mixed != image { try Self.expectFound(mixed, info, content, "page \(page) of \(oldInfo.commit)") }
            }
        }
        // Newer than the index says: not served either.
        let newer = CapsuleBench(Self.store(image))
        #expect(throws: CapsuleError.unauthentic(.unexpectedRoot(found: info.commit, expected: images[0].info.commit)))
        {
            try newer.open(.exactly(images[0].info))
        }
    }

    @Test("pages of another capsule of the same folder, and the capsule under another name")
    func otherCapsule() throws {
        let (store, info, content) = try Shape.threePages.make()
        let image = try #require(store.content(of: CapsuleBench.name))
        let foreign = MemoryStore()
        var other = CapsuleBench(foreign)
        other.identity.file = FileID(high: 9, low: 9)
        let capsule = try other.create()
        try capsule.write(content.reversed(), at: 0)
        try capsule.commit()
        try capsule.finish()
        let otherImage = try #require(foreign.content(of: CapsuleBench.name))
        for page in 0..<Int(image.size / 4096) where page != 1 {
            var mixed = image
            Self.page(otherImage, page).withUnsafeBytes { mixed.write($0, at: UInt64(page * 4096)) }
            try Self.expectFound(mixed, info, content, "page \(page)")
        }
        let moved = CapsuleBench(Self.store(otherImage))
        #expect(throws: CapsuleError.unauthentic(.wrongIdentity(slot: 0))) { try moved.open() }
    }

    @Test("a capsule opens for nobody without its folder's key")
    func keys() throws {
        let (store, info, content) = try Shape.threePages.make()
        var bench = CapsuleBench(store)
        bench.keys = CapsuleBench.someKeys()
        #expect(throws: CapsuleError.unauthentic(.header(slot: 0))) { try bench.open(.exactly(info)) }
        bench.keys = CapsuleBench.someKeys(generation: 2)
        #expect(throws: CapsuleError.noKey(generation: 1)) { try bench.open(.exactly(info)) }
        bench.keys = CapsuleBench.keys
        #expect(try CapsuleBench.content(of: bench.open(.exactly(info)).capsule) == content)
    }

    @Test("random damage is found, or changes nothing; nothing traps", arguments: 0..<40 as Range<UInt64>)
    func fuzz(seed: UInt64) throws {
        let shape = Shape.allCases[Int(seed) % Shape.allCases.count]
        let (store, info, content) = try shape.make()
        let image = try #require(store.content(of: CapsuleBench.name))
        var dice = PowerCut.Dice(seed: seed)
        for round in 0..<60 {
            var altered = image
            for _ in 0...dice.below(4) {
                let offset = dice.below(Int(image.size))
                switch dice.below(4) {
                case 0: Self.flip(&altered, at: offset, bit: UInt8(dice.below(8)))
                case 1: dice.bytes(1 + dice.below(300)).withUnsafeBytes { altered.write($0, at: UInt64(offset)) }
                case 2: altered.truncate(to: UInt64(offset))
                default:
                    // The header's fields: lengths and counts.
                    let value = [UInt8](repeating: UInt8(dice.below(2) * 255), count: 1 + dice.below(4))
                    value.withUnsafeBytes { altered.write($0, at: UInt64(dice.below(2) * 4096 + dice.below(200))) }
                }
            }
            if altered != image { try Self.expectFound(altered, info, content, "round \(round)") }
            _ = try? Capsule.inspect(try Self.store(altered).open(CapsuleBench.name, writable: false))
        }
    }

    // MARK: How

    /// The check finds the change; whoever reads gets the right content or an error.
    private static func expectFound(
        _ altered: SparseBytes, _ info: CommitInfo, _ content: [UInt8], among expectations: [OpenExpectation]? = nil,
        _ what: @autoclosure () -> String
    ) throws {
        for expecting in expectations ?? [.exactly(info), .atLeast(info), .any] {
            let bench = CapsuleBench(store(altered))
            do {
                let capsule = try bench.open(expecting).capsule
                if case .any = expecting, capsule.info != info { continue }
                #expect(capsule.info == info, "\(what())")
                let found = try CapsuleBench.content(of: capsule)
                if found != content { Issue.record("other content was read: \(what())") }
            } catch CapsuleError.unauthentic {
            } catch CapsuleError.newerFormat, CapsuleError.noKey {
            }
        }
        do {
            let findings = try CapsuleBench(store(altered)).verify(.exactly(info))
            if findings.isEmpty { Issue.record("the check found nothing: \(what())") }
        } catch CapsuleError.newerFormat, CapsuleError.noKey {
        }
    }

    private static func store(_ image: SparseBytes) -> MemoryStore {
        let store = MemoryStore()
        store.plant(image, as: CapsuleBench.name)
        return store
    }

    private static func flip(_ image: inout SparseBytes, at offset: Int, bit: UInt8) {
        var byte: UInt8 = 0
        withUnsafeMutableBytes(of: &byte) { _ = image.read(into: $0, at: UInt64(offset)) }
        byte ^= 1 << bit
        withUnsafeBytes(of: byte) { image.write($0, at: UInt64(offset)) }
    }

    private static func page(_ image: SparseBytes, _ page: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        bytes.withUnsafeMutableBytes { _ = image.read(into: $0, at: UInt64(page * 4096)) }
        return bytes
    }
}
