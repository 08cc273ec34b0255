internal import ArgusCore
internal import ArgusIndex
internal import Glibc

/// Commits, what is there after a restart, and the end of use.
extension MappingIndexConformance {
    static let commitChecks = [
        Check("a read sees what was applied, committed or not, in the order applied") { home in
            let index = try home.make()
            try index.apply([
                .putInode(IndexRows.inode(10)), .putInode(IndexRows.inode(10, size: 1)), .removeInode(InodeNumber(10)),
                .putInode(IndexRows.inode(10, size: 2)),
            ])
            try expect(try index.inode(InodeNumber(10))?.attributes.size == 2, "before the commit")
            try index.commit(.process)
            try index.apply([.putInode(IndexRows.inode(10, size: 3))])
            try expect(try index.inode(InodeNumber(10))?.attributes.size == 3, "after the commit")
        },
        Check("what was committed is there after a restart, what was only applied is not") { home in
            for durability in [CommitDurability.process, .durable] {
                var index = try home.make()
                try index.apply(IndexRows.create("a", 10, size: 1))
                try index.commit(durability)
                let committed = try IndexContents(of: index)
                try index.apply(IndexRows.create("b", 11, size: 2))
                try index.apply([.removeEntry(parent: .root, name: IndexRows.name("a")), .removeInode(InodeNumber(10))])
                index = try home.reopen(index)
                try expect(try IndexContents(of: index) == committed, "the state after the restart, \(durability)")
                try index.apply(IndexRows.create("c", 12, size: 2))
                try index.commit(durability)
                let second = try IndexContents(of: index)
                index = try home.reopen(index)
                try expect(try IndexContents(of: index) == second, "the state after the second restart, \(durability)")
            }
        },
        Check("a commit without changes changes nothing, at any place") { home in
            var index = try home.make()
            try index.commit(.process)
            try index.commit(.durable)
            try index.apply(IndexRows.create("a", 10, size: 1))
            for durability in [CommitDurability.process, .process, .durable, .durable, .process] {
                try index.commit(durability)
            }
            try index.apply([])
            try index.commit(.durable)
            let before = try IndexContents(of: index)
            index = try home.reopen(index)
            try index.commit(.durable)
            index = try home.reopen(index)
            try expect(try IndexContents(of: index) == before, "the state differs")
        },
        Check("a batch of many slices is one step") { home in
            var index = try home.make()
            var changes: [IndexChange] = []
            for number in 10..<3_010 as Range<UInt64> {
                changes.append(.putInode(IndexRows.inode(number)))
                changes.append(.putEntry(IndexRows.entry("name \(number)", number)))
            }
            changes.append(.putInode(IndexRows.root(size: 3_000)))
            try index.apply(changes)
            try index.commit(.durable)
            index = try home.reopen(index)
            try expect(try index.inodeCount() == 3_001 && listing(index, 1).count == 3_000, "rows are missing")
            try expect(try index.verify() == [], "there are findings")
            try index.apply(
                (10..<3_010 as Range<UInt64>).flatMap { number -> [IndexChange] in
                    [
                        .removeEntry(parent: .root, name: IndexRows.name("name \(number)")),
                        .removeInode(InodeNumber(number)),
                    ]
                } + [.putInode(IndexRows.root())])
            try index.commit(.process)
            index = try home.reopen(index)
            try expect(try index.inodeCount() == 1 && listing(index, 1).isEmpty, "rows are left")
            try expect(try index.verify() == [], "there are findings after the removal")
        },
        Check("after its close an index answers nothing") { home in
            let index = try home.make()
            try index.apply(IndexRows.create("a", 10, size: 1))
            try index.commit(.process)
            try index.close()
            try index.close()
            let closed = IndexError.storage(errno: EBADF)
            try expect(closed, "apply") { () throws(IndexError) in try index.apply([.removeInode(.root)]) }
            try expect(closed, "commit") { () throws(IndexError) in try index.commit(.durable) }
            try expect(closed, "inode") { () throws(IndexError) in try index.inode(.root) }
            try expect(closed, "count") { () throws(IndexError) in try index.inodeCount() }
            try expect(closed, "listing") { () throws(IndexError) in
                try index.forEachEntry(of: .root, after: 0) { _, _ in true }
            }
            try expect(closed, "verify") { () throws(IndexError) in try index.verify() }
        },
    ]
}
