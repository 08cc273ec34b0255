internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Operations on names in a directory, and on extended attributes.
extension Dispatcher {
    func answerNames(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        let parent = header.node
        let caller = header.caller
        switch operation {
        case .lookup(let target):
            return buffer.put(try entry(for: target, in: parent, caller))
        case .makeNode(let name, let mode, let umask, let device):
            return buffer.put(
                fuse_entry_out(
                    try volume.makeNode(
                        name, in: parent, mode: mode, umask: umask, device: device, caller: caller), telling))
        case .makeDirectory(let name, let permissions, let umask):
            return buffer.put(
                fuse_entry_out(
                    try volume.makeDirectory(
                        name, in: parent, permissions: permissions, umask: umask, caller: caller), telling))
        case .makeSymlink(let name, let target):
            return buffer.put(
                fuse_entry_out(try volume.makeSymlink(name, in: parent, target: target, caller: caller), telling))
        case .link(let inode, let name):
            return buffer.put(fuse_entry_out(try volume.link(inode, as: name, in: parent, caller: caller), telling))
        case .create(let name, let permissions, let umask, let flags):
            let created = try volume.create(
                name, in: parent, permissions: permissions, umask: umask, flags: flags, caller: caller)
            return put(created, in: buffer)
        case .makeTemporary(let permissions, let umask, let flags):
            return put(
                try volume.makeTemporary(
                    in: parent, permissions: permissions, umask: umask, flags: flags, caller: caller),
                in: buffer)
        case .unlink(let name):
            try volume.unlink(name, in: parent, caller: caller)
        case .removeDirectory(let name):
            try volume.removeDirectory(name, in: parent, caller: caller)
        case .rename(let name, let newName, let newParent, let flags):
            try volume.rename(name, in: parent, to: newName, in: newParent, flags: flags, caller: caller)
        default: throw .notImplemented
        }
        return .empty
    }

    private func put(
        _ created: (attributes: FileAttributes, open: OpenResult), in buffer: AnswerBuffer
    ) -> Answer {
        _ = buffer.put(fuse_entry_out(created.attributes, telling))
        return buffer.put(fuse_open_out(created.open), at: MemoryLayout<fuse_entry_out>.size)
    }

    private func entry(
        for target: LookupTarget, in parent: InodeNumber, _ caller: Caller
    ) throws(FileSystemError) -> fuse_entry_out {
        switch target {
        case .child(let name):
            guard let attributes = try volume.lookup(name, in: parent, caller: caller) else { return .absent }
            return fuse_entry_out(attributes, telling)
        case .itself:
            return fuse_entry_out(try volume.attributes(of: parent, handle: nil, caller: caller), telling)
        case .parent:
            return fuse_entry_out(try volume.parent(of: parent), telling)
        }
    }

    func answerXattrs(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        let node = header.node
        let caller = header.caller
        switch operation {
        case .setXattr(let name, let value, let flags, let clearsSetGID):
            try volume.setAttribute(
                node, name: name, value: value, flags: flags, clearsSetGID: clearsSetGID, caller: caller)
            return .empty
        case .removeXattr(let name):
            try volume.removeAttribute(node, name: name, caller: caller)
            return .empty
        case .getXattr(let name, let capacity):
            return try buffer.put(try volume.attribute(node, name: name, caller: caller), capacity: capacity)
        case .listXattrs(let capacity):
            var list: [UInt8] = []
            for name in try volume.attributeNames(node, caller: caller) {
                list += name
                list.append(0)
            }
            return try buffer.put(list, capacity: capacity)
        default: throw .notImplemented
        }
    }
}
