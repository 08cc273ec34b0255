package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// Moves or exchanges names in one step, as rename(2) and renameat2(2) have it.
    package func rename(
        _ name: FileName, in parent: InodeNumber, to newName: FileName, in newParent: InodeNumber,
        flags: RenameFlags, caller: Caller
    ) throws(FileSystemError) {
        guard flags.isValid else { throw .invalidArgument }
        let rule = try requireRight(.write, of: caller, on: parent, name: name)
        let event = AuditEvent(
            activity: .rename, status: .success, actor: actor(caller), place: place(of: name, in: parent),
            secondPlace: place(of: newName, in: newParent), reason: rule)
        try recorded(event, correcting: .names(name, parent, newName, newParent)) { event throws(FileSystemError) in
            event.fileID = try change { () throws(Missing) -> FileID? in
                let from = try directory(parent)
                let to = try directory(newParent)
                try requireChange(of: from, by: caller)
                try requireChange(of: to, by: caller)
                guard let node = try child(name, of: from) else { throw .failed(.notFound) }
                let target = try child(newName, of: to)
                try requireRemoval(of: node, from: from, by: caller)
                if node.isDirectory && from !== to { try requireMovable(node, into: to, by: caller) }
                try requireLeases()
                if flags.contains(.exchange) {
                    guard let target else { throw .failed(.notFound) }
                    try requireRemoval(of: target, from: to, by: caller)
                    if target.isDirectory && from !== to { try requireMovable(target, into: from, by: caller) }
                    if node !== target { exchange(node, name, in: from, with: target, newName, in: to) }
                    return node.row.fileID
                }
                if let target {
                    guard !flags.contains(.noReplace) else { throw .failed(.exists) }
                    if target === node { return nil }
                    try requireRemoval(of: target, from: to, by: caller)
                    try requireReplaceable(target, by: node)
                }
                move(node, name, in: from, to: newName, in: to, replacing: target)
                if flags.contains(.whiteout) { makeWhiteout(name, in: from, caller: caller) }
                return node.row.fileID
            }
        }
    }

    private func requireReplaceable(_ target: Node, by node: Node) throws(Missing) {
        if target.isDirectory {
            guard node.isDirectory else { throw .failed(.isDirectory) }
            guard target.row.attributes.size == 0 else { throw .failed(.notEmpty) }
        } else if node.isDirectory {
            throw .failed(.notDirectory)
        }
    }

    /// A directory that changes its parent must be writable, since its `..` changes, and must not end inside itself.
    private func requireMovable(_ node: Node, into directory: Node, by caller: Caller) throws(Missing) {
        try require(.write, of: caller, on: node)
        var above = directory
        while above.inode != .root {
            guard above !== node else { throw .failed(.invalidArgument) }
            above = try self.node(above.row.parent)
        }
    }

    private func move(
        _ node: Node, _ name: FileName, in from: Node, to newName: FileName, in to: Node, replacing target: Node?
    ) {
        let now = parts.clock.now()
        if node.isDirectory { names.pathEpoch += 1 }
        if let target { dropName(newName, of: target, from: to, now: now) }
        let wasPlace = isPlace(name, of: node, in: from)
        removeEntry(name, from: from)
        link(newName, to: node, in: to, becomesPlace: wasPlace || node.row.cookie == 0)
        node.row.attributes.changed = now
        put(node)
        if node.isDirectory && from !== to {
            from.row.attributes.linkCount -= 1
            to.row.attributes.linkCount += 1
        }
        touch(from, entries: from === to ? (target == nil ? 0 : -1) : -1, now: now)
        if from !== to { touch(to, entries: target == nil ? 1 : 0, now: now) }
        keepDataAhead(of: node)
    }

    /// What overlayfs takes for a deleted name of the layer below: a character device 0:0 (renameat2(2)).
    private func makeWhiteout(_ name: FileName, in directory: Node, caller: Caller) {
        let now = parts.clock.now()
        let node = makeInode(
            Seed(kind: .character), Inheritance(permissions: 0), in: directory, caller: caller, now: now)
        link(name, to: node, in: directory, becomesPlace: true)
        names.queue.put(node)
        touch(directory, entries: 1, now: now)
    }

    private func exchange(
        _ node: Node, _ name: FileName, in from: Node, with other: Node, _ newName: FileName, in to: Node
    ) {
        let now = parts.clock.now()
        if node.isDirectory || other.isDirectory { names.pathEpoch += 1 }
        let wasPlace = isPlace(name, of: node, in: from)
        let otherWasPlace = isPlace(newName, of: other, in: to)
        link(newName, to: node, in: to, becomesPlace: wasPlace)
        link(name, to: other, in: from, becomesPlace: otherWasPlace)
        node.row.attributes.changed = now
        other.row.attributes.changed = now
        put(node)
        put(other)
        if from !== to {
            let delta = (node.isDirectory ? 1 : 0) - (other.isDirectory ? 1 : 0)
            from.row.attributes.linkCount = UInt32(Int(from.row.attributes.linkCount) - delta)
            to.row.attributes.linkCount = UInt32(Int(to.row.attributes.linkCount) + delta)
            touch(to, entries: 0, now: now)
        }
        touch(from, entries: 0, now: now)
        keepDataAhead(of: node)
        keepDataAhead(of: other)
    }

    private func isPlace(_ name: FileName, of node: Node, in directory: Node) -> Bool {
        node.row.parent == directory.inode && node.row.cookie == directory.children[name]?.cookie
    }

    /// Replace-by-rename must not leave an empty file: the new name becomes durable only after the data, which is
    /// written out from now on. Data that a writer has in hand at this moment is neither waiting nor noted as stored;
    /// that the row is dirty tells of it.
    func keepDataAhead(of node: Node) {
        guard node.row.capsule?.isDirty == true || names.unsynced[node.inode] != nil else { return }
        names.queue.addDependency(node.inode)
        if node.content != nil {
            names.urgentFiles.append(node.inode)
            dataWork.signal()
        }
    }
}
