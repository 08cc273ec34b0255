package import ArgusCore

/// The process behind a request, as the kernel names it.
package struct Caller: Hashable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    /// Thread id of the caller in the driver's pid namespace; 0 where the kernel acts on its own.
    package var pid: UInt32

    package init(uid: UInt32, gid: UInt32, pid: UInt32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}

/// Names an open file or directory; never reused during a mount.
package typealias HandleID = UInt64

/// What the kernel is told about a file it opened.
package struct OpenResult: Hashable, Sendable {
    package var handle: HandleID
    /// Pages of an earlier open are still true.
    package var keepsCache: Bool
    package var usesDirectIO: Bool
    /// `close` must wait for `flush`, because only then it is known whether the data fits the store.
    package var needsFlush: Bool
    /// The kernel may keep the listing of a directory.
    package var cachesListing: Bool
}

package enum TimeChange: Hashable, Sendable {
    case now
    case to(Timestamp)
}

/// Which attributes to change; nil leaves one as it is.
package struct AttributeChanges: Sendable {
    package var permissions: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    package var size: UInt64?
    package var accessed: TimeChange?
    package var modified: TimeChange?
    package var changed: Timestamp?
    /// The open file behind ftruncate(2), whose permission was checked at open.
    package var handle: HandleID?
    /// The caller lacks CAP_FSETID: a change of size clears the set-id bits.
    package var killsSetID: Bool

    /// Nothing but the time of change.
    package var isEmpty: Bool {
        permissions == nil && uid == nil && gid == nil && size == nil && accessed == nil && modified == nil
    }

    package init(
        permissions: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil, size: UInt64? = nil,
        accessed: TimeChange? = nil, modified: TimeChange? = nil, changed: Timestamp? = nil,
        handle: HandleID? = nil, killsSetID: Bool = false
    ) {
        self.permissions = permissions
        self.uid = uid
        self.gid = gid
        self.size = size
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
        self.handle = handle
        self.killsSetID = killsSetID
    }
}

/// One line of a directory's listing; `.` and `..` are the driver's.
package struct DirectoryItem: Sendable {
    package var name: FileName
    package var inode: InodeNumber
    package var kind: FileKind
    package var cookie: DirectoryCookie
    package var attributes: FileAttributes

    package init(
        name: FileName, inode: InodeNumber, kind: FileKind, cookie: DirectoryCookie, attributes: FileAttributes
    ) {
        self.name = name
        self.inode = inode
        self.kind = kind
        self.cookie = cookie
        self.attributes = attributes
    }
}

/// What statfs(2) tells, in blocks of `blockSize` bytes.
package struct VolumeStatistics: Hashable, Sendable {
    package var blockSize: UInt32
    package var totalBlocks: UInt64
    package var freeBlocks: UInt64
    package var availableBlocks: UInt64
    package var totalFiles: UInt64
    package var freeFiles: UInt64
    package var nameLength: UInt32
}

/// Flags of renameat2(2), with Linux's values.
package struct RenameFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noReplace = RenameFlags(rawValue: 1)
    package static let exchange = RenameFlags(rawValue: 2)
    package static let whiteout = RenameFlags(rawValue: 4)

    /// Exchanging leaves both names in use: it goes with nothing else.
    package var isValid: Bool {
        self == .exchange || isSubset(of: [.noReplace, .whiteout])
    }
}

/// Modes of fallocate(2), with Linux's values.
package struct AllocateMode: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let keepSize = AllocateMode(rawValue: 0x01)
    package static let punchHole = AllocateMode(rawValue: 0x02)
    package static let collapse = AllocateMode(rawValue: 0x08)
    package static let zeroRange = AllocateMode(rawValue: 0x10)
    package static let insert = AllocateMode(rawValue: 0x20)
    package static let unshare = AllocateMode(rawValue: 0x40)
}

package enum SeekWhence: Sendable {
    case data, hole
}

/// Flags of setxattr(2), with Linux's values.
package struct XattrFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let create = XattrFlags(rawValue: 1)
    package static let replace = XattrFlags(rawValue: 2)
}

/// Flags of open(2), with the values of Linux on x86-64 and arm64.
package struct OpenFlags: OptionSet, Hashable, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let writeOnly = OpenFlags(rawValue: 0o1)
    package static let readWrite = OpenFlags(rawValue: 0o2)
    package static let exclusive = OpenFlags(rawValue: 0o200)
    package static let truncate = OpenFlags(rawValue: 0o1000)
    package static let append = OpenFlags(rawValue: 0o2000)
    /// O_DIRECT: each of x86-64 and arm64 has one of these bits for it, and the other for O_DIRECTORY, which no file has.
    package static let direct = OpenFlags(rawValue: 0o240000)
    /// Reading leaves the access time as it is (O_NOATIME).
    package static let noAccessTime = OpenFlags(rawValue: 0o1000000)
    /// fcntl.h's FMODE_EXEC as the kernel passes it: the file is opened to be executed.
    package static let execute = OpenFlags(rawValue: 0o40)

    package var reads: Bool { rawValue & 0o3 != 0o1 }
    package var writes: Bool { rawValue & 0o3 != 0 }
}

/// What the kernel caches of a mount, as the driver changes it.
package protocol KernelCache: Sendable {
    /// Puts the beginning of a file's content there, and has the attributes asked for again where `dropsAttributes` says
    /// so; may wait for requests that are being served.
    func storeContent(of inode: InodeNumber, _ bytes: UnsafeRawBufferPointer, dropsAttributes: Bool)

    // What follows never waits.

    /// Drops cached pages of `range`, or of the whole file, and the cached attributes.
    func invalidateContent(of inode: InodeNumber, range: Range<UInt64>?)
    /// What waits is to be told with the answer that is under way, not after another thread has woken up.
    func hasten()
    /// Drops all cached pages, mapped ones too, after what was changed in them was written; then calls `completion`, on
    /// another thread. Dropped without a call where the mount is gone.
    func dropContent(of inode: InodeNumber, completion: @escaping @Sendable () -> Void)
    func invalidateEntry(_ name: FileName, in parent: InodeNumber)
}
