package import ArgusCore

extension SQLiteIndex {
    package func inode(_ number: InodeNumber) throws(IndexError) -> InodeRow? {
        guard let key = Int64(exactly: number.rawValue) else { return nil }
        return try read { database throws(IndexError) in
            database.inode.bind(key, at: 1)
            defer { database.inode.reset() }
            return try database.inode.step() ? try database.inode.inodeRow() : nil
        }
    }

    package func entry(parent: InodeNumber, name: FileName) throws(IndexError) -> EntryRow? {
        guard let key = Int64(exactly: parent.rawValue) else { return nil }
        return try read { database throws(IndexError) in
            try name.bytes.withBytes { name throws(IndexError) in
                database.entry.bind(key, at: 1)
                database.entry.bind(name, at: 2)
                defer { database.entry.reset() }
                return try database.entry.step() ? try database.entry.entryRow(parent: parent) : nil
            }
        }
    }

    package func entry(parent: InodeNumber, cookie: DirectoryCookie) throws(IndexError) -> EntryRow? {
        guard let key = Int64(exactly: parent.rawValue), let cookie = Int64(exactly: cookie) else { return nil }
        return try read { database throws(IndexError) in
            database.entryAtCookie.bind(key, at: 1)
            database.entryAtCookie.bind(cookie, at: 2)
            defer { database.entryAtCookie.reset() }
            return try database.entryAtCookie.step() ? try database.entryAtCookie.entryRow(parent: parent) : nil
        }
    }

    /// Reads slices under the lock and calls `body` outside it.
    package func forEachEntry(
        of parent: InodeNumber, after cookie: DirectoryCookie, _ body: (EntryRow, InodeRow) -> Bool
    ) throws(IndexError) {
        guard let key = Int64(exactly: parent.rawValue), var last = Int64(exactly: cookie) else { return }
        var limit = Self.listingSliceCounts.first
        while true {
            let slice = try read { database throws(IndexError) in
                var rows: [(EntryRow, InodeRow)] = []
                rows.reserveCapacity(limit)
                database.entries.bind(key, at: 1)
                database.entries.bind(last, at: 2)
                database.entries.bind(Int64(limit), at: 3)
                defer { database.entries.reset() }
                while try database.entries.step() {
                    let entry = try database.entries.entryRow(parent: parent)
                    guard !database.entries.isNull(4) else {
                        throw .corrupt(
                            reason: IndexFinding.entryWithoutInode(parent: parent, cookie: entry.cookie).description)
                    }
                    rows.append((entry, try database.entries.inodeRow(at: 4)))
                }
                return rows
            }
            for (entry, inode) in slice {
                guard body(entry, inode) else { return }
                last = Int64(entry.cookie)
            }
            guard slice.count == limit else { return }
            limit = min(limit * 2, Self.listingSliceCounts.largest)
        }
    }

    package func attribute(inode: InodeNumber, name: [UInt8]) throws(IndexError) -> [UInt8]? {
        guard let key = Int64(exactly: inode.rawValue) else { return nil }
        return try read { database throws(IndexError) in
            try name.withBytes { name throws(IndexError) in
                database.attribute.bind(key, at: 1)
                database.attribute.bind(name, at: 2)
                defer { database.attribute.reset() }
                return try database.attribute.step() ? database.attribute.bytes(0) : nil
            }
        }
    }

    package func attributes(inode: InodeNumber) throws(IndexError) -> [(name: [UInt8], value: [UInt8])] {
        guard let key = Int64(exactly: inode.rawValue) else { return [] }
        return try read { database throws(IndexError) in
            var rows: [(name: [UInt8], value: [UInt8])] = []
            database.attributes.bind(key, at: 1)
            defer { database.attributes.reset() }
            while try database.attributes.step() {
                rows.append((database.attributes.bytes(0), database.attributes.bytes(1)))
            }
            return rows
        }
    }

    package func meta(_ key: MetaKey) throws(IndexError) -> [UInt8]? {
        try read { database throws(IndexError) in try database.metaValue(key.rawValue) }
    }

    /// Reads slices under the lock and calls `body` outside it.
    package func forEachInode(from first: InodeNumber, _ body: (InodeRow) -> Bool) throws(IndexError) {
        guard var next = Int64(exactly: first.rawValue) else { return }
        var limit = Self.listingSliceCounts.first
        while true {
            let slice = try read { database throws(IndexError) in
                var rows: [InodeRow] = []
                rows.reserveCapacity(limit)
                database.inodes.bind(next, at: 1)
                database.inodes.bind(Int64(limit), at: 2)
                defer { database.inodes.reset() }
                while try database.inodes.step() { rows.append(try database.inodes.inodeRow()) }
                return rows
            }
            for row in slice { guard body(row) else { return } }
            guard slice.count == limit, let last = slice.last?.attributes.inode.rawValue, last < Int64.max else {
                return
            }
            next = Int64(last) + 1
            limit = min(limit * 2, Self.listingSliceCounts.largest)
        }
    }

    package func dirtyInodes() throws(IndexError) -> [InodeRow] {
        try read { database throws(IndexError) in
            var rows: [InodeRow] = []
            defer { database.dirtyInodes.reset() }
            while try database.dirtyInodes.step() { rows.append(try database.dirtyInodes.inodeRow()) }
            return rows
        }
    }

    package func orphanInodes() throws(IndexError) -> [InodeRow] {
        try read { database throws(IndexError) in
            var rows: [InodeRow] = []
            defer { database.orphanInodes.reset() }
            while try database.orphanInodes.step() { rows.append(try database.orphanInodes.inodeRow()) }
            return rows
        }
    }

    package func garbage() throws(IndexError) -> [FileID] {
        try read { database throws(IndexError) in
            var files: [FileID] = []
            defer { database.garbage.reset() }
            while try database.garbage.step() {
                guard let file = database.garbage.identifier(0, of: FileIdentityKind.self) else {
                    throw .corrupt(reason: "a capsule to be deleted has no valid id")
                }
                files.append(file)
            }
            return files
        }
    }

    package func inodeCount() throws(IndexError) -> UInt64 {
        try read { database in database.inodeCount }
    }
}
