internal import CSQLite3

/// A prepared statement (https://sqlite.org/c3ref/stmt.html).
///
/// Use it as a whole: bind all parameters, `run` it or step through its rows, `reset`. Bytes are bound without a
/// copy, so they must stay where they are until the `reset`.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let connection: Connection

    init(_ connection: Connection, _ sql: String) throws(IndexError) {
        var prepared: OpaquePointer?
        let status = sqlite3_prepare_v3(
            connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard status == SQLITE_OK, let prepared else { throw connection.error(status) }
        handle = prepared
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ value: Int64, at parameter: Int32) {
        check(sqlite3_bind_int64(handle, parameter, value))
    }

    func bindNull(at parameter: Int32) {
        check(sqlite3_bind_null(handle, parameter))
    }

    /// Binds the bytes where they lie.
    func bind(_ bytes: UnsafeRawBufferPointer, at parameter: Int32) {
        // A null pointer would bind NULL.
        guard !bytes.isEmpty else { return check(sqlite3_bind_zeroblob(handle, parameter, 0)) }
        check(sqlite3_bind_blob(handle, parameter, bytes.baseAddress, Int32(bytes.count), nil))
    }

    /// Binds UTF-8 where it lies.
    func bindText(_ bytes: UnsafeRawBufferPointer, at parameter: Int32) {
        check(
            sqlite3_bind_text(
                handle, parameter, bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(bytes.count), nil))
    }

    /// Moves to the next row; false where there is none. After an error the statement is reset.
    func step() throws(IndexError) -> Bool {
        let status = sqlite3_step(handle)
        if status == SQLITE_ROW { return true }
        if status == SQLITE_DONE { return false }
        let error = connection.error(status)
        sqlite3_reset(handle)
        throw error
    }

    func reset() { sqlite3_reset(handle) }

    /// Runs a statement that returns no row.
    func run() throws(IndexError) {
        _ = try step()
        reset()
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// The bytes of a column, valid until the next step or reset.
    func withBytes<R, E: Error>(_ column: Int32, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let start = sqlite3_column_blob(handle, column)
        return try body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { [UInt8]($0) } }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    private func check(_ status: Int32) {
        precondition(status == SQLITE_OK, "a parameter could not be bound")
    }
}

extension Statement {
    /// Lends the statement with a text parameter bound.
    func withText<R>(
        _ text: String, at parameter: Int32, _ body: (borrowing Statement) throws(IndexError) -> R
    ) throws(IndexError) -> R {
        try Array(text.utf8).withBytes { bytes throws(IndexError) in
            bindText(bytes, at: parameter)
            return try body(self)
        }
    }
}
