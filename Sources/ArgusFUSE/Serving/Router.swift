internal import ArgusCore
internal import ArgusFS

/// Sends each request to the folder that it is about: where the mount is one folder, all to that one.
///
/// Of several folders, the node that a request names says which one. Nothing goes from one folder to another: a rename, a
/// link or a copy between two of them is answered EXDEV, as between two file systems, so that programs copy.
struct Router: Sendable {
    private let folders: [Dispatcher]
    /// The numbers that the nodes of each folder begin with, in the order of `folders`.
    private let bases: [UInt64]
    /// Nil where the mount is one folder.
    private let top: TopDirectory?

    init(_ volume: Volume) {
        folders = [Dispatcher(volume: volume, space: .whole)]
        bases = []
        top = nil
    }

    init(_ set: FolderSet) {
        let spaces = NodeSpace.spaces(for: set.members.map(\.id))
        folders = set.members.map { Dispatcher(volume: $0.volume, space: spaces[$0.id] ?? .whole) }
        bases = folders.map(\.space.base)
        top = TopDirectory(set, folders: folders)
    }

    /// Lets each volume reach its own part of the kernel's caches.
    func setKernelCaches(_ queue: InvalidationQueue) {
        for folder in folders { folder.volume.setKernelCache(FolderCache(queue, folder.space)) }
    }

    func answer(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        guard let top else { return try folders[0].answer(operation, of: header, in: buffer) }
        switch operation {
        case .initialize, .interrupt, .destroy:
            return try folders[0].answer(operation, of: header, in: buffer)
        case .forget(let nodes):
            for node in nodes { forget(node) }
            return .none
        case .synchronizeAll:
            for folder in folders { try folder.volume.synchronizeAll() }
            return .empty
        default: break
        }
        let base = NodeSpace.base(of: header.node)
        guard base != 0 else { return try top.answer(operation, of: header, in: buffer) }
        guard let index = bases.firstIndex(of: base) else { throw .stale }
        var local = header
        local.node = NodeSpace.inode(of: header.node)
        if case .lookup(.parent) = operation, local.node == .root {
            return try top.answer(.lookup(.itself), of: header, in: buffer)
        }
        return try folders[index].answer(try Self.localized(operation, base), of: local, in: buffer)
    }

    private func forget(_ forgotten: ForgottenInode) {
        guard let index = bases.firstIndex(of: NodeSpace.base(of: forgotten.inode)) else { return }
        folders[index].volume.forget(NodeSpace.inode(of: forgotten.inode), count: forgotten.count)
    }

    /// Operations that name a second node.
    private static func localized(_ operation: Operation, _ base: UInt64) throws(FileSystemError) -> Operation {
        switch operation {
        case .rename(let name, let newName, let newParent, let flags):
            return .rename(name, to: newName, in: try local(newParent, base), flags: flags)
        case .link(let node, let name): return .link(try local(node, base), as: name)
        case .copyRange(let copy):
            _ = try local(copy.destinationNode, base)
            return operation
        default: return operation
        }
    }

    private static func local(_ node: InodeNumber, _ base: UInt64) throws(FileSystemError) -> InodeNumber {
        guard NodeSpace.base(of: node) == base else { throw .crossDevice }
        return NodeSpace.inode(of: node)
    }
}
