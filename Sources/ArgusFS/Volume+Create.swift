package import ArgusCapsule
package import ArgusCore
package import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// Makes a file, FIFO, socket or device node. `umask` counts where the directory has no default list.
    package func makeNode(
        _ name: FileName, in parent: InodeNumber, mode: UInt32, umask: UInt32 = 0, device: UInt32, caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        let format = mode & 0o170000
        guard let kind = format == 0 ? .file : FileKind(rawValue: format), kind != .directory, kind != .symlink else {
            throw .invalidArgument
        }
        let hasDevice = kind == .block || kind == .character
        return try makeEntry(name, in: parent, caller: caller) { seed in
            seed.kind = kind
            seed.permissions = mode & 0o7777
            seed.umask = umask
            seed.device = hasDevice ? device : 0
        }
    }

    package func makeDirectory(
        _ name: FileName, in parent: InodeNumber, permissions: UInt32, umask: UInt32 = 0, caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        try makeEntry(name, in: parent, caller: caller) { seed in
            seed.kind = .directory
            seed.permissions = permissions & 0o7777
            seed.umask = umask
        }
    }

    package func makeSymlink(
        _ name: FileName, in parent: InodeNumber, target: [UInt8], caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        guard !target.isEmpty, target.count < 4096 else { throw target.isEmpty ? .notFound : .nameTooLong }
        return try makeEntry(name, in: parent, caller: caller) { seed in
            seed.kind = .symlink
            seed.permissions = 0o777
            seed.target = target
        }
    }

    /// What a new inode starts with.
    struct Seed {
        var kind = FileKind.file
        /// Before the umask.
        var permissions: UInt32 = 0
        var umask: UInt32 = 0
        var device: UInt32 = 0
        var target: [UInt8] = []
    }

    private func makeEntry(
        _ name: FileName, in parent: InodeNumber, caller: Caller, _ fill: (inout Seed) -> Void
    ) throws(FileSystemError) -> FileAttributes {
        let rule = try requireRight(.write, of: caller, on: parent, name: name)
        var seed = Seed()
        fill(&seed)
        let event = event(.create, caller: caller, in: parent, name: name, reason: rule)
        return try recorded(event, correcting: .name(name, parent)) { event throws(FileSystemError) in
            let made = try change { () throws(Missing) -> (FileAttributes, FileID) in
                let directory = try directory(parent)
                try requireChange(of: directory, by: caller)
                guard try child(name, of: directory) == nil else { throw .failed(.exists) }
                try requireLeases()
                let node = try makeNode(seed, name: name, in: directory, caller: caller)
                return (attributes(node), node.row.fileID)
            }
            event.fileID = made.1
            return made.0
        }
    }

    /// Makes the inode and its first name; under the namespace lock, with leases at hand.
    func makeNode(
        _ seed: Seed, name: FileName, in directory: Node, caller: Caller
    ) throws(Missing) -> Node {
        let inheritance = try inheritance(of: seed, from: directory)
        let now = parts.clock.now()
        let node = makeInode(seed, inheritance, in: directory, caller: caller, now: now)
        link(name, to: node, in: directory, becomesPlace: true)
        giveLists(inheritance, to: node)
        names.queue.put(node)
        if seed.kind == .directory { directory.row.attributes.linkCount += 1 }
        touch(directory, entries: 1, now: now)
        return node
    }

    /// Makes an inode that has no name yet, for `directory`; under the namespace lock, with leases at hand.
    func makeInode(
        _ seed: Seed, _ inheritance: Inheritance, in directory: Node, caller: Caller, now: Timestamp
    ) -> Node {
        let inode = InodeNumber(names.inodeLease.take())
        var permissions = inheritance.permissions
        var gid = caller.gid
        if directory.row.attributes.permissions & 0o2000 != 0 {
            // A set-gid directory passes on its group, and to directories the bit as well (inode(7)).
            gid = directory.row.attributes.gid
            if seed.kind == .directory {
                permissions |= 0o2000
            } else if permissions & 0o2010 == 0o2010, caller.uid != 0, !isMember(caller, of: gid) {
                permissions &= ~0o2000
            }
        }
        let attributes = FileAttributes(
            inode: inode, kind: seed.kind, permissions: permissions,
            linkCount: seed.kind == .directory ? 2 : 1, uid: caller.uid, gid: gid, device: seed.device,
            size: UInt64(seed.target.count), accessed: now, modified: now, changed: now, created: now)
        let node = Node(
            inode: inode,
            row: InodeRow(
                attributes: attributes, fileID: parts.keys.fileID(of: inode), parent: directory.inode, cookie: 0,
                linkTarget: seed.target))
        node.knowsAllChildren = seed.kind == .directory
        node.extendedAttributes = [:]
        node.creationNumber = names.queue.current
        names.nodes[inode] = node
        return node
    }

    /// A further name for a file, or the first one of a file that was made without (`makeTemporary`).
    package func link(
        _ inode: InodeNumber, as name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        let rule = try requireRight(.write, of: caller, on: parent, name: name)
        let event = AuditEvent(
            activity: .link, status: .success, actor: actor(caller), place: place(of: inode),
            secondPlace: place(of: name, in: parent), reason: rule)
        return try recorded(event, correcting: .name(name, parent)) { event throws(FileSystemError) in
            let made = try change { () throws(Missing) -> (FileAttributes, FileID) in
                let node = try node(inode)
                let directory = try directory(parent)
                try requireChange(of: directory, by: caller)
                guard !node.isDirectory else { throw .failed(.notPermitted) }
                guard !node.isRemoved || node.isUnnamed else { throw .failed(.notFound) }
                guard try child(name, of: directory) == nil else { throw .failed(.exists) }
                guard node.row.attributes.linkCount < configuration.limits.links else { throw .failed(.tooManyLinks) }
                try requireLeases()
                let now = parts.clock.now()
                node.row.attributes.linkCount += 1
                node.row.attributes.changed = now
                let isFirst = node.isUnnamed
                link(name, to: node, in: directory, becomesPlace: isFirst)
                node.isRemoved = false
                node.isUnnamed = false
                put(node)
                if isFirst { keepDataAhead(of: node) }
                touch(directory, entries: 1, now: now)
                return (attributes(node), node.row.fileID)
            }
            event.fileID = made.1
            return made.0
        }
    }

    /// Writes the top directory of a new folder into an empty index.
    package static func format(
        index: any MappingIndex, keys: FolderKeys, uid: UInt32, gid: UInt32, permissions: UInt32, bootID: [UInt8],
        now: Timestamp
    ) throws(FileSystemError) {
        let attributes = FileAttributes(
            inode: .root, kind: .directory, permissions: permissions, linkCount: 2, uid: uid, gid: gid, accessed: now,
            modified: now, changed: now, created: now)
        let root = InodeRow(attributes: attributes, fileID: keys.fileID(of: .root), parent: .root, cookie: 0)
        do throws(IndexError) {
            try index.apply([
                .putInode(root), .putMeta(key: .mounted, value: [0]), .putMeta(key: .bootID, value: bootID),
            ])
            try index.commit(.durable)
        } catch {
            throw FileSystemError(error)
        }
    }
}
