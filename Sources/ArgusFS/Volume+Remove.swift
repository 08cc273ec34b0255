package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    package func unlink(_ name: FileName, in parent: InodeNumber, caller: Caller) throws(FileSystemError) {
        try remove(name, in: parent, caller: caller) { node throws(Missing) in
            guard !node.isDirectory else { throw .failed(.isDirectory) }
        }
    }

    package func removeDirectory(_ name: FileName, in parent: InodeNumber, caller: Caller) throws(FileSystemError) {
        try remove(name, in: parent, caller: caller) { node throws(Missing) in
            guard node.isDirectory else { throw .failed(.notDirectory) }
            guard node.row.attributes.size == 0 else { throw .failed(.notEmpty) }
        }
    }

    private func remove(
        _ name: FileName, in parent: InodeNumber, caller: Caller, where isFitting: (Node) throws(Missing) -> Void
    ) throws(FileSystemError) {
        let rule = try requireRight(.delete, of: caller, on: parent, name: name)
        let event = event(.unlink, caller: caller, in: parent, name: name, reason: rule)
        try recorded(event, correcting: .name(name, parent)) { event throws(FileSystemError) in
            event.fileID = try change(freesSpace: true) { () throws(Missing) -> FileID in
                let directory = try directory(parent)
                try requireChange(of: directory, by: caller)
                guard let node = try child(name, of: directory) else { throw .failed(.notFound) }
                try requireRemoval(of: node, from: directory, by: caller)
                try isFitting(node)
                let now = parts.clock.now()
                dropName(name, of: node, from: directory, now: now)
                touch(directory, entries: -1, now: now)
                return node.row.fileID
            }
        }
    }

    /// Takes a name from an inode, and the inode with its last name; under the namespace lock.
    func dropName(_ name: FileName, of node: Node, from directory: Node, now: Timestamp) {
        if let entry = directory.children[name], node.row.parent == directory.inode, node.row.cookie == entry.cookie {
            // A file of several names: the place is found again with the next lookup of another one.
            node.row.parent = InodeNumber(0)
            node.row.cookie = 0
            node.name = nil
        }
        removeEntry(name, from: directory)
        node.row.attributes.changed = now
        if node.isDirectory {
            node.row.attributes.linkCount = 0
            directory.row.attributes.linkCount -= 1
        } else {
            node.row.attributes.linkCount -= 1
        }
        if node.row.attributes.linkCount == 0 {
            node.isRemoved = true
            if node.openCount == 0 {
                removeRow(of: node)
                return
            }
        }
        put(node)
    }

    /// The inode has neither name nor handle left: its row goes, and its capsule after it.
    func removeRow(of node: Node) {
        let number = names.queue.current
        node.changeNumber = number
        node.hasNoRow = true
        names.queue.add(.removeInode(node.inode))
        if node.row.hasExtendedAttributes { names.queue.add(.removeAllAttributes(inode: node.inode)) }
        if node.row.capsule != nil {
            // What no durable index refers to is found by its leased number, should this process end now.
            let isListed = node.creationNumber == 0 || node.creationNumber <= max(names.durable, names.durableTarget)
            if isListed { names.queue.add(.putGarbage(node.row.fileID)) }
            names.garbage.append(
                Garbage(
                    inode: node.inode, fileID: node.row.fileID, removal: number, creation: node.creationNumber,
                    isListed: isListed))
            scheduleBarrier()
        }
        node.content = nil
        node.newestCommit = nil
        node.hasUnqueuedTimes = false
        names.changedFiles.remove(node.inode)
        names.unsynced[node.inode] = nil
        names.unsyncedNames.remove(node.inode)
        if node.isForgotten { names.nodes[node.inode] = nil }
    }

    /// Queues the row, with the size that the content has now.
    func put(_ node: Node) {
        if let content = node.content {
            node.row.attributes.size = content.size
            node.row.attributes.blocks = content.allocatedByteCount / 512
        }
        names.queue.put(node)
    }
}
