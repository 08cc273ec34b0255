package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// fsync(2) and fdatasync(2): the file's data, size, name and records survive a power cut.
    package func synchronize(_ handle: HandleID, dataOnly: Bool, caller: Caller) throws(FileSystemError) {
        let handle = try handles.find(handle)
        guard !configuration.isReadOnly else { return }
        try synchronizeContent(of: handle.inode)
        let change = lock.withLock { () -> UInt64 in
            guard let node = names.nodes[handle.inode] else { return 0 }
            // The times of an open file lie in its capsule; closed or never written, in the row alone.
            if node.hasUnqueuedTimes, node.row.capsule?.isDirty != true {
                put(node)
                names.queue.seal()
            }
            return node.changeNumber
        }
        try waitForDurability(of: change)
        do { try parts.journal.sync() } catch { throw FileSystemError(error) }
    }

    /// fsync(2) of a directory: its entries survive a power cut.
    package func synchronizeDirectory(_ handle: HandleID, caller: Caller) throws(FileSystemError) {
        let inode = try handles.find(handle).inode
        guard !configuration.isReadOnly else { return }
        let change = try transact { () throws(Missing) -> UInt64 in try directory(inode).changeNumber }
        try waitForDurability(of: change)
        do { try parts.journal.sync() } catch { throw FileSystemError(error) }
    }

    /// Makes everything done so far durable: what sync(2) would do if the kernel told the driver. What was removed is
    /// gone from storage then.
    package func synchronizeAll() throws(FileSystemError) {
        guard !configuration.isReadOnly else { return }
        try deletingGarbageWhereFull { () throws(FileSystemError) in try barrier() }
        deleteGarbage()
        // What was settled by the first pass has clean rows after the second.
        try barrier()
    }
}
