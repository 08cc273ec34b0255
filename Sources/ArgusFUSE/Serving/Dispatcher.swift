internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Asks the volume of one folder, and puts what it says into the worker's buffer: one operation in, one answer or error
/// out. Requests name inodes by the folder's own numbers, answers by those that the kernel has for them.
///
/// It holds no state and touches no device, so it is used from every worker at once and tested without a mount.
struct Dispatcher: Sendable {
    let volume: Volume
    let space: NodeSpace

    /// Asked for with the answer, not before: a handle that was cut meanwhile counts.
    var telling: Telling {
        Telling(space: space, attributeSeconds: volume.mayKeepAttributes ? Protocol.cacheSeconds : 0)
    }

    func answer(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        let node = header.node
        let caller = header.caller
        switch operation {
        case .initialize, .interrupt:
            // INIT is the session's. An INTERRUPT may be ignored: every operation ends in bounded time.
            return .none
        case .destroy:
            return .empty
        case .forget(let inodes):
            for forgotten in inodes { volume.forget(forgotten.inode, count: forgotten.count) }
            return .none
        case .lookup, .makeNode, .makeDirectory, .makeSymlink, .link, .create, .makeTemporary,
            .unlink, .removeDirectory, .rename:
            return try answerNames(operation, of: header, in: buffer)
        case .open, .read, .write, .flush, .release, .synchronize, .allocate, .seek, .copyRange:
            return try answerFiles(operation, of: header, in: buffer)
        case .openDirectory, .readDirectory, .releaseDirectory, .synchronizeDirectory:
            return try answerDirectories(operation, of: header, in: buffer)
        case .setXattr, .getXattr, .listXattrs, .removeXattr:
            return try answerXattrs(operation, of: header, in: buffer)
        case .getAttributes(let handle):
            return buffer.put(fuse_attr_out(try volume.attributes(of: node, handle: handle, caller: caller), telling))
        case .setAttributes(let changes):
            return buffer.put(fuse_attr_out(try volume.setAttributes(of: node, to: changes, caller: caller), telling))
        case .readLink:
            return try buffer.put(try volume.readLink(node, caller: caller))
        case .access(let mask):
            try volume.access(node, mask: mask, caller: caller)
            return .empty
        case .statistics:
            return buffer.put(fuse_statfs_out(try volume.statistics()))
        case .synchronizeAll:
            try volume.synchronizeAll()
            return .empty
        }
    }
}

extension fuse_statfs_out {
    init(_ statistics: VolumeStatistics) {
        self.init()
        st.blocks = statistics.totalBlocks
        st.bfree = statistics.freeBlocks
        st.bavail = statistics.availableBlocks
        st.files = statistics.totalFiles
        st.ffree = statistics.freeFiles
        st.bsize = statistics.blockSize
        st.frsize = statistics.blockSize
        st.namelen = statistics.nameLength
    }
}
