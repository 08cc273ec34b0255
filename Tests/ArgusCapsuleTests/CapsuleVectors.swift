import ArgusCore
import ArgusCrypto
import ArgusStore
import ArgusSystem
import ArgusTestKit
import FoundationEssentials

@testable import ArgusCapsule

/// The file `Tests/Vectors/capsule/vectors.json`.
struct CapsuleVectors: Codable, Equatable {
    /// Keys and what is derived from them; `random` labels the stream that file key and wrap nonce are drawn from.
    struct Derivations: Codable, Equatable {
        var random: String
        var file: String
        var fileKey: String
        var wrapNonce: String
        var objectName: String
        var inode: UInt64
        var fileOfInode: String
        var sealingKey: String
        var commitment: String
        var wrappingKey: String
        var stanza: String
    }

    struct Label: Codable, Equatable {
        var name: String
        var parent: String?
        var uid: UInt32
        var gid: UInt32
        var mode: UInt32

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode(parent, forKey: .parent)
            try container.encode(uid, forKey: .uid)
            try container.encode(gid, forKey: .gid)
            try container.encode(mode, forKey: .mode)
        }
    }

    /// One thing done to a capsule. Content that is written is the stream of `<name> content <number of the step>`.
    struct Step: Codable, Equatable {
        enum Kind: String, Codable { case write, setSize, punch, commit, sync, finish, rewrap, move }

        var step: Kind
        var at: UInt64?
        var count: UInt64?

        static func write(_ count: UInt64, at offset: UInt64 = 0) -> Step {
            Step(step: .write, at: offset, count: count)
        }
        static func setSize(_ size: UInt64) -> Step { Step(step: .setSize, count: size) }
        static func punch(_ page: UInt64) -> Step { Step(step: .punch, at: page, count: 1) }
        static let commit = Step(step: .commit)
        static let sync = Step(step: .sync)
        static let finish = Step(step: .finish)
        static let rewrap = Step(step: .rewrap)
        static let move = Step(step: .move)
    }

    /// A capsule at rest, in the file `<name>.capsule`.
    struct Sealed: Codable, Equatable {
        var name: String
        var file: String
        var objectName: String
        var folderKey: KeyGeneration
        var steps: [Step]
        var commit: CommitNumber
        var tag: String
        /// The commit of the last `sync` among the steps.
        var durable: CommitNumber?
        var durableTag: String?
        var size: UInt64
        /// SHA-256 over the pages of the content that are not zero: offset, 8 bytes, and the page, cut at the size.
        var sha256: String
        var label: Label?
    }

    struct Edit: Codable, Equatable {
        var flip: Int?
        var at: Int?
        var bytes: String?
        var zeroPage: Int?
        var size: Int?
        var copyPage: Int?
        var of: String?
        var to: Int?

        static func flip(_ offset: Int) -> Edit { Edit(flip: offset) }
        static func put(_ bytes: [UInt8], at offset: Int) -> Edit { Edit(at: offset, bytes: Hex.encode(bytes)) }
        static func zero(page: Int) -> Edit { Edit(zeroPage: page) }
        static func size(_ size: Int) -> Edit { Edit(size: size) }
        static func copy(page: Int, of other: String? = nil, to target: Int) -> Edit {
            Edit(copyPage: page, of: other, to: target)
        }
    }

    struct Recovery: Codable, Equatable {
        var atLeast: CommitNumber
        var tag: String
        /// `commit N`, or the error.
        var taken: String
    }

    /// What becomes of a capsule when its bytes are not what was written: `read` is expected of whoever reads the
    /// whole content of exactly the commit that is known, `check` of a check at rest.
    struct Damaged: Codable, Equatable {
        var name: String
        var base: String
        var edits: [Edit]
        /// Of the folder's keys only so many, the oldest, are at hand.
        var keysHeld: Int?
        var read: String
        var check: String
        var recovery: Recovery?
    }

    var about: String
    var folder: String
    var folderKeys: [String]
    var namingKey: String
    var derivations: Derivations
    var capsules: [Sealed]
    var damaged: [Damaged]

    static let directory =
        #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Vectors/capsule"
}

