package import ArgusCore

/// How far the index knows a file's capsule, and what it must be when opened (docs/formats/capsule.md).
package struct CapsuleState: Hashable, Sendable {
    /// The newest commit known to be durable; 0: never committed, the capsule may be absent or torn.
    package var durableCommit: CommitNumber
    /// The authentication tag of that commit's root: 16 bytes, zero when `durableCommit` is 0.
    package var rootTag: Identifier<RootTagKind>
    /// True while the capsule may be ahead of `durableCommit`: after an unclean end it must be looked at.
    package var isDirty: Bool
    /// Generation of the folder key that wraps the file's key in the capsule's header.
    package var keyGeneration: KeyGeneration

    package init(
        durableCommit: CommitNumber, rootTag: Identifier<RootTagKind>, isDirty: Bool, keyGeneration: KeyGeneration
    ) {
        self.durableCommit = durableCommit
        self.rootTag = rootTag
        self.isDirty = isDirty
        self.keyGeneration = keyGeneration
    }
}

package enum RootTagKind {}

/// Everything the index knows of one inode but its names and extended attributes.
package struct InodeRow: Hashable, Sendable {
    package var attributes: FileAttributes
    package var fileID: FileID
    /// The directory that holds the inode, and its place there; for a file of several names, one of them, or 0 and
    /// 0 after that one was removed and until another is looked up.
    package var parent: InodeNumber
    package var cookie: DirectoryCookie
    /// Target of a symbolic link, otherwise empty.
    package var linkTarget: [UInt8]
    /// Nil for what has no content of its own on storage: directories, special files, files never written to.
    package var capsule: CapsuleState?
    /// Whether the inode has extended attributes, so that most questions for one need no query.
    package var hasExtendedAttributes: Bool

    package init(
        attributes: FileAttributes, fileID: FileID, parent: InodeNumber, cookie: DirectoryCookie,
        linkTarget: [UInt8] = [], capsule: CapsuleState? = nil, hasExtendedAttributes: Bool = false
    ) {
        self.attributes = attributes
        self.fileID = fileID
        self.parent = parent
        self.cookie = cookie
        self.linkTarget = linkTarget
        self.capsule = capsule
        self.hasExtendedAttributes = hasExtendedAttributes
    }
}

extension InodeRow {
    /// Whether the place is to be found again (`parent`).
    package var hasNoPlace: Bool { parent.rawValue == 0 && cookie == 0 }
}

/// One name in one directory.
package struct EntryRow: Hashable, Sendable {
    package var parent: InodeNumber
    package var name: FileName
    package var inode: InodeNumber
    package var kind: FileKind
    package var cookie: DirectoryCookie

    package init(parent: InodeNumber, name: FileName, inode: InodeNumber, kind: FileKind, cookie: DirectoryCookie) {
        self.parent = parent
        self.name = name
        self.inode = inode
        self.kind = kind
        self.cookie = cookie
    }
}

/// One step of a batch. Steps are absolute, so that several for one key may be folded into the last.
package enum IndexChange: Sendable {
    case putInode(InodeRow)
    case removeInode(InodeNumber)
    /// Sets the entry at (parent, name), replacing what was there, and what else of that directory has its cookie.
    case putEntry(EntryRow)
    case removeEntry(parent: InodeNumber, name: FileName)
    case putAttribute(inode: InodeNumber, name: [UInt8], value: [UInt8])
    case removeAttribute(inode: InodeNumber, name: [UInt8])
    case removeAllAttributes(inode: InodeNumber)
    /// A capsule to be deleted from the store, once the batch that says so is durable.
    case putGarbage(FileID)
    case removeGarbage(FileID)
    /// A value of the folder as a whole.
    case putMeta(key: MetaKey, value: [UInt8])
}

/// The values an index holds for its folder as a whole; the raw value is the key on disk.
package enum MetaKey: String, Sendable, CaseIterable {
    /// 16 bytes: the first inode number that a capsule without a row may belong to, and the end of the numbers
    /// leased so far. After an unclean end the numbers between are probed for orphans.
    case inodeLease
    /// 8 bytes: cookies below this were leased and may be in use.
    case cookieLease
    /// 1 byte: 1 from the durable start of a mount to its clean end.
    case mounted
    /// The newest record of the journal that the driver knew (docs/formats/journal.md): its sequence number, 8 bytes, its
    /// hash, 32 bytes, and its stream, 16 bytes.
    case journalHead
    /// 1 byte: 1 from an unclean end until a full check: capsules may be one commit ahead of their clean rows.
    case mayLag
    /// 16 bytes: the boot during which the index was last written (/proc/sys/kernel/random/boot_id).
    case bootID
    /// 4 bytes: every capsule has the folder's key of this generation, or a newer one.
    case rewrapped
    /// 1 byte: 1 in an index that lies in a backup, and is no folder's until it is restored.
    case inBackup
}

