package import ArgusCore

extension MemoryIndex {
    package func inode(_ number: InodeNumber) throws(IndexError) -> InodeRow? {
        try read { state in state.inodes[number] }
    }

    package func entry(parent: InodeNumber, name: FileName) throws(IndexError) -> EntryRow? {
        try read { state in state.entry(parent: parent, name: name) }
    }

    package func entry(parent: InodeNumber, cookie: DirectoryCookie) throws(IndexError) -> EntryRow? {
        try read { state in state.entries[parent]?[cookie] }
    }

    package func forEachEntry(
        of parent: InodeNumber, after cookie: DirectoryCookie, _ body: (EntryRow, InodeRow) -> Bool
    ) throws(IndexError) {
        let rows = try read { state throws(IndexError) in
            let entries = (state.entries[parent] ?? [:]).values.filter { $0.cookie > cookie }
            var rows: [(EntryRow, InodeRow)] = []
            for entry in entries.sorted(by: { $0.cookie < $1.cookie }) {
                guard let inode = state.inodes[entry.inode] else {
                    throw .corrupt(
                        reason: IndexFinding.entryWithoutInode(parent: parent, cookie: entry.cookie).description)
                }
                rows.append((entry, inode))
            }
            return rows
        }
        for (entry, inode) in rows { guard body(entry, inode) else { return } }
    }

    package func attribute(inode: InodeNumber, name: [UInt8]) throws(IndexError) -> [UInt8]? {
        try read { state in state.attributes[inode]?[name] }
    }

    package func attributes(inode: InodeNumber) throws(IndexError) -> [(name: [UInt8], value: [UInt8])] {
        try read { state in
            (state.attributes[inode] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
                .map { (name: $0.key, value: $0.value) }
        }
    }

    package func meta(_ key: MetaKey) throws(IndexError) -> [UInt8]? {
        try read { state in state.meta[key] }
    }

    package func forEachInode(from first: InodeNumber, _ body: (InodeRow) -> Bool) throws(IndexError) {
        for row in try inodes(where: { $0.attributes.inode >= first }) { guard body(row) else { return } }
    }

    package func dirtyInodes() throws(IndexError) -> [InodeRow] {
        try inodes { $0.capsule?.isDirty == true }
    }

    package func orphanInodes() throws(IndexError) -> [InodeRow] {
        try inodes { $0.attributes.linkCount == 0 }
    }

    private func inodes(where isWanted: (InodeRow) -> Bool) throws(IndexError) -> [InodeRow] {
        try read { state in
            state.inodes.values.filter(isWanted).sorted { $0.attributes.inode < $1.attributes.inode }
        }
    }

    package func garbage() throws(IndexError) -> [FileID] {
        try read { state in state.garbage.sorted { ($0.high, $0.low) < ($1.high, $1.low) } }
    }

    package func inodeCount() throws(IndexError) -> UInt64 {
        try read { state in UInt64(state.inodes.count) }
    }
}
