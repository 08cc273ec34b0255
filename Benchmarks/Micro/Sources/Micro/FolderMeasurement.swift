@testable import ArgusCapsule
@testable import ArgusCore
@testable import ArgusCrypto
@testable import ArgusIndex
@testable import ArgusPolicy
@testable import ArgusStore
@testable import ArgusSystem
import Glibc

private let pageByteCount = 4096
private let keys = FolderKeys(
    generations: [(generation: 1, key: .random(count: 32))], namingKey: .random(count: 32))
private let time = Timestamp(seconds: 1_800_000_000, nanoseconds: 5)
private let times = CapsuleTimes(accessed: time, modified: time, changed: time, created: time)

private func newCapsule(in place: Place, _ name: String) throws -> Capsule {
    let store = try DirectoryStore(path: "\(place.path)/\(name)", create: true)
    return try Capsule.create(
        in: try store.create(ObjectName(.init(high: 1, low: 1))),
        identity: CapsuleIdentity(folder: FolderID(high: 1, low: 2), file: FileID(high: 3, low: 4)), keys: keys, now: time)
}

/// Pages of a capsule: sealing and writing them, opening them again, and finding one of many.
func measureCapsule(_ report: inout Report, in place: Place, isCheck: Bool) throws {
    let capsule = try newCapsule(in: place, "capsule")
    let run = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * pageByteCount, alignment: pageByteCount)
    defer { run.deallocate() }
    SecureRandom.fill(run)
    let runs = isCheck ? 8 : 128
    try capsule.setSize(UInt64(runs * run.count))
    let sealing = try cost(of: runs, warmUp: 0) { number in
        try capsule.writePages(
            (0..<256).map { page in
                let start = page * pageByteCount
                return (
                    UInt64(number * 256 + page), UnsafeRawBufferPointer(rebasing: run[start..<start + pageByteCount])
                )
            })
    }
    report.add("a page sealed and written, of 256 at a time", sealing.divided(by: 256), allocationsMax: 8)
    _ = try capsule.commit(times: times, label: capsule.label, isOrdered: true)
    let opening = try cost(of: runs, warmUp: 0) { number in
        _ = try capsule.read(into: run, at: UInt64(number * run.count))
    }
    report.add("a page read and opened, of 256 at a time", opening.divided(by: 256), allocationsMax: 0.1)
    let page = UnsafeMutableRawBufferPointer(rebasing: run[..<pageByteCount])
    let pages = runs * 256
    let finding = try cost(of: isCheck ? 500 : 20_000) { number in
        _ = try capsule.read(into: page, at: UInt64(number &* 7919 % pages * pageByteCount))
    }
    report.add("one page anywhere in \(pages): looked up, read, opened", finding, allocationsMax: 0.1)
}

/// A batch of the index, as the index writer makes it.
func measureIndex(_ report: inout Report, in place: Place, isCheck: Bool) throws {
    let index = try SQLiteIndex(capsule: try newCapsule(in: place, "index"), mode: .create)
    let root = FileAttributes(
        inode: .root, kind: .directory, permissions: 0o755, linkCount: 2, uid: 0, gid: 0, accessed: time, modified: time,
        changed: time, created: time)
    try index.apply([
        .putInode(InodeRow(attributes: root, fileID: FileID(high: 0, low: 1), parent: .root, cookie: 0))
    ])
    let (batches, each) = isCheck ? (2, 512) : (20, 4096)
    let applying = try cost(of: batches, warmUp: 0) { batch in
        var changes: [IndexChange] = []
        changes.reserveCapacity(2 * each)
        for number in 0..<each {
            let inode = InodeNumber(UInt64(10 + batch * each + number))
            var attributes = root
            attributes.inode = inode
            attributes.kind = .file
            changes.append(
                .putInode(
                    InodeRow(
                        attributes: attributes, fileID: FileID(high: 1, low: inode.rawValue), parent: .root,
                        cookie: inode.rawValue)))
            changes.append(
                .putEntry(
                    EntryRow(
                        parent: .root, name: try FileName("file-\(inode.rawValue &* 2_654_435_761).txt"), inode: inode,
                        kind: .file, cookie: inode.rawValue)))
        }
        try index.apply(changes)
        try index.commit(.process)
    }
    report.add("a file made in the index, of \(each) in a batch", applying.divided(by: Double(each)), allocationsMax: 40)
    try index.close()
}

/// Whether a person may do something, by rules alone.
func measureDecision(_ report: inout Report) {
    let persons = (1...20).map { PersonID(high: 1, low: UInt64($0)) }
    let policy = FolderPolicy(
        protection: .shared, owner: persons[0],
        members: persons.map { Member(principal: .person($0), rights: [.list, .read, .write]) })
    let subject = Subject(person: persons[19], groups: [])
    report.add("a decision, last of 20 members", cost(of: 20_000) { _ in _ = decide(.write, for: subject, in: policy) })
}

extension Cost {
    func divided(by count: Double) -> Cost {
        Cost(nanoseconds: nanoseconds / count, allocations: allocations / count)
    }
}
