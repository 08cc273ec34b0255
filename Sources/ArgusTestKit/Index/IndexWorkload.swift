internal import ArgusCore
package import ArgusIndex

/// Random batches of changes, the same for the same seed. They need not make sense as a folder: an index takes any.
package struct IndexWorkload {
    private var dice: PowerCut.Dice

    package init(seed: UInt64) { dice = PowerCut.Dice(seed: seed) }

    package mutating func batch(count: Int) -> [IndexChange] { (0..<count).map { _ in change() } }

    private mutating func change() -> IndexChange {
        switch dice.next() % 100 {
        case 0..<35: .putInode(inode())
        case 35..<45: .removeInode(InodeNumber(number()))
        case 45..<70: .putEntry(entry())
        case 70..<80: .removeEntry(parent: InodeNumber(directory()), name: name())
        case 80..<88: .putAttribute(inode: InodeNumber(number()), name: attributeName(), value: bytes(upTo: 9_000))
        case 88..<91: .removeAttribute(inode: InodeNumber(number()), name: attributeName())
        case 91..<93: .removeAllAttributes(inode: InodeNumber(number()))
        case 93..<95: .putGarbage(IndexRows.fileID(dice.next() % 20))
        case 95..<97: .removeGarbage(IndexRows.fileID(dice.next() % 20))
        default: .putMeta(key: MetaKey.allCases.randomElement(using: &dice) ?? .bootID, value: bytes(upTo: 40))
        }
    }

    private mutating func number() -> UInt64 { 1 + dice.next() % 150 }
    private mutating func directory() -> UInt64 { 1 + dice.next() % 8 }
    private mutating func name() -> FileName { IndexRows.name("name \(dice.next() % 60)") }
    private mutating func attributeName() -> [UInt8] { Array("user.\(dice.next() % 5)".utf8) }
    private mutating func bytes(upTo limit: UInt64) -> [UInt8] {
        let byte = UInt8(truncatingIfNeeded: dice.next())
        return Array(repeating: byte, count: Int(dice.next() % limit * (dice.next() % 5) / 5))
    }

    private mutating func inode() -> InodeRow {
        let kind = FileKind.allCases.randomElement(using: &dice) ?? .file
        var row = IndexRows.inode(
            number(), kind, in: directory(), cookie: dice.next() >> 1, links: UInt32(dice.next() % 3),
            size: dice.next(), hasExtendedAttributes: dice.falls(percent: 20))
        if dice.falls(percent: 50) {
            row.capsule = dice.falls(percent: 30) ? IndexRows.dirty(dice.next()) : IndexRows.clean(dice.next())
        }
        if kind == .symlink { row.linkTarget = bytes(upTo: 4_000) }
        return row
    }

    /// Entries refer to inode 1000, which the workload never removes, so that listings succeed.
    private mutating func entry() -> EntryRow {
        EntryRow(
            parent: InodeNumber(directory()), name: name(), inode: InodeNumber(1000), kind: .file,
            cookie: 3 + dice.next() % 80)
    }
}

extension IndexWorkload {
    package static func batch(seed: UInt64, count: Int) -> [IndexChange] {
        var workload = IndexWorkload(seed: seed)
        // Entries refer to it.
        return [.putInode(IndexRows.inode(1000))] + workload.batch(count: count)
    }
}
