internal import ArgusCore
internal import ArgusFS

/// The kernel's caches as the volume of one folder reaches them, whose inodes have other numbers there.
final class FolderCache: KernelCache {
    private let queue: InvalidationQueue
    private let space: NodeSpace

    init(_ queue: InvalidationQueue, _ space: NodeSpace) {
        self.queue = queue
        self.space = space
    }

    private func node(_ inode: InodeNumber) -> InodeNumber { InodeNumber(space.node(inode)) }

    func storeContent(of inode: InodeNumber, _ bytes: UnsafeRawBufferPointer, dropsAttributes: Bool) {
        queue.storeContent(of: node(inode), bytes, dropsAttributes: dropsAttributes)
    }

    func invalidateContent(of inode: InodeNumber, range: Range<UInt64>?) {
        queue.invalidateContent(of: node(inode), range: range)
    }

    func hasten() { queue.hasten() }

    func dropContent(of inode: InodeNumber, completion: @escaping @Sendable () -> Void) {
        queue.dropContent(of: node(inode), completion: completion)
    }

    func invalidateEntry(_ name: FileName, in parent: InodeNumber) {
        queue.invalidateEntry(name, in: node(parent))
    }
}
