internal import CSQLite3

/// Plain SQLite in a file, with the tables of the index in one of two orders.
final class PlainDatabase {
    enum EntryOrder: String, CaseIterable {
        /// The table lies in listing order, an index finds names.
        case cookieFirst = "PRIMARY KEY (parent, cookie), index (parent, name)"
        /// The table lies in name order, an index gives the listing order.
        case nameFirst = "PRIMARY KEY (parent, name), index (parent, cookie)"
    }

    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]

    init(path: String, journal: String, order: EntryOrder) {
        var opened: OpaquePointer?
        guard sqlite3_open(path, &opened) == SQLITE_OK, let opened else { fatalError("cannot open \(path)") }
        handle = opened
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = \(journal)")
        for sql in [
            "PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -32768", "PRAGMA temp_store = MEMORY",
            "PRAGMA secure_delete = FAST",
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
                PRIMARY KEY (parent, \(order == .cookieFirst ? "cookie" : "name"))) WITHOUT ROWID
            """,
            "CREATE UNIQUE INDEX entry_other ON entry (parent, \(order == .cookieFirst ? "name" : "cookie"))",
        ] { run(sql) }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close(handle)
    }

    func run(_ sql: String) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        precondition(status == SQLITE_OK, "\(sql): \(status)")
    }

    /// Binds integers and blobs in turn, steps through all rows, returns their number.
    @discardableResult
    func run(_ sql: String, _ integers: [Int64], blob: [UInt8]? = nil, at place: Int32 = 0) -> Int {
        let statement =
            statements[sql]
            ?? {
                var prepared: OpaquePointer?
                guard
                    sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil) == SQLITE_OK,
                    let prepared
                else { fatalError("cannot prepare \(sql)") }
                statements[sql] = prepared
                return prepared
            }()
        var parameter: Int32 = 1
        for value in integers {
            if parameter == place { parameter += 1 }
            sqlite3_bind_int64(statement, parameter, value)
            parameter += 1
        }
        func step() -> Int {
            var rows = 0
            while true {
                let status = sqlite3_step(statement)
                guard status == SQLITE_ROW else {
                    precondition(status == SQLITE_DONE, "\(sql): \(status)")
                    break
                }
                rows += 1
                for column in 0..<sqlite3_column_count(statement) { _ = sqlite3_column_int64(statement, column) }
            }
            sqlite3_reset(statement)
            return rows
        }
        guard let blob else { return step() }
        return blob.withUnsafeBytes { bytes in
            sqlite3_bind_blob(statement, place, bytes.baseAddress, Int32(bytes.count), nil)
            return step()
        }
    }
}
