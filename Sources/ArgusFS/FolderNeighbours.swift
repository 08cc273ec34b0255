package import ArgusCore
package import ArgusJournal
package import ArgusSystem

/// The other folders of the realm that are in use on this machine: how a copy from one folder to another is told.
///
/// The volume that has the destination asks; the one that has the source compares, and each records the copy.
package protocol FolderNeighbours: Sendable {
    /// Under this key drivers of the realm compare contents without showing them.
    var key: SecretBytes { get }
    /// A process opened a file of this folder for reading. On the way of each such open: it allocates nothing and makes
    /// no system call.
    func noteRead(process: UInt32, inode: InodeNumber, size: UInt64)
    /// Files of other folders of that size that the process opened for reading lately, the newest first.
    func reads(by process: UInt32, size: UInt64) -> [NeighbourFile]
    /// Asks the folder of `file` whether it is what was copied; it records the copy where it is. Nil where it is not, and
    /// where that folder is not in use any more.
    func confirm(_ copy: CopyClaim, of file: NeighbourFile) -> CopySource?
}

/// A file of another folder.
package struct NeighbourFile: Hashable, Sendable {
    package var folder: FolderID
    package var inode: InodeNumber

    package init(folder: FolderID, inode: InodeNumber) {
        self.folder = folder
        self.inode = inode
    }
}

/// What a process wrote into one folder and may have copied from another.
package struct CopyClaim: Sendable {
    package var actor: AuditActor
    package var size: UInt64
    /// HMAC-SHA-256 of the sampled content under the neighbours' key.
    package var digest: [UInt8]
    /// Where it was written.
    package var folder: FolderID
    package var path: [UInt8]

    package init(actor: AuditActor, size: UInt64, digest: [UInt8], folder: FolderID, path: [UInt8]) {
        self.actor = actor
        self.size = size
        self.digest = digest
        self.folder = folder
        self.path = path
    }
}

/// The file that was copied.
package struct CopySource: Hashable, Sendable {
    package var fileID: FileID
    package var path: [UInt8]

    package init(fileID: FileID, path: [UInt8]) {
        self.fileID = fileID
        self.path = path
    }
}
