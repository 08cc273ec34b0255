package import ArgusCore
internal import ArgusIndex
internal import ArgusStore
internal import ArgusSystem

extension Volume {
    /// The attributes of what `name` stands for, nil where it is absent. The answer does not depend on the caller's
    /// rights: the kernel shares it between the users of a mount.
    package func lookup(_ name: FileName, in parent: InodeNumber, caller: Caller) throws(FileSystemError)
        -> FileAttributes?
    {
        try transact { () throws(Missing) -> FileAttributes? in
            let directory = try directory(parent)
            try require(.execute, of: caller, on: directory)
            return try child(name, of: directory).map { attributes($0) }
        }
    }

    /// The attributes of a directory's parent; the top directory is its own.
    package func parent(of inode: InodeNumber) throws(FileSystemError) -> FileAttributes {
        try transact { () throws(Missing) -> FileAttributes in
            let directory = try directory(inode)
            return attributes(try node(inode == .root ? inode : directory.row.parent))
        }
    }

    /// The kernel let go of an inode. Only a removed one is told from the rest by that.
    package func forget(_ inode: InodeNumber, count: UInt64) {
        lock.withLock {
            guard let node = names.nodes[inode], node.isRemoved else { return }
            node.isForgotten = true
            if node.openCount == 0, node.content == nil, node.changeNumber <= names.committed {
                names.nodes[inode] = nil
            }
        }
    }

    package func attributes(
        of inode: InodeNumber, handle: HandleID?, caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        if configuration.asksBeforeReads, let handle, let handle = try? handles.find(handle) {
            try requirePermitted(handle, .read)
        }
        return try transact { () throws(Missing) -> FileAttributes in attributes(try node(inode)) }
    }

    package func readLink(_ inode: InodeNumber, caller: Caller) throws(FileSystemError) -> [UInt8] {
        try transact { () throws(Missing) -> [UInt8] in
            let node = try node(inode)
            guard node.row.attributes.kind == .symlink else { throw .failed(.invalidArgument) }
            return node.row.linkTarget
        }
    }

    package func access(_ inode: InodeNumber, mask: UInt32, caller: Caller) throws(FileSystemError) {
        let allows = try transact { () throws(Missing) -> Bool in
            try posixAllows(AccessMask(rawValue: mask & 7), to: caller, on: try node(inode))
        }
        guard allows else { throw .accessDenied }
        if mask & AccessMask.write.rawValue != 0 {
            guard !isReadOnly else { throw .readOnly }
            try requireRight(.write, of: caller, on: inode)
        } else if mask & AccessMask.read.rawValue != 0 {
            try requireRight(.list, of: caller, on: inode)
        }
    }

    package func statistics() throws(FileSystemError) -> VolumeStatistics {
        do {
            let space = try parts.store.space()
            let waiting = UInt64(pool.usedBytes)
            let block = UInt64(PagePool.pageByteCount)
            let inodes = try parts.index.inodeCount()
            return VolumeStatistics(
                blockSize: UInt32(block), totalBlocks: space.totalBytes / block,
                freeBlocks: (space.freeBytes - min(space.freeBytes, waiting)) / block,
                availableBlocks: (space.availableBytes - min(space.availableBytes, waiting)) / block,
                totalFiles: inodes + space.freeObjects, freeFiles: space.freeObjects,
                nameLength: UInt32(FileName.maxByteCount))
        } catch let error as StoreError {
            throw FileSystemError(error)
        } catch let error as IndexError {
            throw FileSystemError(error)
        } catch {
            throw .inputOutput
        }
    }

    /// The attributes as stat(2) shows them; under the namespace lock.
    func attributes(_ node: Node) -> FileAttributes {
        var attributes = node.row.attributes
        if attributes.kind == .directory {
            attributes.blocks = 8
        } else if let content = node.content {
            attributes.size = content.size
            attributes.blocks = content.allocatedByteCount / 512
        }
        return attributes
    }
}
