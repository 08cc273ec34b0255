internal import ArgusCore
internal import ArgusIndex

/// What goes in comes out, and absolute steps replace.
extension MappingIndexConformance {
    static let rowChecks = [
        Check("an index without changes is empty") { home in
            let index = try home.make()
            try expect(try index.inode(.root) == nil, "there is a top directory")
            try expect(try index.entry(parent: .root, name: IndexRows.name("a")) == nil, "there is an entry")
            try expect(try index.entry(parent: .root, cookie: 3) == nil, "there is an entry at a cookie")
            try expect(try index.attribute(inode: .root, name: [1]) == nil, "there is an attribute")
            try expect(try index.attributes(inode: .root).isEmpty, "there are attributes")
            try expect(try index.dirtyInodes().isEmpty && index.orphanInodes().isEmpty, "there are inodes")
            try expect(try index.garbage().isEmpty, "there is garbage")
            try expect(try index.inodeCount() == 0, "the count is not 0")
            for key in MetaKey.allCases { try expect(try index.meta(key) == nil, "there is a \(key)") }
        },
        Check("every field of an inode comes back, at its extremes too") { home in
            var index = try home.make()
            for row in extremeInodes { try index.apply([.putInode(row)]) }
            for _ in 0..<2 {
                for row in extremeInodes {
                    let number = row.attributes.inode
                    try expect(try index.inode(number) == row, "inode \(number) differs")
                }
                try index.commit(.process)
                index = try home.reopen(index)
            }
        },
        Check("putting an inode again replaces it, removing it twice is allowed") { home in
            let index = try home.make()
            try index.apply([.putInode(IndexRows.inode(5)), .putInode(IndexRows.inode(3, .symlink))])
            var row = IndexRows.inode(5, size: 99, capsule: IndexRows.dirty())
            row.linkTarget = [1, 2, 3]
            try index.apply([.putInode(row)])
            try expect(try index.inode(InodeNumber(5)) == row, "the old row is still there")
            try expect(try index.inodeCount() == 2, "the count is not 2")
            try index.apply([.removeInode(InodeNumber(5)), .removeInode(InodeNumber(5)), .removeInode(InodeNumber(77))])
            try expect(try index.inode(InodeNumber(5)) == nil, "the inode is still there")
            try expect(try index.inodeCount() == 1, "the count is not 1")
            try index.apply([.putInode(row)])
            try expect(try index.inode(InodeNumber(5)) == row && index.inodeCount() == 2, "it did not come back")
        },
        Check("an entry is found by name and by cookie, whatever bytes the name has") { home in
            let index = try home.make()
            let names: [[UInt8]] = [
                [0x61], [0x2E, 0x2E, 0x2E], [0xFF], [0xFF, 0xFE], Array(1...46) + Array(48...255), [0x61, 0x20],
                [0xC3, 0xA4], Array(repeating: 0x7A, count: 255), [0x41], [0x27], [0x25], [0x0A],
            ]
            for (place, bytes) in names.enumerated() {
                let number = UInt64(place) + 10
                let name = try bytes.withUnsafeBytes { try FileName($0) }
                let entry = EntryRow(
                    parent: .root, name: name, inode: InodeNumber(number), kind: .fifo, cookie: number << 40)
                try index.apply([.putInode(IndexRows.inode(number, .fifo)), .putEntry(entry)])
                try expect(try index.entry(parent: .root, name: name) == entry, "name \(place) is not found")
                try expect(
                    try index.entry(parent: .root, cookie: entry.cookie) == entry, "cookie \(place) is not found")
                try expect(try index.entry(parent: InodeNumber(2), name: name) == nil, "it is in another directory too")
            }
            for (place, bytes) in names.enumerated() {
                let name = try bytes.withUnsafeBytes { try FileName($0) }
                try expect(
                    try index.entry(parent: .root, name: name)?.inode.rawValue == UInt64(place) + 10,
                    "name \(place) is mixed up with another")
            }
        },
        Check("an entry replaces what has its name, and what has its cookie, in its directory alone") { home in
            let index = try home.make()
            try index.apply((10...14).map { .putInode(IndexRows.inode($0)) })
            try index.apply([
                .putEntry(IndexRows.entry("a", 10, cookie: 3)), .putEntry(IndexRows.entry("b", 11, cookie: 4)),
                .putEntry(IndexRows.entry("a", 12, in: 2, cookie: 3)),
            ])
            let replacement = IndexRows.entry("a", 13, .directory, cookie: 9)
            try index.apply([.putEntry(replacement)])
            try expect(try index.entry(parent: .root, name: replacement.name) == replacement, "it was not replaced")
            try expect(try index.entry(parent: .root, cookie: 3) == nil, "the old cookie still has an entry")
            let renamed = IndexRows.entry("c", 11, cookie: 4)
            try index.apply([.putEntry(renamed)])
            try expect(try index.entry(parent: .root, cookie: 4) == renamed, "the cookie kept its entry")
            try expect(try index.entry(parent: .root, name: IndexRows.name("b")) == nil, "the old name is still there")
            let both = IndexRows.entry("a", 14, cookie: 4)
            try index.apply([.putEntry(both)])
            try expect(try listing(index, 1) == [both], "an entry with a taken name and a taken cookie")
            try expect(try listing(index, 2).map(\.inode.rawValue) == [12], "another directory changed")
        },
        Check("removing an entry takes only it, and may find nothing") { home in
            let index = try home.make()
            try index.apply([.putInode(IndexRows.inode(10)), .putInode(IndexRows.inode(11))])
            try index.apply([.putEntry(IndexRows.entry("a", 10)), .putEntry(IndexRows.entry("b", 11))])
            try index.apply([
                .removeEntry(parent: .root, name: IndexRows.name("a")),
                .removeEntry(parent: .root, name: IndexRows.name("a")),
                .removeEntry(parent: InodeNumber(9), name: IndexRows.name("b")),
            ])
            try expect(try listing(index, 1) == [IndexRows.entry("b", 11)], "another entry is gone, or it is not")
        },
        Check("attributes come back as they were put, in the order of their names") { home in
            var index = try home.make()
            let large = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let values: [(name: [UInt8], value: [UInt8])] = [
                ([0x61], []), ([0x61, 0x00], [0]), ([0x61, 0x61], large), ([0xFF], [1, 2, 3]),
            ]
            for (name, value) in values.reversed() {
                try index.apply([.putAttribute(inode: InodeNumber(7), name: name, value: [9, 9, 9])])
                try index.apply([.putAttribute(inode: InodeNumber(7), name: name, value: value)])
                try index.apply([.putAttribute(inode: InodeNumber(8), name: name, value: [8])])
            }
            try index.apply([.putInode(IndexRows.inode(7)), .putInode(IndexRows.inode(8))])
            for _ in 0..<2 {
                let found = try index.attributes(inode: InodeNumber(7))
                try expect(found.map(\.name) == values.map(\.name), "the names differ")
                try expect(found.map(\.value) == values.map(\.value), "the values differ")
                for (name, value) in values {
                    try expect(
                        try index.attribute(inode: InodeNumber(7), name: name) == value,
                        "a value differs when asked for")
                }
                try index.commit(.durable)
                index = try home.reopen(index)
            }
            try index.apply([.removeAttribute(inode: InodeNumber(7), name: [0x61])])
            try index.apply([.removeAttribute(inode: InodeNumber(7), name: [0x62])])
            try expect(try index.attributes(inode: InodeNumber(7)).count == 3, "not one attribute was removed")
            try index.apply([.removeAllAttributes(inode: InodeNumber(7))])
            try expect(try index.attributes(inode: InodeNumber(7)).isEmpty, "attributes are left")
            try expect(try index.attributes(inode: InodeNumber(8)).count == 4, "another inode's attributes are gone")
        },
        Check("garbage and the folder's values are kept until removed or replaced") { home in
            var index = try home.make()
            let files = (1...3).map { IndexRows.fileID($0) }
            try index.apply(files.map { .putGarbage($0) } + [.putGarbage(files[0]), .removeGarbage(files[1])])
            try index.apply(MetaKey.allCases.map { .putMeta(key: $0, value: Array($0.rawValue.utf8)) })
            try index.apply([.putMeta(key: .mounted, value: []), .removeGarbage(IndexRows.fileID(99))])
            for _ in 0..<2 {
                try expect(Set(try index.garbage()) == [files[0], files[2]], "the garbage differs")
                for key in MetaKey.allCases {
                    let expected = key == .mounted ? [] : Array(key.rawValue.utf8)
                    try expect(try index.meta(key) == expected, "\(key) differs")
                }
                try index.commit(.process)
                index = try home.reopen(index)
            }
        },
        Check("a number beyond 63 bits is refused, and ends all writing") { home in
            let tooHigh = UInt64(1) << 63
            let changes: [IndexChange] = [
                .putInode(IndexRows.inode(tooHigh, cookie: 1)), .putInode(IndexRows.inode(2, in: tooHigh)),
                .putInode(IndexRows.inode(2, cookie: tooHigh)), .putEntry(IndexRows.entry("a", tooHigh, cookie: 1)),
                .putEntry(IndexRows.entry("a", 2, in: tooHigh)), .putEntry(IndexRows.entry("a", 2, cookie: tooHigh)),
            ]
            for change in changes {
                let index = try home.make()
                let refusal = IndexError.corrupt(reason: "an inode number or cookie is beyond 63 bits")
                try expect(refusal, "applying") { () throws(IndexError) in try index.apply([change]) }
                try expect(refusal, "applying more") { () throws(IndexError) in try index.apply([]) }
                try expect(refusal, "committing") { () throws(IndexError) in try index.commit(.process) }
                try expect(try index.inode(InodeNumber(tooHigh)) == nil, "it can be read")
                try expect(try index.entry(parent: InodeNumber(tooHigh), cookie: tooHigh) == nil, "it can be read")
            }
        },
    ]

