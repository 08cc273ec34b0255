/// A point in time: seconds since 1970-01-01 UTC, and nanoseconds within the second (0 to 999,999,999).
package struct Timestamp: Hashable, Comparable, Sendable {
    package var seconds: Int64
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static let epoch = Timestamp(seconds: 0, nanoseconds: 0)

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// Tells the time. Tests bring their own.
package protocol Clock: Sendable {
    /// The wall clock.
    func now() -> Timestamp
    /// Nanoseconds of a clock that never goes back and counts suspended time (CLOCK_BOOTTIME).
    func monotonicNanoseconds() -> UInt64
}

/// What kind of file an inode is. The raw value is its `S_IFMT` bits (inode(7)).
package enum FileKind: UInt32, Sendable, CaseIterable {
    case fifo = 0o010000
    case character = 0o020000
    case directory = 0o040000
    case block = 0o060000
    case file = 0o100000
    case symlink = 0o120000
    case socket = 0o140000
}

/// The attributes of an inode, as stat(2) gives them.
package struct FileAttributes: Hashable, Sendable {
    package var inode: InodeNumber
    package var kind: FileKind
    /// The low twelve bits of the mode: set-id bits, sticky bit, permissions.
    package var permissions: UInt32
    package var linkCount: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// Device number of a block or character file (makedev(3)), otherwise 0.
    package var device: UInt32
    /// Bytes of content; of a directory, its number of entries.
    package var size: UInt64
    /// Space on storage in units of 512 bytes.
    package var blocks: UInt64
    package var accessed: Timestamp
    package var modified: Timestamp
    package var changed: Timestamp
    package var created: Timestamp

    package init(
        inode: InodeNumber, kind: FileKind, permissions: UInt32, linkCount: UInt32, uid: UInt32, gid: UInt32,
        device: UInt32 = 0, size: UInt64 = 0, blocks: UInt64 = 0, accessed: Timestamp, modified: Timestamp,
        changed: Timestamp, created: Timestamp
    ) {
        self.inode = inode
        self.kind = kind
        self.permissions = permissions
        self.linkCount = linkCount
        self.uid = uid
        self.gid = gid
        self.device = device
        self.size = size
        self.blocks = blocks
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
        self.created = created
    }

    /// `st_mode`: kind and permissions together.
    package var mode: UInt32 { kind.rawValue | permissions }
}
