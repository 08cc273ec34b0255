import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@testable import ArgusCapsule

/// What parses bytes from storage is fed with mutants of the capsules under `Tests/Vectors/capsule`. What is sealed is
/// opened first, changed and sealed again, so that it is authentic: the parser behind the seal must hold as well.
@Suite("No bytes trap or hang whoever opens a capsule, sealed by somebody with the key or not")
struct FuzzTests {
    /// A parser took what it should have refused.
    private struct Accepted: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    private struct Sample {
        let name: String
        let image: SparseBytes
        let slot: Slot
        let identity: CapsuleIdentity
    }

    private let maker = VectorMaker()

    private func samples(_ names: [String]) throws -> [Sample] {
        var maker = maker
        let vectors = try maker.make()
        return try names.map { name in
            let vector = try #require(vectors.capsules.first { $0.name == name })
            let image = try #require(maker.images[name])
            let identity = CapsuleIdentity(folder: VectorMaker.folder, file: try #require(FileID(hex: vector.file)))
            let page = Array(image.bytes.prefix(4096))
            return Sample(
                name: name, image: image, slot: try Slot(page, number: 0, identity: identity, keys: maker.keys()),
                identity: identity)
        }
    }

    /// Opens, reads and checks; errors are welcome.
    private func use(_ image: SparseBytes, _ identity: CapsuleIdentity, changes: Bool = false) {
        let store = MemoryStore()
        store.plant(image, as: CapsuleBench.name)
        let keys = maker.keys()
        do {
            let object = try store.open(CapsuleBench.name, writable: changes)
            _ = try? Capsule.inspect(object)
            _ = try? Capsule.verify(object, identity: identity, keys: keys, expecting: .any) { _ in }
            let capsule = try Capsule.open(
                object, identity: identity, keys: keys, expecting: .any, writable: changes
            ).capsule
            let info = capsule.info
            _ = try? Capsule.verify(
                object, identity: identity, keys: keys, expecting: .clean(commit: info.commit, rootTag: info.rootTag)
            ) { _ in }
            var buffer = [UInt8](repeating: 0, count: 70_000)
            for offset in [0, capsule.size > 70_000 ? capsule.size - 70_000 : 1] as [UInt64] {
                _ = try? buffer.withUnsafeMutableBytes { try capsule.read(into: $0, at: offset) }
            }
            var page = try capsule.nextData(fromPage: 0)
            for _ in 0..<50 {
                guard let found = page else { break }
                page = try capsule.nextData(fromPage: found + 1)
            }
            guard changes else { return }
            try capsule.write(Array(repeating: 1, count: 9000), at: 3000)
            try capsule.commit()
            try capsule.finish()
        } catch {
            return
        }
    }

    @Test("a header")
    func header() async throws {
        let samples = try samples(["inline", "rewrapped", "extended", "empty"])
        let corpus = try Corpus(
            "capsule-header",
            valid: byName(samples) { Array($0.image.bytes.prefix($0.slot.header.byteCount)) })
        let (identity, keys) = (samples[0].identity, maker.keys())
        var accepted = 0
        let count = try await Fuzzer("capsule header", corpus: corpus, executions: 20_000).run { bytes in
            let page = bytes.prefix(4096) + [UInt8](repeating: 0, count: max(0, 4096 - bytes.count))
            if let header = page.withUnsafeBytes({ page in try? SlotHeader(page, slot: 0) }) {
                accepted += 1
                guard page.starts(with: header.bytes) else { throw Accepted("other bytes than would be written") }
            }
            _ = try? Slot(Array(page), number: 0, identity: identity, keys: keys)
        }
        #expect(accepted > samples.count && accepted < count)
    }

    @Test("a root")
    func root() async throws {
        let samples = try samples(["inline", "three-pages", "one-level", "free-list", "hole"])
        let size = 4096 - 16 - samples[0].slot.header.byteCount
        let corpus = try Corpus("capsule-root", valid: byName(samples) { $0.slot.root.bytes(count: size) })
        var accepted = 0
        let count = try await Fuzzer("capsule root", corpus: corpus, executions: 6_000).run { bytes in
            let plain = Array(bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - bytes.count))
            let root = plain.withUnsafeBytes { try? CapsuleRoot($0, slot: 0, keyGeneration: 1) }
            guard let root else { return }
            accepted += 1
            guard root.bytes(count: size) == plain else { throw Accepted("other bytes than would be written") }
            for sample in samples.prefix(3) {
                guard let sealed = try? Slot.seal(root, header: sample.slot.header, key: sample.slot.cipher.key) else {
                    continue
                }
                var image = sample.image
                sealed.page.withUnsafeBytes { image.write($0, at: 0) }
                use(image, sample.identity)
            }
        }
        #expect(accepted > samples.count && accepted < count)
    }

