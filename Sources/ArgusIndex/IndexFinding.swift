internal import ArgusCore

/// What `verify` can find wrong, in the same words for every index. Numbers only, never names.
enum IndexFinding: Hashable, CustomStringConvertible {
    /// Findings reported; more say nothing new about a broken index.
    static let maxCount = 1000
    /// Why an inode number or cookie is refused.
    static let numberTooHigh = "an inode number or cookie is beyond 63 bits"

    case noRoot
    case malformed(String)
    case entryWithoutInode(parent: InodeNumber, cookie: DirectoryCookie)
    case entryInNoDirectory(parent: InodeNumber, cookie: DirectoryCookie)
    case wrongKind(parent: InodeNumber, cookie: DirectoryCookie)
    case wrongLinkCount(InodeNumber, linkCount: UInt64, entryCount: UInt64)
    case wrongDirectoryEntryCount(InodeNumber, entryCount: UInt64)
    case wrongPlace(InodeNumber)
    case wrongDirectorySize(InodeNumber, size: UInt64, entryCount: UInt64)
    case attributeWithoutInode(InodeNumber)
    case attributeWithoutFlag(InodeNumber)
    case unreachable(InodeNumber)
    case wrongInodeCount(stored: UInt64, found: UInt64)

    var description: String {
        switch self {
        case .noRoot: "there is no top directory"
        case .malformed(let reason): reason
        case .entryWithoutInode(let parent, let cookie):
            "the entry at \(parent)/\(cookie) refers to an inode that does not exist"
        case .entryInNoDirectory(let parent, let cookie):
            "the entry at \(parent)/\(cookie) lies in no directory"
        case .wrongKind(let parent, let cookie): "the entry at \(parent)/\(cookie) has not its inode's kind"
        case .wrongLinkCount(let inode, let linkCount, let entryCount):
            "inode \(inode) has link count \(linkCount) and \(entryCount) entries"
        case .wrongDirectoryEntryCount(let inode, let entryCount): "directory \(inode) has \(entryCount) entries above"
        case .wrongPlace(let inode): "inode \(inode) names a place that is not its own"
        case .wrongDirectorySize(let inode, let size, let entryCount):
            "directory \(inode) has size \(size) and holds \(entryCount) entries"
        case .attributeWithoutInode(let inode): "extended attributes belong to inode \(inode), which does not exist"
        case .attributeWithoutFlag(let inode): "inode \(inode) has extended attributes and does not say so"
        case .unreachable(let inode): "directory \(inode) cannot be reached from the top directory"
        case .wrongInodeCount(let stored, let found): "\(stored) inodes are recorded and \(found) are there"
        }
    }
}