/// Makes the vectors: always the same bytes, as long as format and order of drawing stay.
struct VectorMaker {
    static let folder = FolderID(high: 0x0f0e_0d0c_0b0a_0908, low: 0x0706_0504_0302_0100)
    /// Where `moved` was made, under the same keys.
    static let origin = FolderID(high: 0x1f1e_1d1c_1b1a_1918, low: 0x1716_1514_1312_1110)
    static let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789)
    static let times = CapsuleTimes(
        accessed: time, modified: Timestamp(seconds: -1, nanoseconds: 1), changed: time, created: .epoch)
    static let label = CapsuleLabel(
        name: Array("Grüße.txt".utf8), parent: FileID(high: 7, low: 8), uid: 1000, gid: 100, mode: 0o100640)

    let folderKeys = [1, 2].map { StreamRandom.bytes("argus vectors folder key \($0)", count: 32) }
    let namingKey = StreamRandom.bytes("argus vectors naming key", count: 32)
    private(set) var images: [String: SparseBytes] = [:]

    func keys(held count: Int = 2) -> FolderKeys {
        FolderKeys(
            generations: folderKeys.prefix(count).enumerated().map {
                (generation: KeyGeneration($0.offset + 1), key: secret($0.element))
            }, namingKey: secret(namingKey))
    }

    mutating func make() throws -> CapsuleVectors {
        var vectors = CapsuleVectors(
            about: "See README.md. All binary values in hexadecimal.", folder: Self.folder.hex,
            folderKeys: folderKeys.map { Hex.encode($0) }, namingKey: Hex.encode(namingKey),
            derivations: try derivations(), capsules: [], damaged: [])
        for (name, steps) in Self.plans { vectors.capsules.append(try seal(name, steps)) }
        vectors.capsules.append(try extend("inline", as: "extended", type: 0x7ffe))
        images["critical"] = try extended("inline", type: 0x8001).image
        let sealed = Dictionary(uniqueKeysWithValues: vectors.capsules.map { ($0.name, $0) })
        for plan in damagePlans(sealed) { vectors.damaged += try damage(plan, sealed).map { [$0] } ?? [] }
        return vectors
    }

    // MARK: Capsules

    private static let plans: [(String, [CapsuleVectors.Step])] = [
        ("empty", [.commit, .finish]),
        ("one-byte", [.write(1), .commit, .finish]),
        ("inline", [.write(1_000), .commit, .finish]),
        ("inline-full", [.write(2_048), .commit, .finish]),
        ("past-inline", [.write(2_049), .commit, .finish]),
        ("page-less-one", [.write(4_095), .commit, .finish]),
        ("page", [.write(4_096), .commit, .finish]),
        ("page-and-one", [.write(4_097), .commit, .finish]),
        ("three-pages", [.write(10_000), .commit, .finish]),
        ("kept", [.write(9_000), .commit, .sync, .write(4_096), .commit, .finish]),
        ("older", [.write(9_000), .commit, .sync, .finish]),
        (
            "replaced",
            [.write(9_000), .commit, .sync, .write(4_096, at: 4_096), .commit, .sync, .finish]
        ),
        ("hole", [.setSize(100_000), .commit, .finish]),
        ("one-level", [.write(10_000, at: 3_000_000), .commit, .finish]),
        ("two-levels", [.write(5_000, at: 12_000_000), .write(10, at: 300_000_000), .commit, .finish]),
        ("three-levels", [.write(5_000, at: 600_000_000), .write(4_096), .commit, .finish]),
        (
            "free-list",
            [.write(20 * 4_096), .commit] + (0..<10).map { .punch(2 * $0) } + [.commit, .finish]
        ),
        ("rewrapped", [.write(5_000), .commit, .sync, .rewrap, .commit, .finish]),
        ("moved", [.write(300_000), .commit, .sync, .move, .commit, .write(5_000), .commit, .finish]),
        ("shrunk", [.write(30_000), .commit, .setSize(5_000), .setSize(20_000), .commit, .finish]),
    ]

    /// `older` is `replaced` before its second commit: the same file.
    private static func file(_ name: String) -> FileID {
        FileID(bytes: StreamRandom.bytes("argus vectors file \(source(name))", count: 16)) ?? FileID(high: 0, low: 0)
    }

    private static func source(_ name: String) -> String { name == "older" ? "replaced" : name }

    private mutating func seal(_ name: String, _ steps: [CapsuleVectors.Step]) throws -> CapsuleVectors.Sealed {
        let store = MemoryStore()
        let isMoved = steps.contains(.move)
        let identity = CapsuleIdentity(folder: isMoved ? Self.origin : Self.folder, file: Self.file(name))
        let capsule = try Capsule.create(
            in: try store.create(CapsuleBench.name), identity: identity, keys: keys(held: 1), now: Self.time,
            random: StreamRandom("argus vectors \(Self.source(name))"))
        var durable: CommitInfo?
        for (number, step) in steps.enumerated() {
            let (at, count) = (step.at ?? 0, step.count ?? 0)
            switch step.step {
            case .write:
                let label = "argus vectors \(Self.source(name)) content \(number)"
                try capsule.write(StreamRandom.bytes(label, count: Int(count)), at: Int(at))
            case .setSize: try capsule.setSize(count)
            case .punch: try capsule.punch(pages: at..<at + count)
            case .commit: try capsule.commit(times: Self.times, label: Self.label)
            case .sync: durable = try capsule.sync()
            case .finish: try capsule.finish()
            case .rewrap: capsule.rewrap(keys: keys())
            case .move: capsule.move(to: Self.folder, keys: keys(held: 1))
            }
        }
        images[name] = store.content(of: CapsuleBench.name)
        return CapsuleVectors.Sealed(
            name: name, file: identity.file.hex, objectName: keys().objectName(of: identity.file).hex,
            folderKey: capsule.info.keyGeneration, steps: steps, commit: capsule.info.commit,
            tag: capsule.info.rootTag.hex, durable: durable?.commit, durableTag: durable?.rootTag.hex,
            size: capsule.size, sha256: try Self.digest(capsule),
            label: .init(
                name: Hex.encode(Self.label.name), parent: Self.label.parent?.hex, uid: Self.label.uid,
                gid: Self.label.gid, mode: Self.label.mode))
    }

    static func digest(_ capsule: Capsule) throws -> String {
        var bytes: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 4096)
        var next = try capsule.nextData(fromPage: 0)
        while let index = next {
            let count = try page.withUnsafeMutableBytes { try capsule.read(into: $0, at: index * 4096) }
            if page[..<count].contains(where: { $0 != 0 }) {
                bytes += withUnsafeBytes(of: (index * 4096).littleEndian) { Array($0) } + page[..<count]
            }
            next = try capsule.nextData(fromPage: index + 1)
        }
        return Hex.encode(SHA256.hash(bytes))
    }

    /// The capsule with a stanza of another holder and an extension, as a later version may write them.
    private func extended(_ name: String, type: UInt16) throws -> (image: SparseBytes, slot: Slot) {
        guard var image = images[name] else { throw CapsuleError.crypto }
        let identity = CapsuleIdentity(folder: Self.folder, file: Self.file(name))
        let page = Array(image.bytes.prefix(4096))
        var slot = try Slot(page, number: 0, identity: identity, keys: keys())
        slot.header.stanzas.append(Stanza(type: 2, body: Array(0..<77)))
        slot.header.nonce = StreamRandom.bytes("argus vectors extension \(type)", count: 12)
        slot.root.extensions = [UInt8(type & 255), UInt8(type >> 8), 5, 0] + Array("later".utf8)
        let (sealed, tag) = try Slot.seal(slot.root, header: slot.header, key: slot.cipher.key)
        slot.tag = tag
        sealed.withUnsafeBytes { image.write($0, at: 0) }
        return (image, slot)
    }

    private mutating func extend(_ base: String, as name: String, type: UInt16) throws -> CapsuleVectors.Sealed {
        let (image, slot) = try extended(base, type: type)
        images[name] = image
        let capsule = try open(image, file: Self.file(base), .clean(commit: slot.root.commit, rootTag: slot.tag))
        return CapsuleVectors.Sealed(
            name: name, file: Self.file(base).hex, objectName: keys().objectName(of: Self.file(base)).hex,
            folderKey: 1, steps: [], commit: slot.root.commit, tag: slot.tag.hex, size: slot.root.size,
            sha256: try Self.digest(capsule),
            label: .init(
                name: Hex.encode(Self.label.name), parent: Self.label.parent?.hex, uid: Self.label.uid,
                gid: Self.label.gid, mode: Self.label.mode))
    }

    private func derivations() throws -> CapsuleVectors.Derivations {
        let label = "argus vectors derivations"
        let random = StreamRandom(label)
        let file = FileID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)
        let identity = CapsuleIdentity(folder: Self.folder, file: file)
        let key = try FileKey.make(from: random)
        let stanza = try key.wrap(for: identity, under: keys(held: 1).current, random: random)
        var info = ByteWriter()
        info.append("argus capsule v1 wrap".utf8)
        info.identifier(Self.folder)
        info.integer(UInt32(1))
        info.integer(UInt32(1))
        let wrapping = HKDF.derive(secret(folderKeys[0]), salt: file.bytes, info: info.bytes)
        var bytes = ByteWriter()
        bytes.integer(stanza.type)
        bytes.integer(UInt16(stanza.body.count))
        bytes.append(stanza.body)
        return CapsuleVectors.Derivations(
            random: label, file: file.hex, fileKey: key.secret.hex, wrapNonce: Hex.encode(stanza.body[4..<16]),
            objectName: keys().objectName(of: file).hex, inode: 258,
            fileOfInode: keys().fileID(of: InodeNumber(258)).hex,
            sealingKey: key.sealing.hex, commitment: Hex.encode(key.commitment), wrappingKey: wrapping.hex,
            stanza: Hex.encode(bytes.bytes))
    }

    // MARK: Damage

    private struct DamagePlan {
        var name: String
        var base: String
        var edits: [CapsuleVectors.Edit]
        var keysHeld: Int?
        var recovers = false
    }

    private func damagePlans(_ sealed: [String: CapsuleVectors.Sealed]) -> [DamagePlan] {
        var plans: [DamagePlan] = []
        func add(_ base: String, _ what: String, _ edits: [CapsuleVectors.Edit], keysHeld: Int? = nil) {
            let recovers = sealed[base]?.durable != nil
            plans.append(
                DamagePlan(name: "\(base): \(what)", base: base, edits: edits, keysHeld: keysHeld, recovers: recovers))
        }
        func pageCount(_ name: String) -> Int { Int((images[name]?.size ?? 0) / 4096) }

        let fields: [(String, Int)] = [
            ("magic", 0), ("suite", 10), ("page size", 12), ("slot number", 13), ("header length", 14), ("folder", 16),
            ("file", 47), ("file-key generation", 48), ("stanza count", 52), ("stanza bytes", 54), ("reserve", 63),
            ("stanza type", 64), ("stanza length", 66), ("stanza generation", 68), ("stanza nonce", 72),
            ("wrapped key", 84), ("stanza tag", 131), ("commitment", 132), ("root nonce", 164), ("root", 176),
            ("content in the root", 1_000), ("end of the root", 4_079), ("root tag", 4_080),
        ]
        for (field, offset) in fields { add("inline", "a bit of \(field)", [.flip(offset)]) }
        add("inline", "format 2", [.put([2, 0], at: 8)])
        add("inline", "format 0", [.put([0, 0], at: 8)])
        add("inline", "a critical extension", [.copy(page: 0, of: "critical", to: 0)])
        add("inline", "another file's", [.copy(page: 0, of: "one-byte", to: 0)])
        add("inline", "something in slot 1", [.size(8_192), .put([1], at: 5_000)])
        add("inline", "the slot in both places", [.copy(page: 0, to: 1)])
        for size in [0, 1, 63, 64, 4_080, 4_095] { add("inline", "cut to \(size)", [.size(size)]) }
        add("inline", "a byte behind the end", [.size(4_097)])
        for base in [
            "three-pages", "kept", "replaced", "one-level", "two-levels", "three-levels", "free-list", "shrunk",
        ] {
            let count = pageCount(base)
            for page in 0..<min(count, 12) {
                add(base, "a bit of page \(page)", [.flip(page * 4_096 + 4_000)])
                add(base, "page \(page) zeroed", [.zero(page: page)])
            }
            add(base, "last page cut off", [.size((count - 1) * 4_096)])
            add(base, "half a page less", [.size(count * 4_096 - 2_048)])
            add(base, "a page more", [.size((count + 1) * 4_096)])
            add(
                base, "pages 2 and 3 swapped",
                [.copy(page: 2, to: 1_000), .copy(page: 3, to: 2), .copy(page: 1_000, to: 3), .size(count * 4_096)])
            add(base, "a page of another capsule", [.copy(page: 2, of: "page", to: 2)])
        }
        add("free-list", "a free page written", [.put([1], at: (pageCount("free-list") - 3) * 4_096)])
        add("replaced", "rolled back", (0..<pageCount("replaced")).map { .copy(page: $0, of: "older", to: $0) })
        add("replaced", "an older page", [.copy(page: 3, of: "older", to: 3)])
        add("replaced", "both roots zeroed", [.zero(page: 0), .zero(page: 1)])
        add("kept", "the newest root zeroed and a kept page", [.zero(page: 1), .zero(page: 2)])
        add("rewrapped", "the newest key not at hand", [], keysHeld: 1)
        return plans
    }

    /// Nil where the edits change nothing.
    private func damage(_ plan: DamagePlan, _ sealed: [String: CapsuleVectors.Sealed]) throws -> CapsuleVectors.Damaged?
    {
        guard let base = sealed[plan.base], var bytes = images[plan.base]?.bytes,
            let tag = CapsuleRootTag(hex: base.tag), let file = FileID(hex: base.file)
        else { throw CapsuleError.crypto }
        for edit in plan.edits { apply(edit, to: &bytes) }
        guard plan.keysHeld != nil || bytes != images[plan.base]?.bytes else { return nil }
        let image = SparseBytes(bytes)
        let clean = OpenExpectation.clean(commit: base.commit, rootTag: tag)
        var vector = CapsuleVectors.Damaged(
            name: plan.name, base: plan.base, edits: plan.edits, keysHeld: plan.keysHeld,
            read: Self.outcome {
                let capsule = try open(image, file: file, clean, keysHeld: plan.keysHeld)
                _ = try Self.digest(capsule)
                return "ok"
            },
            check: Self.outcome {
                let store = MemoryStore()
                store.plant(image, as: CapsuleBench.name)
                let findings = try Capsule.verify(
                    try store.open(CapsuleBench.name, writable: false),
                    identity: CapsuleIdentity(folder: Self.folder, file: file), keys: keys(held: plan.keysHeld ?? 2),
                    expecting: clean
                ) { _ in }
                return findings.map(Self.text).sorted().joined(separator: " ")
            })
        if plan.recovers, let durable = base.durable, let text = base.durableTag, let tag = CapsuleRootTag(hex: text) {
            let taken = Self.outcome {
                let dirty = OpenExpectation.dirty(atLeast: durable, rootTag: tag)
                return "commit \(try open(image, file: file, dirty, keysHeld: plan.keysHeld).info.commit)"
            }
            vector.recovery = CapsuleVectors.Recovery(atLeast: durable, tag: text, taken: taken)
        }
        return vector
    }

    private func apply(_ edit: CapsuleVectors.Edit, to bytes: inout [UInt8]) {
        func put(_ value: [UInt8], at offset: Int) {
            if bytes.count < offset + value.count {
                bytes += [UInt8](repeating: 0, count: offset + value.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + value.count, with: value)
        }
        if let offset = edit.flip { bytes[offset] ^= 1 }
        if let text = edit.bytes, let value = Hex.decode(text), let offset = edit.at { put(value, at: offset) }
        if let page = edit.zeroPage { put([UInt8](repeating: 0, count: 4096), at: page * 4096) }
        if let size = edit.size {
            bytes = Array(bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - bytes.count))
        }
        if let page = edit.copyPage, let target = edit.to {
            let source = edit.of.map { images[$0]?.bytes ?? [] } ?? bytes
            put(Array(source.dropFirst(page * 4096).prefix(4096)), at: target * 4096)
        }
    }

    private func open(
        _ image: SparseBytes, file: FileID, _ expecting: OpenExpectation, keysHeld: Int? = nil
    ) throws -> Capsule {
        let store = MemoryStore()
        store.plant(image, as: CapsuleBench.name)
        return try Capsule.open(
            try store.open(CapsuleBench.name, writable: false),
            identity: CapsuleIdentity(folder: Self.folder, file: file), keys: keys(held: keysHeld ?? 2),
            expecting: expecting, writable: false
        ).capsule
    }

    // MARK: As the document spells it

    private static func outcome(_ body: () throws -> String) -> String {
        do {
            return try body()
        } catch CapsuleError.unauthentic(let finding) {
            return text(finding)
        } catch CapsuleError.noKey(let generation) {
            return "noKey(\(generation))"
        } catch CapsuleError.newerFormat(let found, _) {
            return "newerFormat(\(found))"
        } catch {
            return "\(error)"
        }
    }

    /// `dataPage(page: 2, offset: 0)` without the labels.
    static func text(_ finding: CapsuleFinding) -> String {
        var text = "\(finding)"
        for label in ["slot: ", "page: ", "offset: ", "found: ", "expected: "] {
            text = text.split(separator: label, omittingEmptySubsequences: false).joined()
        }
        return text.split(separator: ", ", omittingEmptySubsequences: false).joined(separator: ",")
    }

    private func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }
}

extension SecretBytes {
    fileprivate var hex: String { withBytes { Hex.encode($0) } }
}
