/// The tables of an index, and the version of their format.
///
/// Inode numbers and cookies are below 2⁶³, so they compare as SQLite's signed integers do; other 64-bit fields are
/// stored bit for bit. A time is two columns, seconds and nanoseconds: the pair sorts as the time does and covers
/// every second that stat(2) can give, where nanoseconds in one integer would end in 2262. No column is declared NOT
/// NULL: the rows are checked when read, and constraints that can abort make SQLite journal every statement.
enum IndexSchema {
    /// `PRAGMA user_version`; grows with every change that an older version would misread.
    static let version: UInt32 = 1
    /// `PRAGMA application_id`: "ARGI".
    static let applicationID: Int64 = 0x4152_4749

    static let inodeColumns = [
        "number", "parent", "cookie", "file", "mode", "links", "uid", "gid", "device", "size", "blocks",
        "accessed", "accessed_ns", "modified", "modified_ns", "changed", "changed_ns", "created", "created_ns",
        "has_xattrs", "target", "durable_commit", "root_tag", "dirty", "key_generation",
    ]

    /// Key in `meta` of the number of inodes, kept with every commit: counting a million rows for statfs(2) would
    /// read the whole table.
    static let inodeCountKey = "inodeCount"

    static let statements = [
        """
        CREATE TABLE inode (number INTEGER PRIMARY KEY, parent INTEGER, cookie INTEGER, file BLOB, mode INTEGER,
            links INTEGER, uid INTEGER, gid INTEGER, device INTEGER, size INTEGER, blocks INTEGER,
            accessed INTEGER, accessed_ns INTEGER, modified INTEGER, modified_ns INTEGER,
            changed INTEGER, changed_ns INTEGER, created INTEGER, created_ns INTEGER,
            has_xattrs INTEGER, target BLOB, durable_commit INTEGER, root_tag BLOB, dirty INTEGER,
            key_generation INTEGER)
        """,
        "CREATE INDEX inode_dirty ON inode (dirty) WHERE dirty = 1",
        "CREATE INDEX inode_orphan ON inode (links) WHERE links = 0",
        """
        CREATE TABLE entry (parent INTEGER, cookie INTEGER, name BLOB, inode INTEGER, kind INTEGER,
            PRIMARY KEY (parent, cookie)) WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX entry_name ON entry (parent, name)",
        "CREATE TABLE xattr (inode INTEGER, name BLOB, value BLOB, PRIMARY KEY (inode, name)) WITHOUT ROWID",
        "CREATE TABLE garbage (file BLOB PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
    ]

    /// Makes the tables, as part of the open transaction.
    static func create(in connection: Connection) throws(IndexError) {
        for statement in statements { try connection.execute(statement) }
        try connection.execute("PRAGMA application_id = \(applicationID)")
        try connection.execute("PRAGMA user_version = \(version)")
    }

    /// Fails with `newerFormat` or `corrupt` unless the file holds exactly these tables.
    static func check(_ connection: Connection) throws(IndexError) {
        let application = try number(of: "PRAGMA application_id", in: connection)
        let found = try number(of: "PRAGMA user_version", in: connection)
        guard application == applicationID, let found = UInt32(exactly: found), found > 0 else {
            throw .corrupt(reason: "the database is no index")
        }
        guard found <= version else { throw .newerFormat(found: found, supported: version) }
        let list = try Statement(connection, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
        var present: [String] = []
        while try list.step() { present.append(list.text(0)) }
        guard present == statements else { throw .corrupt(reason: "the tables are not those of format \(version)") }
    }

    private static func number(of sql: String, in connection: Connection) throws(IndexError) -> Int64 {
        let statement = try Statement(connection, sql)
        return try statement.step() ? statement.integer(0) : 0
    }
}
