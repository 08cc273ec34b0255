internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex

/// A name in a cached directory: an inode, or the knowledge that there is none.
struct Dentry {
    /// Nil: the name is known to be absent.
    var inode: InodeNumber?
    var kind: FileKind
    var cookie: DirectoryCookie
    /// Number of the newest change to this name; it must stay in memory until that is in the index.
    var changeNumber: UInt64
}

/// An inode in memory: its row, and for a directory the names it is known to hold.
///
/// Everything in it is guarded by the volume's namespace lock. It may be evicted when its newest change is in
/// the index and nobody has it open; the kernel may hold its number beyond that.
final class Node {
    let inode: InodeNumber
    var row: InodeRow
    /// Names of a directory, as far as they are known.
    var children: [FileName: Dentry] = [:]
    /// Whether a name missing from `children` does not exist.
    var knowsAllChildren = false
    /// The name at (`row.parent`, `row.cookie`), once it is known.
    var name: FileName?
    /// A directory's path, good while `pathEpoch` is the namespace's.
    var path: [UInt8]?
    var pathEpoch: UInt64 = 0
    /// All extended attributes, once one was asked for.
    var extendedAttributes: [[UInt8]: [UInt8]]?
    /// Number of the newest queued change of the row or its attributes.
    var changeNumber: UInt64 = 0
    /// Number of the change that created the inode in this mount; 0 where it is older.
    var creationNumber: UInt64 = 0
    /// Number of the change that marked the row of a file at rest as dirty: until it is durable, its capsule stays as
    /// it is, or is not made.
    var markNumber: UInt64 = 0
    /// Batch and place of the row's newest step in the queue, so that a later one can replace it there.
    var queuedBatch: UInt64 = 0
    var queuedPlace = 0
    /// Size and times that differ from the row in the queue: written when the file is closed or synced.
    var hasUnqueuedTimes = false
    var openCount = 0
    /// The content while the file is open or has data to write.
    var content: FileContent?
    /// The kernel was given the content at an open.
    var isFilled = false
    /// The newest commit of the capsule, where it is newer than the row says.
    var newestCommit: CommitInfo?
    /// The capsule takes no change any more: it is not authentic, or a sync of it has failed.
    var isBroken = false
    /// No name is left. The row goes when the last handle does.
    var isRemoved = false
    /// Made without a name (O_TMPFILE): it may get its first one while it is open.
    var isUnnamed = false
    /// The row is removed too, and must not come back.
    var hasNoRow = false
    /// The kernel let go of a removed inode.
    var isForgotten = false
    /// Used since the last look for something to evict.
    var isRecent = true

    init(inode: InodeNumber, row: InodeRow) {
        self.inode = inode
        self.row = row
    }

    var isDirectory: Bool { row.attributes.kind == .directory }
}

extension CapsuleState {
    /// A capsule that is about to be made.
    static func unwritten(generation: KeyGeneration) -> CapsuleState {
        CapsuleState(durableCommit: 0, rootTag: .init(high: 0, low: 0), isDirty: true, keyGeneration: generation)
    }

    /// What the index says of a capsule whose commit `info` is durable.
    init(durable info: CommitInfo, isDirty: Bool) {
        self.init(
            durableCommit: info.commit, rootTag: .init(high: info.rootTag.high, low: info.rootTag.low),
            isDirty: isDirty, keyGeneration: info.keyGeneration)
    }
}
