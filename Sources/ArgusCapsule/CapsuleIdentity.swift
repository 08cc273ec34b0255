package import ArgusCore

/// Which file of which folder a capsule holds. Everything in it is bound to both.
package struct CapsuleIdentity: Hashable, Sendable {
    package var folder: FolderID
    package var file: FileID

    package init(folder: FolderID, file: FileID) {
        self.folder = folder
        self.file = file
    }
}

/// The four times of a file, kept in its root.
package struct CapsuleTimes: Hashable, Sendable {
    package var accessed: Timestamp
    package var modified: Timestamp
    package var changed: Timestamp
    package var created: Timestamp

    package init(accessed: Timestamp, modified: Timestamp, changed: Timestamp, created: Timestamp) {
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
        self.created = created
    }
}

/// Where a file belonged and who owned it when the capsule was last committed: what a lost index is rebuilt from.
package struct CapsuleLabel: Hashable, Sendable {
    /// The bytes of one name, at most 255.
    package var name: [UInt8]
    /// The directory that held it; nil for the top directory.
    package var parent: FileID?
    package var uid: UInt32
    package var gid: UInt32
    package var mode: UInt32

    package init(name: [UInt8], parent: FileID?, uid: UInt32, gid: UInt32, mode: UInt32) {
        self.name = name
        self.parent = parent
        self.uid = uid
        self.gid = gid
        self.mode = mode
    }
}

package enum CapsuleRootTagKind {}

/// The authentication tag of a root: names one version of one file. Zero where nothing was committed.
package typealias CapsuleRootTag = Identifier<CapsuleRootTagKind>

/// What a commit made.
package struct CommitInfo: Hashable, Sendable {
    /// 0: nothing was committed yet.
    package var commit: CommitNumber
    package var rootTag: CapsuleRootTag
    /// Bytes of content.
    package var size: UInt64
    /// Data and map pages in use.
    package var allocatedPages: UInt64
    /// Generation of the folder key that wraps the file key.
    package var keyGeneration: KeyGeneration
}

/// Which root may be taken when a capsule is opened.
package enum OpenExpectation: Hashable, Sendable {
    /// At rest: the newest root must be exactly this one.
    case clean(commit: CommitNumber, rootTag: CapsuleRootTag)
    /// After an unclean end: the newest root that verifies, never below this one. 0: nothing was durable.
    case dirty(atLeast: CommitNumber, rootTag: CapsuleRootTag)
    /// For a checker or a rebuild: the newest root that verifies.
    case any
    /// As `dirty`, but only roots that were committed with `isOrdered`.
    case ordered(atLeast: CommitNumber)
}
