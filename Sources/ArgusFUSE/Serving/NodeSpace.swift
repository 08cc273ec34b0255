internal import ArgusCore

/// What an answer with attributes says beside them.
struct Telling: Hashable, Sendable {
    var space: NodeSpace
    /// How long the kernel may keep the attributes.
    var attributeSeconds: UInt64

    static let whole = Telling(space: .whole, attributeSeconds: Protocol.cacheSeconds)
}

/// How a folder's inodes are numbered towards the kernel, which knows one numbering a mount.
///
/// The folder's place stands in the upper bits, the inode's own number in the lower 48. A folder that is a mount of its own
/// has place 0: its inodes keep their numbers, and its top directory is the mount's, node 1. Of several folders each has a
/// place that follows from its id, so that a file has the same number at the next mount; place 0 is the directory above.
struct NodeSpace: Hashable, Sendable {
    /// The kernel takes numbers of 64 bits for nodes; of files, programs expect 63 at most.
    static let placeMax: UInt64 = 0x7FFF
    private static let inodeBits: UInt64 = 48
    private static let inodeMask: UInt64 = (1 << inodeBits) - 1

    static let whole = NodeSpace(place: 0, generation: 0)

    let base: UInt64
    /// Tells a handle to a file of this folder, as NFS keeps it, from one of another folder that once had the place.
    let generation: UInt64

    init(place: UInt64, generation: UInt64) {
        base = place << Self.inodeBits
        self.generation = generation
    }

    /// Gives each folder its place: in order of their ids, so that the answer depends on nothing else.
    static func spaces(for folders: [FolderID]) -> [FolderID: NodeSpace] {
        var taken: Set<UInt64> = []
        var spaces: [FolderID: NodeSpace] = [:]
        for folder in folders.sorted(by: { ($0.high, $0.low) < ($1.high, $1.low) }) {
            var place = folder.low % placeMax + 1
            while !taken.insert(place).inserted { place = place % placeMax + 1 }
            spaces[folder] = NodeSpace(place: place, generation: folder.high & UInt64(UInt32.max))
        }
        return spaces
    }

    func node(_ inode: InodeNumber) -> UInt64 {
        precondition(base == 0 || inode.rawValue <= Self.inodeMask, "numbers of inodes stay below 2^48")
        return base | inode.rawValue
    }

    static func base(of node: InodeNumber) -> UInt64 { node.rawValue & ~inodeMask }

    static func inode(of node: InodeNumber) -> InodeNumber { InodeNumber(node.rawValue & inodeMask) }
}
