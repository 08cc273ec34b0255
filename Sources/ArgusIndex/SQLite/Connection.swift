internal import CSQLite3
internal import Glibc

/// An SQLite connection to a `PagedCapsule`, set up so that it touches nothing else. Not thread-safe.
final class Connection {
    /// SQLite's cache of plaintext pages: the upper levels of the trees and the leaves in use.
    private static let cacheKibibytes = 32 * 1024

    let handle: OpaquePointer
    let file: PagedCapsule

    /// Fails with `corrupt` where the file is no database, and with what reading the capsule gave.
    init(_ file: PagedCapsule) throws(IndexError) {
        let (status, opened) = CapsuleVFS.open(file)
        guard status == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw file.takeFailure() ?? Self.meaning(of: status)
        }
        handle = opened
        self.file = file
        sqlite3_extended_result_codes(handle, 1)
        guard argus_sqlite3_set_defensive(handle) == SQLITE_OK else {
            throw .corrupt(reason: "SQLite refuses its defensive mode")
        }
        for setting in [
            "page_size = \(PagedCapsule.pageByteCount)",
            "locking_mode = EXCLUSIVE",
            // Undoes a statement in memory; the capsule's commit is what makes a transaction atomic on storage.
            "journal_mode = MEMORY",
            // A COMMIT only hands over pages: `PagedCapsule.seal` decides when they reach storage.
            "synchronous = OFF",
            "cache_size = -\(Self.cacheKibibytes)",
            "cache_spill = OFF",
            "temp_store = MEMORY",
            "mmap_size = 0",
            "foreign_keys = OFF",
            "recursive_triggers = OFF",
            "trusted_schema = OFF",
            // Removed names are zeroed in every page that is written anyway.
            "secure_delete = FAST",
        ] {
            try execute("PRAGMA \(setting)")
        }
        if file.isReadOnly { try execute("PRAGMA query_only = ON") }
    }

    /// The file is let go when the last statement is.
    deinit { sqlite3_close_v2(handle) }

    func execute(_ sql: String) throws(IndexError) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw error(status) }
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    var changedRowCount: Int32 { sqlite3_changes(handle) }

    /// Why a call failed: what the capsule said if it did, else what SQLite's result code means.
    func error(_ status: Int32) -> IndexError { file.takeFailure() ?? Self.meaning(of: status) }

    private static func meaning(of status: Int32) -> IndexError {
        switch status & 0xFF {
        case SQLITE_FULL: .full
        case SQLITE_READONLY: .readOnly
        case SQLITE_NOMEM: .storage(errno: ENOMEM)
        case SQLITE_IOERR: .storage(errno: EIO)
        case SQLITE_NOTADB: .corrupt(reason: "the capsule holds no database")
        case SQLITE_CORRUPT: .corrupt(reason: "the database file is malformed")
        case SQLITE_ERROR: .corrupt(reason: "the tables are not those of this format")
        default: .corrupt(reason: "SQLite failed with result code \(status)")
        }
    }
}
