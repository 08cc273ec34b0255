internal import ArgusCore

/// What bounds a folder's spool while a segment is written, as the segment's first record has it.
package struct JournalRetention: Hashable, Sendable {
    package var spoolByteCount: UInt64
    package var seconds: Int64
    /// Nothing goes.
    package var keepsAll: Bool

    init(_ reader: inout ByteReader) throws(MalformedBytes) {
        spoolByteCount = try reader.integer()
        seconds = try reader.integer()
        keepsAll = try reader.integer(UInt8.self) & 1 == 1
    }
}