package enum IndexError: Error, Hashable, Sendable {
    /// The capsule that holds the index is damaged, rolled back or absent: `reason` says which.
    case unauthentic(reason: String)
    /// The index was written by a newer version of ARGUS.
    case newerFormat(found: UInt32, supported: UInt32)
    /// The rows contradict each other or the format: `reason` says how, without names.
    case corrupt(reason: String)
    case full
    case readOnly
    /// Storage failed, with its errno.
    case storage(errno: Int32)
}

/// How far a batch of changes has gone when `commit` returns.
package enum CommitDurability: Sendable {
    /// Survives the end of this process.
    case process
    /// Survives a power cut. Everything the changes refer to must be durable already.
    case durable
}

/// The mapping index of one folder: virtual paths to inodes, inodes to capsules.
///
/// One process writes it, and in that process one thread calls `apply` and `commit`; readers may be on any thread.
/// A read sees all changes applied so far, committed or not. Inode numbers and cookies are below 2⁶³.
package protocol MappingIndex: AnyObject, Sendable {
    /// Applies the changes in order, as part of the transaction that the next `commit` ends.
    ///
    /// An error ends all writing, since half a batch must never be committed: from then on `apply` and `commit` fail
    /// with it, and what was applied since the last commit never reaches storage. Reads go on.
    func apply(_ changes: borrowing [IndexChange]) throws(IndexError)
    /// Makes everything applied so far one atomic step: after a crash all of it is there, or none.
    ///
    /// After an error the changes are still applied and readable, and part of the next commit: after `full`, make room
    /// and commit again, do not apply again. More changes may be applied meanwhile; they are held in memory. After
    /// `storage` from a durable commit nothing is known of the disk, and every later commit fails until the index is
    /// opened anew.
    func commit(_ durability: CommitDurability) throws(IndexError)

    func inode(_ number: InodeNumber) throws(IndexError) -> InodeRow?
    func entry(parent: InodeNumber, name: FileName) throws(IndexError) -> EntryRow?
    /// Calls `body` for the entries of a directory with a cookie above `cookie`, in the order of cookies, with
    /// each entry's inode, until it returns false. `body` must not call the index.
    func forEachEntry(
        of parent: InodeNumber, after cookie: DirectoryCookie, _ body: (EntryRow, InodeRow) -> Bool
    ) throws(IndexError)
    /// The entry at the place that `InodeRow.parent` and `InodeRow.cookie` name.
    func entry(parent: InodeNumber, cookie: DirectoryCookie) throws(IndexError) -> EntryRow?
    func attribute(inode: InodeNumber, name: [UInt8]) throws(IndexError) -> [UInt8]?
    /// All extended attributes of an inode, in the order of their names' bytes.
    func attributes(inode: InodeNumber) throws(IndexError) -> [(name: [UInt8], value: [UInt8])]
    func meta(_ key: MetaKey) throws(IndexError) -> [UInt8]?

    /// Calls `body` for every inode, in ascending order from `first` on, until it returns false.
    func forEachInode(from first: InodeNumber, _ body: (InodeRow) -> Bool) throws(IndexError)
    /// The inodes whose capsule is marked dirty, in ascending order.
    func dirtyInodes() throws(IndexError) -> [InodeRow]
    /// The inodes without a name: unlinked while open when the process ended.
    func orphanInodes() throws(IndexError) -> [InodeRow]
    /// The capsules that `putGarbage` named and `removeGarbage` did not.
    func garbage() throws(IndexError) -> [FileID]
    /// Number of inodes, for statfs(2).
    func inodeCount() throws(IndexError) -> UInt64
    /// Examines the whole index: each page authentic, each row well-formed, rows consistent with each other.
    /// Findings are sentences without names.
    func verify() throws(IndexError) -> [String]
    /// Ends use: what was applied and not committed is dropped. Every later call but `close` fails with
    /// `storage(errno: EBADF)`.
    func close() throws(IndexError)
}
