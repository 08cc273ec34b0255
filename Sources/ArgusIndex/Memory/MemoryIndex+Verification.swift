internal import ArgusCore

extension MemoryIndex {
    package func verify() throws(IndexError) -> [String] {
        try read { state in state.findings.prefix(IndexFinding.maxCount).map(\.description) }
    }
}

extension MemoryIndex.State {
    /// The rules, each over all rows, in the order in which the SQLite index reports them.
    fileprivate var findings: [IndexFinding] {
        let rows = inodes.values.sorted { $0.attributes.inode < $1.attributes.inode }
        let directories = Set(rows.filter { $0.attributes.kind == .directory }.map(\.attributes.inode))
        let allEntries = entries.values.flatMap(\.values).sorted { ($0.parent, $0.cookie) < ($1.parent, $1.cookie) }
        let entriesOfInode = Dictionary(grouping: allEntries, by: \.inode)
        let holders = attributes.filter { !$0.value.isEmpty }.keys.sorted()

        var findings: [IndexFinding] = []
        if !directories.contains(.root) { findings.append(.noRoot) }
        for entry in allEntries where inodes[entry.inode] == nil {
            findings.append(.entryWithoutInode(parent: entry.parent, cookie: entry.cookie))
        }
        for entry in allEntries where !directories.contains(entry.parent) {
            findings.append(.entryInNoDirectory(parent: entry.parent, cookie: entry.cookie))
        }
        for entry in allEntries {
            guard let kind = inodes[entry.inode]?.attributes.kind, kind != entry.kind else { continue }
            findings.append(.wrongKind(parent: entry.parent, cookie: entry.cookie))
        }
        for row in rows where row.attributes.kind != .directory {
            let count = entriesOfInode[row.attributes.inode]?.count ?? 0
            guard count != row.attributes.linkCount else { continue }
            findings.append(
                .wrongLinkCount(
                    row.attributes.inode, linkCount: UInt64(row.attributes.linkCount), entryCount: UInt64(count)))
        }
        for row in rows where row.attributes.kind == .directory {
            let count = entriesOfInode[row.attributes.inode]?.count ?? 0
            let expected = row.attributes.inode != .root && row.attributes.linkCount > 0 ? 1 : 0
            guard count != expected else { continue }
            findings.append(.wrongDirectoryEntryCount(row.attributes.inode, entryCount: UInt64(count)))
        }
        for row in rows where row.attributes.inode != .root && row.attributes.linkCount > 0 {
            if row.hasNoPlace && row.attributes.kind != .directory { continue }
            guard entries[row.parent]?[row.cookie]?.inode != row.attributes.inode else { continue }
            findings.append(.wrongPlace(row.attributes.inode))
        }
        for row in rows where row.attributes.kind == .directory {
            let count = entries[row.attributes.inode]?.count ?? 0
            guard row.attributes.size != count else { continue }
            findings.append(
                .wrongDirectorySize(row.attributes.inode, size: row.attributes.size, entryCount: UInt64(count)))
        }
        findings += holders.filter { inodes[$0] == nil }.map { .attributeWithoutInode($0) }
        findings += holders.filter { inodes[$0]?.hasExtendedAttributes == false }.map { .attributeWithoutFlag($0) }
        let reached = reachedDirectories
        for row in rows where row.attributes.kind == .directory && row.attributes.linkCount > 0 {
            if !reached.contains(row.attributes.inode) { findings.append(.unreachable(row.attributes.inode)) }
        }
        return findings
    }

    private var reachedDirectories: Set<InodeNumber> {
        var reached: Set<InodeNumber> = [.root]
        var waiting: [InodeNumber] = [.root]
        while let directory = waiting.popLast() {
            for entry in (entries[directory] ?? [:]).values where entry.kind == .directory {
                if reached.insert(entry.inode).inserted { waiting.append(entry.inode) }
            }
        }
        return reached
    }
}