    /// The first byte of an input chooses the level.
    @Test("a map page")
    func mapPage() async throws {
        let samples = try samples(["one-level", "two-levels", "three-levels"])
        let places = try samples.map { try mapPlace(in: $0) }
        var valid: [String: [UInt8]] = [:]
        for (number, (sample, place)) in zip(samples, places).enumerated() {
            let plain = try open(sample, place.entry, .map, level: place.key.level, position: place.key.index)
            valid[sample.name] = [UInt8(number)] + plain
        }
        let corpus = try Corpus("map-page", valid: valid)
        try await Fuzzer("map page", corpus: corpus, executions: 2_000).run { bytes in
            let number = Int(bytes.first ?? 0) % samples.count
            let (sample, place) = (samples[number], places[number])
            var image = sample.image
            var slot = sample.slot
            let entry = try seal(
                Array(bytes.dropFirst()), in: &image, sample, place.entry, .map, level: place.key.level,
                position: place.key.index)
            let offset = Int(place.key.index) * 64
            entry.withBytes { slot.root.content.replaceSubrange(offset..<offset + 64, with: $0) }
            let sealed = try Slot.seal(slot.root, header: slot.header, key: slot.cipher.key)
            sealed.page.withUnsafeBytes { image.write($0, at: 0) }
            use(image, sample.identity, changes: true)
        }
    }

    /// The first map page below the root.
    private func mapPlace(in sample: Sample) throws -> (key: NodeKey, entry: MapEntry) {
        let entries = sample.slot.root.content.withUnsafeBytes { content in
            (0..<32).map { MapEntry(UnsafeRawBufferPointer(rebasing: content[$0 * 64..<$0 * 64 + 64])) }
        }
        let place = try #require(entries.firstIndex { !$0.isHole })
        return (NodeKey(level: sample.slot.root.height, index: UInt64(place)), entries[place])
    }

    @Test("a page of the free list")
    func freeList() async throws {
        let sample = try samples(["free-list"])[0]
        let entry = sample.slot.root.freeList
        try #require(!entry.isHole)
        let corpus = try Corpus(
            "free-list", valid: ["free-list": open(sample, entry, .free, level: 0, position: 0)])
        try await Fuzzer("free list", corpus: corpus, executions: 1_500).run { bytes in
            var image = sample.image
            var slot = sample.slot
            slot.root.freeList = try seal(bytes, in: &image, sample, entry, .free, level: 0, position: 0)
            let sealed = try Slot.seal(slot.root, header: slot.header, key: slot.cipher.key)
            sealed.page.withUnsafeBytes { image.write($0, at: 0) }
            use(image, sample.identity, changes: true)
        }
    }

    private func byName(_ samples: [Sample], _ bytes: (Sample) -> [UInt8]) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: samples.map { ($0.name, bytes($0)) })
    }

    private func open(_ sample: Sample, _ entry: MapEntry, _ kind: PageKind, level: Int, position: UInt64) throws
        -> [UInt8]
    {
        var page = [UInt8](repeating: 0, count: 4096)
        let isAuthentic = try page.withUnsafeMutableBytes { page in
            _ = sample.image.read(into: page, at: entry.page * 4096)
            return try sample.slot.cipher.withContext { context throws(CapsuleError) in
                try sample.slot.cipher.open(
                    page.baseAddress!, entry: entry, as: kind, level: level, position: position, with: context)
            }
        }
        try #require(isAuthentic)
        return page
    }

    /// Puts a page with that content in the place of another, and returns the entry for it.
    private func seal(
        _ bytes: [UInt8], in image: inout SparseBytes, _ sample: Sample, _ old: MapEntry, _ kind: PageKind, level: Int,
        position: UInt64
    ) throws -> MapEntry {
        var page = Array(bytes.prefix(4096)) + [UInt8](repeating: 0, count: max(0, 4096 - bytes.count))
        let nonce = [UInt8](repeating: 9, count: 12)
        let entry = try page.withUnsafeMutableBytes { page in
            try nonce.withUnsafeBytes { nonce in
                try sample.slot.cipher.withContext { context throws(CapsuleError) in
                    try sample.slot.cipher.seal(
                        page.baseAddress!, into: page.baseAddress!, nonce: nonce.baseAddress!, as: kind, level: level,
                        position: position, page: old.page, birth: old.birth, with: context)
                }
            }
        }
        page.withUnsafeBytes { image.write($0, at: old.page * 4096) }
        return entry
    }
}
