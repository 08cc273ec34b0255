import ArgusCapsule
import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@Suite("A capsule that goes to another folder")
struct MovingTests {
    private static let destination = FolderID(high: 9, low: 9)
    private static let sizes = [0, 1, 2_048, 2_049, 130 * 4096, 9 << 20]

    private let store = MemoryStore()
    private let source: CapsuleBench
    private let destination: CapsuleBench

    init() {
        source = CapsuleBench(store)
        var other = CapsuleBench(store)
        other.identity.folder = Self.destination
        other.keys = CapsuleBench.someKeys()
        destination = other
    }

    private func bytes(_ count: Int) -> [UInt8] {
        var dice = PowerCut.Dice(seed: UInt64(count))
        return dice.bytes(count)
    }

    private func image() throws -> [UInt8] {
        let object = try store.open(CapsuleBench.name, writable: false)
        var bytes = [UInt8](repeating: 0, count: Int(try object.size()))
        _ = try bytes.withUnsafeMutableBytes { try object.read(into: $0, at: 0) }
        return bytes
    }

    /// A capsule at rest; what its row says.
    private func make(_ content: [UInt8]) throws -> CommitInfo {
        let capsule = try source.create()
        try capsule.write(content, at: 0)
        try capsule.commit()
        _ = try capsule.finish()
        return try capsule.sync()
    }

    private func move(_ info: CommitInfo) throws -> CommitInfo {
        let capsule = try source.open(.exactly(info)).capsule
        capsule.move(to: Self.destination, keys: destination.keys)
        try capsule.commit()
        return try capsule.sync()
    }

    @Test("is that of both until it is brought to rest, and no page of it is written", arguments: sizes)
    func isBoths(size: Int) throws {
        let content = bytes(size)
        let info = try make(content)
        let before = try image()
        let moved = try move(info)
        let (old, new) = (
            try source.open(.exactly(info)).capsule, try destination.open(.exactly(moved), writable: false).capsule
        )
        #expect(try CapsuleBench.content(of: old) == content)
        #expect(try CapsuleBench.content(of: new) == content)
        #expect(!old.hasWholeSlots)
        #expect(try image().dropFirst(8192) == before.dropFirst(8192))

        let capsule = try destination.open(.atLeast(moved)).capsule
        _ = try capsule.finish()
        let rest = try capsule.sync()
        #expect(try destination.verify(.exactly(rest)).isEmpty)
        #expect(try CapsuleBench.content(of: destination.open(.exactly(rest)).capsule) == content)
        for slot in [OpenExpectation.any, .exactly(info)] {
            #expect(throws: CapsuleError.self) { try source.open(slot, writable: false) }
        }
    }

    @Test("is the first folder's alone again where the move is given up", arguments: sizes)
    func givenBack(size: Int) throws {
        let content = bytes(size)
        let info = try make(content)
        _ = try move(info)
        let capsule = try source.open(.atLeast(info)).capsule
        #expect(try CapsuleBench.content(of: capsule) == content)
        _ = try capsule.finish()
        let rest = try capsule.sync()
        #expect(try source.verify(.exactly(rest)).isEmpty)
        #expect(throws: CapsuleError.self) { try destination.open(.any, writable: false) }
    }

    @Test("takes changes there, in pages of the folder it came from, and can go back", arguments: sizes)
    func changes(size: Int) throws {
        var model = FileModel(bytes: bytes(size))
        let moved = try move(try make(model.bytes))
        var capsule = try destination.open(.atLeast(moved)).capsule
        for offset in [0, size / 2, size + 5_000] {
            try capsule.write([1, 2, 3, 4], at: offset)
            model.write([1, 2, 3, 4], at: offset)
            try capsule.commit()
        }
        _ = try capsule.finish()
        let rest = try capsule.sync()
        #expect(try destination.verify(.exactly(rest)).isEmpty)

        capsule = try destination.open(.exactly(rest)).capsule
        #expect(try CapsuleBench.content(of: capsule) == model.bytes)
        capsule.move(to: source.identity.folder, keys: source.keys)
        try capsule.commit()
        let back = try capsule.sync()
        capsule = try source.open(.atLeast(back)).capsule
        _ = try capsule.finish()
        let end = try capsule.sync()
        #expect(try source.verify(.exactly(end)).isEmpty)
        #expect(try CapsuleBench.content(of: capsule) == model.bytes)
    }

    @Test("whoever moves it brings it to rest as well", arguments: sizes)
    func atOnce(size: Int) throws {
        let content = bytes(size)
        let capsule = try source.open(.exactly(try make(content))).capsule
        capsule.move(to: Self.destination, keys: destination.keys)
        try capsule.commit()
        _ = try capsule.finish()
        let rest = try capsule.sync()
        #expect(try destination.verify(.exactly(rest)).isEmpty)
        #expect(throws: CapsuleError.self) { try source.open(.any, writable: false) }
    }

    @Test("a folder that it did not come from cannot be named in its place")
    func origin() throws {
        let moved = try move(try make(bytes(50_000)))
        let capsule = try destination.open(.atLeast(moved)).capsule
        _ = try capsule.finish()
        let rest = try capsule.sync()
        let good = try image()
        // Every bit that says where it belongs and comes from lies under the root's tag.
        for place in stride(from: 0, to: 8_192, by: 61) {
            var bad = good
            bad[place] ^= 0x10
            let object = try store.open(CapsuleBench.name, writable: true)
            try bad.withUnsafeBytes { try object.write($0, at: 0) }
            let findings = (try? destination.verify(.exactly(rest)).count) ?? 1
            #expect(findings > 0, "byte \(place)")
        }
    }
}
