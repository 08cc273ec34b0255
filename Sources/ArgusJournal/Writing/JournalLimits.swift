/// Sizes and times that bound a folder's journal.
package struct JournalLimits: Hashable, Sendable, Codable {
    package enum Retention: String, Hashable, Sendable, Codable {
        /// The oldest closed segments go when the spool is full or they are too old.
        case removesOldest
        /// Nothing goes before someone else has it.
        case keepsAll
    }

    /// A segment's size: a multiple of 4,096 bytes, 128 KiB to 64 MiB.
    package var segmentByteCount: Int
    /// The folder's segments together, at most.
    package var spoolByteCount: UInt64
    /// Older segments go (90 days).
    package var retentionSeconds: Int64
    package var retention: Retention
    /// A strict folder opens nothing more from here on, where nothing may be removed.
    package var strictRefusalPercent: UInt64
    /// Kept free for closing, unmounting and administrators.
    package var reserveByteCount: Int
    /// How long equal denials are counted before the count is recorded.
    package var denialWindowNanoseconds: UInt64
    /// Groups of equal denials that a uid may have in a window; what comes on top is counted as one.
    package var denialGroupsPerUID: Int
    /// From a record to the start of its group commit. With the time of the sync it stays below 100 ms.
    package var groupNanoseconds: UInt64

    package init(
        segmentByteCount: Int = 4 << 20, spoolByteCount: UInt64 = 1 << 30, retentionSeconds: Int64 = 90 * 86_400,
        retention: Retention = .removesOldest, strictRefusalPercent: UInt64 = 85, reserveByteCount: Int = 64 << 10,
        denialWindowNanoseconds: UInt64 = 10_000_000_000, denialGroupsPerUID: Int = 32,
        groupNanoseconds: UInt64 = 40_000_000
    ) {
        self.segmentByteCount = segmentByteCount
        self.spoolByteCount = spoolByteCount
        self.retentionSeconds = retentionSeconds
        self.retention = retention
        self.strictRefusalPercent = strictRefusalPercent
        self.reserveByteCount = reserveByteCount
        self.denialWindowNanoseconds = denialWindowNanoseconds
        self.denialGroupsPerUID = denialGroupsPerUID
        self.groupNanoseconds = groupNanoseconds
    }

    /// The smallest spool: sixteen segments of the smallest size.
    package static let spoolMinBytes: UInt64 = 2 << 20
    package static let spoolMaxBytes: UInt64 = 1 << 50
    private static let segmentsPerSpool: UInt64 = 16

    /// Bounds the spool. Small ones have small segments, since whole ones go and are counted.
    package mutating func bound(spoolByteCount bytes: UInt64) {
        precondition((Self.spoolMinBytes...Self.spoolMaxBytes).contains(bytes), "a spool's size is out of bounds")
        spoolByteCount = bytes
        segmentByteCount = min(segmentByteCount, Int(bytes / Self.segmentsPerSpool) & ~4095)
    }
}

/// When an append returns.
package enum JournalMode: Hashable, Sendable {
    /// The record is in the mapped segment: it survives the end of the process, and is on disk within 100 ms.
    case normal
    /// The record is on disk.
    case strict
}
