internal import ArgusCore
internal import ArgusIndex

/// What `verify` finds, and that it finds nothing else.
extension MappingIndexConformance {
    static let verificationChecks = [
        Check("verify finds nothing wrong in a folder with all kinds of files") { home in
            let index = try home.make()
            try index.apply(soundFolder)
            let applied = try index.verify()
            try expect(applied.isEmpty, "before the commit: \(applied)")
            try index.commit(.durable)
            let committed = try home.reopen(index).verify()
            try expect(committed.isEmpty, "after a restart: \(committed)")
        },
        Check("verify tells each way in which rows can contradict each other") { home in
            for (damage, findings) in damages {
                let index = try home.make()
                try index.apply(soundFolder)
                try index.apply(damage)
                let found = try index.verify()
                // In any order.
                try expect(found.sorted() == findings.sorted(), "\(found) instead of \(findings)")
            }
        },
    ]

    /// Top directory: file 10, directory 11 (file 12, second name of file 13, directory 14), file 13, an orphan file 15,
    /// an orphan directory 16.
    private static let soundFolder: [IndexChange] = [
        .putInode(IndexRows.root(size: 3)),
        .putInode(IndexRows.inode(10, hasExtendedAttributes: true)), .putEntry(IndexRows.entry("file", 10)),
        .putAttribute(inode: InodeNumber(10), name: [1], value: [2]),
        .putInode(IndexRows.inode(11, .directory, links: 3, size: 3)),
        .putEntry(IndexRows.entry("directory", 11, .directory)),
        .putInode(IndexRows.inode(12, .symlink, in: 11)), .putEntry(IndexRows.entry("link", 12, .symlink, in: 11)),
        .putInode(IndexRows.inode(13, links: 2)), .putEntry(IndexRows.entry("one name", 13)),
        .putEntry(IndexRows.entry("other name", 13, in: 11, cookie: 99)),
        .putInode(IndexRows.inode(14, .directory, in: 11, links: 2)),
        .putEntry(IndexRows.entry("empty", 14, .directory, in: 11)),
        .putInode(IndexRows.inode(15, links: 0)), .putInode(IndexRows.inode(16, .directory, links: 0)),
    ]

    private static let damages: [(damage: [IndexChange], findings: [String])] = [
        ([.putInode(IndexRows.root(size: 4))], ["directory 1 has size 4 and holds 3 entries"]),
        (
            [.putInode(IndexRows.inode(13, links: 3))], ["inode 13 has link count 3 and 2 entries"]
        ),
        (
            [.putInode(IndexRows.inode(12, .symlink, in: 11, links: 0))], ["inode 12 has link count 0 and 1 entries"]
        ),
        (
            [.putInode(IndexRows.inode(13, cookie: 98, links: 2))], ["inode 13 names a place that is not its own"]
        ),
        (
            [.putInode(IndexRows.inode(13, cookie: 11, links: 2))], ["inode 13 names a place that is not its own"]
        ),
        (
            [.putEntry(IndexRows.entry("file", 10, .fifo))], ["the entry at 1/11 has not its inode's kind"]
        ),
        (
            [.removeInode(InodeNumber(10))],
            [
                "the entry at 1/11 refers to an inode that does not exist",
                "extended attributes belong to inode 10, which does not exist",
            ]
        ),
        ([.putInode(IndexRows.inode(10))], ["inode 10 has extended attributes and does not say so"]),
        (
            [.putEntry(IndexRows.entry("astray", 10, in: 12))],
            ["the entry at 12/11 lies in no directory", "inode 10 has link count 1 and 2 entries"]
        ),
        (
            [.putEntry(IndexRows.entry("second", 14, .directory, cookie: 77)), .putInode(IndexRows.root(size: 4))],
            ["directory 14 has 2 entries above"]
        ),
        (
            [.putInode(IndexRows.inode(16, .directory, links: 2))],
            [
                "directory 16 has 0 entries above", "inode 16 names a place that is not its own",
                "directory 16 cannot be reached from the top directory",
            ]
        ),
        (
            [.removeInode(.root)],
            [
                "there is no top directory", "the entry at 1/11 lies in no directory",
                "the entry at 1/12 lies in no directory", "the entry at 1/14 lies in no directory",
            ]
        ),
        (
            // Directory 11 moved below its own child.
            [
                .removeEntry(parent: .root, name: IndexRows.name("directory")), .putInode(IndexRows.root(size: 2)),
                .putEntry(IndexRows.entry("directory", 11, .directory, in: 14)),
                .putInode(IndexRows.inode(11, .directory, in: 14, links: 3, size: 3)),
                .putInode(IndexRows.inode(14, .directory, in: 11, links: 2, size: 1)),
            ],
            [
                "directory 11 cannot be reached from the top directory",
                "directory 14 cannot be reached from the top directory",
            ]
        ),
    ]
}