    private static let extremeInodes: [InodeRow] = {
        var rows: [InodeRow] = []
        for (place, kind) in FileKind.allCases.enumerated() { rows.append(IndexRows.inode(UInt64(place) + 10, kind)) }
        let distant = [
            Timestamp(seconds: .min, nanoseconds: 0), Timestamp(seconds: .max, nanoseconds: 999_999_999),
            Timestamp(seconds: -1, nanoseconds: 999_999_999), Timestamp(seconds: 9_300_000_000, nanoseconds: 1),
        ]
        rows.append(
            InodeRow(
                attributes: FileAttributes(
                    inode: InodeNumber(1 << 63 - 1), kind: .block, permissions: 0o7777, linkCount: .max, uid: .max,
                    gid: .max, device: .max, size: .max, blocks: .max, accessed: distant[0], modified: distant[1],
                    changed: distant[2], created: distant[3]),
                fileID: FileID(high: .max, low: 0), parent: InodeNumber(1 << 63 - 1), cookie: 1 << 63 - 1,
                linkTarget: (0..<4095).map { UInt8(truncatingIfNeeded: $0) },
                capsule: CapsuleState(
                    durableCommit: .max, rootTag: .init(high: 0, low: .max), isDirty: true, keyGeneration: .max),
                hasExtendedAttributes: true))
        rows.append(
            InodeRow(
                attributes: FileAttributes(
                    inode: InodeNumber(2), kind: .symlink, permissions: 0, linkCount: 0, uid: 0, gid: 0,
                    accessed: .epoch, modified: .epoch, changed: .epoch, created: .epoch),
                fileID: FileID(high: 0, low: 0), parent: InodeNumber(0), cookie: 0,
                capsule: CapsuleState(
                    durableCommit: 0, rootTag: .init(high: 0, low: 0), isDirty: false, keyGeneration: 0)
            ))
        return rows
    }()

    static func listing(
        _ index: any MappingIndex, _ parent: UInt64, after cookie: DirectoryCookie = 0, atMost limit: Int = .max
    ) throws -> [EntryRow] {
        var entries: [EntryRow] = []
        try index.forEachEntry(of: InodeNumber(parent), after: cookie) { entry, _ in
            entries.append(entry)
            return entries.count < limit
        }
        return entries
    }
}
