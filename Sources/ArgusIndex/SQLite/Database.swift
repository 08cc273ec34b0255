/// A connection and the statements of an index, prepared once. Not thread-safe: `SQLiteIndex` lends it under its lock.
final class Database {
    let connection: Connection
    var file: PagedCapsule { connection.file }

    let begin: Statement
    let commit: Statement

    let insertInode: Statement
    let updateInode: Statement
    let deleteInode: Statement
    let insertEntry: Statement
    let deleteEntry: Statement
    let deleteEntryAtCookie: Statement
    let putAttribute: Statement
    let deleteAttribute: Statement
    let deleteAttributes: Statement
    let putGarbage: Statement
    let deleteGarbage: Statement
    let putMeta: Statement

    let inode: Statement
    let inodes: Statement
    let dirtyInodes: Statement
    let orphanInodes: Statement
    let entry: Statement
    let entryAtCookie: Statement
    let entries: Statement
    let attribute: Statement
    let attributes: Statement
    let garbage: Statement
    let meta: Statement

    /// Where identifiers lie while they are bound: file id, then root tag.
    let identifiers = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)

    /// The number of inodes, the highest number among them, and whether `meta` has yet to learn the former.
    var inodeCount: UInt64
    var highestInode: Int64
    var inodeCountChanged = false

    /// Makes the tables where `isNew`, in a transaction that stays open; otherwise checks them.
    init(_ file: PagedCapsule, isNew: Bool) throws(IndexError) {
        let connection = try Connection(file)
        self.connection = connection
        if isNew {
            try connection.execute("BEGIN IMMEDIATE")
            try IndexSchema.create(in: connection)
        } else {
            try IndexSchema.check(connection)
        }

        func prepare(_ sql: String) throws(IndexError) -> Statement { try Statement(connection, sql) }
        let columns = IndexSchema.inodeColumns
        let allColumns = columns.joined(separator: ", ")
        begin = try prepare("BEGIN IMMEDIATE")
        commit = try prepare("COMMIT")

        let places = columns.indices.map { "?\($0 + 1)" }
        insertInode = try prepare("INSERT INTO inode (\(allColumns)) VALUES (\(places.joined(separator: ", ")))")
        let settings = zip(columns, places).dropFirst().map { "\($0) = \($1)" }
        updateInode = try prepare("UPDATE inode SET \(settings.joined(separator: ", ")) WHERE number = ?1")
        deleteInode = try prepare("DELETE FROM inode WHERE number = ?1")
        insertEntry = try prepare(
            "INSERT OR IGNORE INTO entry (parent, cookie, name, inode, kind) VALUES (?1, ?2, ?3, ?4, ?5)")
        deleteEntry = try prepare("DELETE FROM entry WHERE parent = ?1 AND name = ?2")
        deleteEntryAtCookie = try prepare("DELETE FROM entry WHERE parent = ?1 AND cookie = ?2")
        putAttribute = try prepare(
            """
            INSERT INTO xattr (inode, name, value) VALUES (?1, ?2, ?3)
                ON CONFLICT (inode, name) DO UPDATE SET value = excluded.value
            """)
        deleteAttribute = try prepare("DELETE FROM xattr WHERE inode = ?1 AND name = ?2")
        deleteAttributes = try prepare("DELETE FROM xattr WHERE inode = ?1")
        putGarbage = try prepare("INSERT OR IGNORE INTO garbage (file) VALUES (?1)")
        deleteGarbage = try prepare("DELETE FROM garbage WHERE file = ?1")
        putMeta = try prepare(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")

        let selectInode = "SELECT \(allColumns) FROM inode"
        inode = try prepare("\(selectInode) WHERE number = ?1")
        inodes = try prepare("\(selectInode) WHERE number >= ?1 ORDER BY number LIMIT ?2")
        dirtyInodes = try prepare("\(selectInode) WHERE dirty = 1 ORDER BY number")
        orphanInodes = try prepare("\(selectInode) WHERE links = 0 ORDER BY number")
        let selectEntry = "SELECT cookie, name, inode, kind FROM entry"
        entry = try prepare("\(selectEntry) WHERE parent = ?1 AND name = ?2")
        entryAtCookie = try prepare("\(selectEntry) WHERE parent = ?1 AND cookie = ?2")
        let inodeColumns = columns.map { "inode.\($0)" }.joined(separator: ", ")
        entries = try prepare(
            """
            SELECT entry.cookie, entry.name, entry.inode, entry.kind, \(inodeColumns)
                FROM entry LEFT JOIN inode ON inode.number = entry.inode
                WHERE entry.parent = ?1 AND entry.cookie > ?2 ORDER BY entry.cookie LIMIT ?3
            """)
        attribute = try prepare("SELECT value FROM xattr WHERE inode = ?1 AND name = ?2")
        attributes = try prepare("SELECT name, value FROM xattr WHERE inode = ?1 ORDER BY name")
        garbage = try prepare("SELECT file FROM garbage ORDER BY file")
        meta = try prepare("SELECT value FROM meta WHERE key = ?1")

        let highest = try prepare("SELECT ifnull(max(number), 0) FROM inode")
        highestInode = try highest.step() ? highest.integer(0) : 0
        inodeCount = 0
        if isNew {
            inodeCountChanged = true
        } else {
            inodeCount = try storedInodeCount()
        }
    }

    deinit { identifiers.deallocate() }

    func storedInodeCount() throws(IndexError) -> UInt64 {
        guard let bytes = try metaValue(IndexSchema.inodeCountKey), bytes.count == 8 else {
            throw .corrupt(reason: "the number of inodes is missing")
        }
        return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    func metaValue(_ key: String) throws(IndexError) -> [UInt8]? {
        try meta.withText(key, at: 1) { statement throws(IndexError) in
            defer { statement.reset() }
            return try statement.step() ? statement.bytes(0) : nil
        }
    }

    func setMeta(_ key: String, _ value: [UInt8]) throws(IndexError) {
        try putMeta.withText(key, at: 1) { statement throws(IndexError) in
            try value.withBytes { bytes throws(IndexError) in
                statement.bind(bytes, at: 2)
                try statement.run()
            }
        }
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` with typed throws.
    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { buffer throws(E) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}
