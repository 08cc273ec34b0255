package import ArgusCore

/// A record of a journal as it is remembered elsewhere: its number, its hash, and the stream that has it. Sequences
/// begin anew in each stream, so that without the stream a number says little.
package struct JournalMark: Hashable, Sendable {
    /// Nil where it was remembered before streams were.
    package var stream: StreamID?
    package var sequence: UInt64
    /// 32 bytes.
    package var hash: [UInt8]

    package init(stream: StreamID?, sequence: UInt64, hash: [UInt8]) {
        self.stream = stream
        self.sequence = sequence
        self.hash = hash
    }

    /// Whether a record of `stream` may be the one.
    func isIn(_ other: StreamID) -> Bool { stream == nil || stream == other }
}
