internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// The top directory of a mount of several folders: they are its entries, and nothing can be made or changed in it.
///
/// Like everywhere, a lookup does not depend on who asks. A listing does: it is not cached, and shows the folders that the
/// person may list, so that the name of a folder is not told to those it is none of the business of.
struct TopDirectory: Sendable {
    private let names: [FileName]
    private let folders: [Dispatcher]
    private let attributes: FileAttributes
    private let extended: [[UInt8]: [UInt8]]

    init(_ set: FolderSet, folders: [Dispatcher]) {
        names = set.members.map(\.name)
        self.folders = folders
        attributes = FileAttributes(
            inode: .root, kind: .directory, permissions: 0o555, linkCount: UInt32(folders.count) + 2,
            uid: set.owner.uid, gid: set.owner.gid, size: UInt64(folders.count), accessed: set.mounted,
            modified: set.mounted, changed: set.mounted, created: set.mounted)
        extended = set.attributes
    }

    func answer(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        switch operation {
        case .lookup(.child(let name)):
            guard let index = names.firstIndex(of: name) else { return buffer.put(fuse_entry_out.absent) }
            return buffer.put(fuse_entry_out(try top(of: folders[index], header.caller), folders[index].telling))
        case .lookup: return buffer.put(fuse_entry_out(attributes, .whole))
        case .getAttributes: return buffer.put(fuse_attr_out(attributes, .whole))
        case .statistics: return try folders[0].answer(operation, of: header, in: buffer)
        case .openDirectory: return buffer.put(fuse_open_out())
        case .readDirectory(_, let cookie, let count, let withAttributes):
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes.prefix(count))
            return try list(after: cookie, withAttributes, header.caller, in: room)
        case .releaseDirectory, .synchronizeDirectory: return .empty
        case .access(let mask):
            guard mask & AccessMask.write.rawValue == 0 else { throw .readOnly }
            return .empty
        case .getXattr(let name, let capacity):
            guard let value = extended[name] else { throw .noAttribute }
            return try buffer.put(value, capacity: capacity)
        case .listXattrs(let capacity): return try buffer.put([], capacity: capacity)
        default: throw .readOnly
        }
    }

    private func top(of folder: Dispatcher, _ caller: Caller) throws(FileSystemError) -> FileAttributes {
        try folder.volume.attributes(of: .root, handle: nil, caller: caller)
    }

    private func list(
        after cookie: DirectoryCookie, _ withAttributes: Bool, _ caller: Caller, in room: UnsafeMutableRawBufferPointer
    ) throws(FileSystemError) -> Answer {
        var writer = DirectoryWriter(room, withAttributes: withAttributes)
        for dots in 1...2 where cookie < UInt64(dots) {
            guard writer.append(dots: dots, NodeSpace.whole.node(.root), cookie: UInt64(dots)) else {
                return .payload(count: writer.count)
            }
        }
        for (index, folder) in folders.enumerated() {
            let place = UInt64(index) + 3
            guard cookie < place, folder.volume.isListed(for: caller) else { continue }
            let item = DirectoryItem(
                name: names[index], inode: .root, kind: .directory, cookie: place,
                attributes: try top(of: folder, caller))
            guard writer.append(item, as: folder.telling) else { break }
        }
        return .payload(count: writer.count)
    }
}
