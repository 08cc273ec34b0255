package import ArgusCore
package import ArgusIndex

/// Everything that an index answers, to compare two of them.
package struct IndexContents: Hashable, Sendable {
    package struct Attribute: Hashable, Sendable {
        var inode: InodeNumber
        var name: [UInt8]
        var value: [UInt8]
    }

    package var inodes: [InodeRow] = []
    package var entries: [EntryRow] = []
    package var attributes: [Attribute] = []
    package var dirty: [InodeRow] = []
    package var orphans: [InodeRow] = []
    package var garbage: [FileID] = []
    package var meta: [MetaKey: [UInt8]] = [:]
    package var inodeCount: UInt64 = 0

    /// Reads all that belongs to the inodes the index has; each entry by listing, by name and by cookie.
    package init(of index: any MappingIndex) throws {
        var rows: [InodeRow] = []
        try index.forEachInode(from: InodeNumber(0)) { row in
            rows.append(row)
            return true
        }
        inodes = rows
        for row in rows {
            let number = row.attributes.inode
            guard try index.inode(number) == row else {
                throw MappingIndexConformance.Failure("inode \(number) differs when asked for alone")
            }
            var listed: [(EntryRow, InodeRow)] = []
            try index.forEachEntry(of: number, after: 0) { entry, inode in
                listed.append((entry, inode))
                return true
            }
            for (entry, inode) in listed {
                guard try index.entry(parent: number, name: entry.name) == entry,
                    try index.entry(parent: number, cookie: entry.cookie) == entry,
                    try index.inode(entry.inode) == inode
                else { throw MappingIndexConformance.Failure("the entry at \(number)/\(entry.cookie) differs") }
                entries.append(entry)
            }
            for (name, value) in try index.attributes(inode: number) {
                guard try index.attribute(inode: number, name: name) == value else {
                    throw MappingIndexConformance.Failure(
                        "an attribute of inode \(number) differs when asked for alone")
                }
                attributes.append(Attribute(inode: number, name: name, value: value))
            }
        }
        dirty = try index.dirtyInodes()
        orphans = try index.orphanInodes()
        garbage = try index.garbage().sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        for key in MetaKey.allCases { meta[key] = try index.meta(key) }
        inodeCount = try index.inodeCount()
    }
}
