import ArgusCapsule
import ArgusCore
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Testing

/// One capsule in a store that a test can break, and the ways to it.
struct CapsuleBench {
    static let name = ObjectName(.init(high: 0xCA95, low: 1))
    static let identity = CapsuleIdentity(folder: FolderID(high: 1, low: 2), file: FileID(high: 3, low: 4))
    static let time = Timestamp(seconds: 1_800_000_000, nanoseconds: 5)
    static let times = CapsuleTimes(accessed: time, modified: time, changed: time, created: time)
    static let keys = someKeys()

    static func someKeys(generation: KeyGeneration = 1) -> FolderKeys {
        FolderKeys(generations: [(generation: generation, key: .random(count: 32))], namingKey: .random(count: 32))
    }

    let store: any BackingStore
    var identity = Self.identity
    var keys = Self.keys

    init(_ store: any BackingStore) { self.store = store }

    func create() throws -> Capsule {
        try Capsule.create(in: try store.create(Self.name), identity: identity, keys: keys, now: Self.time)
    }

    func open(_ expecting: OpenExpectation = .any, writable: Bool = true) throws -> (capsule: Capsule, recovered: Bool)
    {
        let object = try store.open(Self.name, writable: writable)
        return try Capsule.open(object, identity: identity, keys: keys, expecting: expecting, writable: writable)
    }

    func verify(_ expecting: OpenExpectation) throws -> [CapsuleFinding] {
        try Capsule.verify(
            try store.open(Self.name, writable: false), identity: identity, keys: keys, expecting: expecting
        ) { _ in }
    }

    /// The whole content, read in pieces of `step` bytes.
    static func content(of capsule: Capsule, step: Int = 1 << 20) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: Int(capsule.size))
        try bytes.withUnsafeMutableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let end = min(offset + step, bytes.count)
                let got = try capsule.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<end]), at: UInt64(offset))
                try #require(got == end - offset)
                offset = end
            }
        }
        return bytes
    }
}

extension OpenExpectation {
    static func exactly(_ info: CommitInfo) -> OpenExpectation { .clean(commit: info.commit, rootTag: info.rootTag) }
    static func atLeast(_ info: CommitInfo) -> OpenExpectation { .dirty(atLeast: info.commit, rootTag: info.rootTag) }
}

extension Capsule {
    /// Writes as a filesystem does: whole pages, the rest of the first and last one from what is there.
    func write(_ bytes: [UInt8], at offset: Int) throws {
        guard !bytes.isEmpty else { return }
        if UInt64(offset + bytes.count) > size { try setSize(UInt64(offset + bytes.count)) }
        let first = offset / 4096
        let last = (offset + bytes.count - 1) / 4096
        var image = [UInt8](repeating: 0, count: (last - first + 1) * 4096)
        try image.withUnsafeMutableBytes { image in
            for page in Set([first, last]) {
                let start = (page - first) * 4096
                _ = try read(
                    into: UnsafeMutableRawBufferPointer(rebasing: image[start..<start + 4096]), at: UInt64(page * 4096))
            }
        }
        image.replaceSubrange(offset - first * 4096..<offset - first * 4096 + bytes.count, with: bytes)
        try image.withUnsafeBytes { image in
            try writePages(
                (first...last).map { page in
                    let start = (page - first) * 4096
                    return (UInt64(page), UnsafeRawBufferPointer(rebasing: image[start..<start + 4096]))
                })
        }
    }

    @discardableResult
    func commit(isOrdered: Bool = false) throws -> CommitInfo {
        try commit(times: CapsuleBench.times, label: nil, isOrdered: isOrdered)
    }
}

/// A flat array of bytes: what a capsule has to be.
struct FileModel: Equatable {
    var bytes: [UInt8] = []

    mutating func write(_ more: [UInt8], at offset: Int) {
        if bytes.count < offset + more.count { setSize(offset + more.count) }
        bytes.replaceSubrange(offset..<offset + more.count, with: more)
    }

    mutating func setSize(_ size: Int) {
        if size < bytes.count {
            bytes.removeLast(bytes.count - size)
        } else {
            bytes += [UInt8](repeating: 0, count: size - bytes.count)
        }
    }

    mutating func punch(_ pages: Range<Int>) {
        let range = (pages.lowerBound * 4096..<pages.upperBound * 4096).clamped(to: 0..<bytes.count)
        for place in range { bytes[place] = 0 }
    }
}

extension PowerCut.Dice {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { bytes in
            for start in stride(from: 0, to: count, by: 8) {
                withUnsafeBytes(of: next()) { word in
                    for place in 0..<min(8, count - start) { bytes[start + place] = word[place] }
                }
            }
        }
        return bytes
    }
}
