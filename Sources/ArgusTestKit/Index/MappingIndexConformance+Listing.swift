internal import ArgusCore
internal import ArgusIndex

/// What listings show, and in which order.
extension MappingIndexConformance {
    static let listingChecks = [
        Check("a directory lists its entries with their inodes, by cookie, from any cookie on, until told to stop") {
            home in
            let index = try home.make()
            let count: UInt64 = 1_500
            // Names in an order of their own, and another directory on either side.
            var changes: [IndexChange] = []
            for number in 10..<10 + count {
                changes.append(.putInode(IndexRows.inode(number, in: 5, size: number)))
                let name = "\(number &* 0x9E37_79B9_7F4A_7C15)"
                changes.append(.putEntry(IndexRows.entry(name, number, in: 5, cookie: number * 3)))
                if number < 20 { changes.append(.putEntry(IndexRows.entry(name, number, in: 4, cookie: number))) }
                if number < 15 { changes.append(.putEntry(IndexRows.entry(name, number, in: 6, cookie: number))) }
            }
            try index.apply(changes)
            var expected: UInt64 = 10
            try index.forEachEntry(of: InodeNumber(5), after: 0) { entry, inode in
                guard entry.cookie == expected * 3, inode == IndexRows.inode(expected, in: 5, size: expected) else {
                    return false
                }
                expected += 1
                return true
            }
            try expect(expected == 10 + count, "the listing is wrong from number \(expected) on")
            let all = try listing(index, 5)
            let starts: [(cookie: UInt64, skipped: Int)] = [
                (0, 0), (29, 0), (30, 1), (31, 1), (30 + 3 * 31, 32), (30 + 3 * 32, 33), (3 * (9 + count), Int(count)),
                (1 << 63 - 1, Int(count)), (.max, Int(count)),
            ]
            for (cookie, skipped) in starts {
                try expect(
                    try listing(index, 5, after: cookie) == Array(all.dropFirst(skipped)), "the listing after \(cookie)"
                )
            }
            for limit in [1, 2, 31, 32, 33, 96, 97, 1_000] {
                try expect(try listing(index, 5, atMost: limit) == Array(all.prefix(limit)), "\(limit) entries")
            }
            try expect(try listing(index, 4).count == 10 && listing(index, 6).count == 5, "a neighbour's listing")
            try expect(try listing(index, 7).isEmpty && listing(index, .max).isEmpty, "a listing of no directory")
        },
        Check("an entry whose inode is missing makes its directory's listing fail") { home in
            let index = try home.make()
            try index.apply([.putEntry(IndexRows.entry("a", 10, cookie: 3))])
            try expect(
                .corrupt(reason: "the entry at 1/3 refers to an inode that does not exist"), "the listing"
            ) { () throws(IndexError) in
                try index.forEachEntry(of: .root, after: 0) { _, _ in true }
            }
        },
        Check("inodes come in ascending order, from any number on, until told to stop") { home in
            let index = try home.make()
            let numbers = (1...1_200).map { UInt64($0) * 5 } + [1 << 63 - 1]
            try index.apply(numbers.reversed().map { .putInode(IndexRows.inode($0, cookie: 3)) })
            func found(from first: UInt64, atMost limit: Int = .max) throws -> [UInt64] {
                var found: [UInt64] = []
                try index.forEachInode(from: InodeNumber(first)) { row in
                    found.append(row.attributes.inode.rawValue)
                    return found.count < limit
                }
                return found
            }
            for first in [0, 1, 5, 6, 160, 161, 6_000, 6_001, 1 << 63 - 1, 1 << 63, .max] as [UInt64] {
                try expect(try found(from: first) == numbers.filter { $0 >= first }, "the inodes from \(first) on")
            }
            for limit in [1, 31, 32, 33, 700] {
                try expect(try found(from: 0, atMost: limit) == Array(numbers.prefix(limit)), "\(limit) inodes")
            }
            try expect(try index.inodeCount() == UInt64(numbers.count), "the count differs")
        },
        Check("dirty capsules and inodes without a name are found, in ascending order, as they come and go") { home in
            var index = try home.make()
            try index.apply((10..<40).reversed().map { .putInode(IndexRows.inode($0, capsule: IndexRows.clean())) })
            try index.apply([30, 20, 12].map { .putInode(IndexRows.inode($0, capsule: IndexRows.dirty())) })
            try index.apply([31, 20, 13].map { .putInode(IndexRows.inode($0, links: 0)) })
            try index.apply([.putInode(IndexRows.inode(30, capsule: IndexRows.clean())), .removeInode(InodeNumber(31))])
            try index.apply([.putInode(IndexRows.inode(39, .directory, links: 0, capsule: IndexRows.dirty()))])
            for _ in 0..<2 {
                let dirty = try index.dirtyInodes()
                try expect(dirty.map(\.attributes.inode.rawValue) == [12, 39], "the dirty inodes")
                try expect(dirty.first == IndexRows.inode(12, capsule: IndexRows.dirty()), "a dirty inode's row")
                let orphans = try index.orphanInodes()
                try expect(orphans.map(\.attributes.inode.rawValue) == [13, 20, 39], "the inodes without a name")
                try expect(orphans.first == IndexRows.inode(13, links: 0), "an orphan's row")
                try index.commit(.process)
                index = try home.reopen(index)
            }
        },
    ]
}
