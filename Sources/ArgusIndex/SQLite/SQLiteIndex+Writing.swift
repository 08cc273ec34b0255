internal import ArgusCapsule
internal import ArgusCore
internal import ArgusSystem

extension SQLiteIndex {
    package func apply(_ changes: borrowing [IndexChange]) throws(IndexError) {
        guard !isReadOnly else { throw .readOnly }
        if let failure { throw failure }
        var next = 0
        do throws(IndexError) {
            while next < changes.count {
                let slice = next..<min(next + Self.sliceCount, changes.count)
                if next > 0 { letReadersIn() }
                try write { database throws(IndexError) in
                    if !hasTransaction {
                        try database.begin.run()
                        hasTransaction = true
                    }
                    for index in slice { try database.apply(changes[index]) }
                }
                next = slice.upperBound
            }
        } catch {
            failure = error
            throw error
        }
        if !changes.isEmpty { reach = .pending }
    }

    package func commit(_ durability: CommitDurability) throws(IndexError) {
        guard !isReadOnly else { throw .readOnly }
        if let failure { throw failure }
        try finishTransaction()
        let isOrdered = durability == .durable
        do throws(CapsuleError) {
            if reach == .pending || (isOrdered && reach < .ordered) {
                try file.seal(isOrdered: isOrdered)
                lock.withLock { file.discardSealed() }
                reach = isOrdered ? .ordered : .sealed
            }
            if isOrdered && reach == .ordered {
                let commit = try capsule.sync()
                reach = .durable
                whenDurable?(commit)
            }
        } catch {
            throw IndexError(error)
        }
    }

    /// SQLite's COMMIT: moves the changed pages into the overlay.
    private func finishTransaction() throws(IndexError) {
        guard hasTransaction else {
            // Tells a closed index from one with nothing to commit.
            return try write { _ in }
        }
        do throws(IndexError) {
            try write { database throws(IndexError) in
                if database.inodeCountChanged {
                    try database.setMeta(
                        IndexSchema.inodeCountKey, withUnsafeBytes(of: database.inodeCount.littleEndian) { [UInt8]($0) }
                    )
                    database.inodeCountChanged = false
                }
                try database.commit.run()
            }
            hasTransaction = false
        } catch {
            failure = error
            throw error
        }
    }
}

extension Database {
    func apply(_ change: IndexChange) throws(IndexError) {
        switch change {
        case .putInode(let row): try put(row)
        case .removeInode(let number):
            deleteInode.bind(try Self.signed(number), at: 1)
            try deleteInode.run()
            if connection.changedRowCount > 0 {
                inodeCount -= 1
                inodeCountChanged = true
            }
        case .putEntry(let row): try put(row)
        case .removeEntry(let parent, let name): try remove(name, from: Self.signed(parent))
        case .putAttribute(let inode, let name, let value):
            putAttribute.bind(try Self.signed(inode), at: 1)
            try name.withBytes { name throws(IndexError) in
                try value.withBytes { value throws(IndexError) in
                    putAttribute.bind(name, at: 2)
                    putAttribute.bind(value, at: 3)
                    try putAttribute.run()
                }
            }
        case .removeAttribute(let inode, let name):
            deleteAttribute.bind(try Self.signed(inode), at: 1)
            try name.withBytes { name throws(IndexError) in
                deleteAttribute.bind(name, at: 2)
                try deleteAttribute.run()
            }
        case .removeAllAttributes(let inode):
            deleteAttributes.bind(try Self.signed(inode), at: 1)
            try deleteAttributes.run()
        case .putGarbage(let file):
            putGarbage.bind(place(file, at: 0), at: 1)
            try putGarbage.run()
        case .removeGarbage(let file):
            deleteGarbage.bind(place(file, at: 0), at: 1)
            try deleteGarbage.run()
        case .putMeta(let key, let value): try setMeta(key.rawValue, value)
        }
    }

    /// Mostly the name is new; only where it, or the cookie, is taken, what has it is removed first.
    private func put(_ row: EntryRow) throws(IndexError) {
        let parent = try Self.signed(row.parent)
        let cookie = try Self.signed(row.cookie)
        if try insert(row, parent: parent, cookie: cookie) { return }
        try remove(row.name, from: parent)
        deleteEntryAtCookie.bind(parent, at: 1)
        deleteEntryAtCookie.bind(cookie, at: 2)
        try deleteEntryAtCookie.run()
        _ = try insert(row, parent: parent, cookie: cookie)
    }

    private func insert(_ row: EntryRow, parent: Int64, cookie: Int64) throws(IndexError) -> Bool {
        insertEntry.bind(parent, at: 1)
        insertEntry.bind(cookie, at: 2)
        insertEntry.bind(try Self.signed(row.inode), at: 4)
        insertEntry.bind(Int64(row.kind.rawValue), at: 5)
        try row.name.bytes.withBytes { name throws(IndexError) in
            insertEntry.bind(name, at: 3)
            try insertEntry.run()
        }
        return connection.changedRowCount > 0
    }

    private func remove(_ name: FileName, from parent: Int64) throws(IndexError) {
        deleteEntry.bind(parent, at: 1)
        try name.bytes.withBytes { name throws(IndexError) in
            deleteEntry.bind(name, at: 2)
            try deleteEntry.run()
        }
    }
}
