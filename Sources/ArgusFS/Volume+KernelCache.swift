internal import ArgusCore
internal import ArgusSystem
internal import Synchronization

/// The content of a small file goes to the kernel with the answer to the open that wants to read it: the READ that
/// would follow, a round trip as long as the open's own, is not made.
///
/// Only the first who has the file open does it, and holds `FileContent.filling` from the moment he is counted until
/// the kernel has it. Whoever could change the file waits for that lock first, so nothing older ever covers something
/// newer in the kernel's cache. The reads that are saved are counted and recorded like others.
extension Volume {
    /// Files above it are read ahead by the kernel.
    private static let filledMaxBytes: UInt64 = 64 << 10

    /// Whether the opener is to fill the kernel's cache; then it holds the lock. Under the namespace lock.
    func beginFilling(_ node: Node, _ content: FileContent, _ flags: OpenFlags) -> Bool {
        guard kernelCache != nil, configuration.accessTimes != .strict, node.openCount == 1, !node.isFilled,
            flags.reads, !flags.writes,
            flags.isDisjoint(with: [.truncate, .direct, .execute, .noAccessTime]), content.size > 0,
            content.size <= Self.filledMaxBytes, content.filling.tryLock()
        else { return false }
        node.isFilled = true
        return true
    }

    /// To be called by everyone else who opens or changes the file, before anything is answered.
    func waitForFilling(of content: FileContent) {
        content.filling.withLock {}
    }

    /// Fails silently: the kernel then reads, and is told.
    func fillKernelCache(_ id: HandleID, version: UInt64) {
        guard let kernelCache, let handle = try? handles.find(id), let content = handle.content else { return }
        let inode = handle.inode
        withUnsafeTemporaryAllocation(byteCount: Int(min(content.size, Self.filledMaxBytes)), alignment: 16) { room in
            defer { wipe(room) }
            guard (try? load(inode, content)) != nil, let count = try? content.read(at: 0, into: room), count > 0 else {
                return
            }
            // The kernel may have to wait for a READ of an earlier opener that is still on its way.
            WaitNotice.give()
            // Reading it there will not tell the kernel that the access time has moved.
            kernelCache.storeContent(
                of: inode, UnsafeRawBufferPointer(rebasing: room[..<count]), dropsAttributes: noteAccess(inode))
            handle.bytesRead.wrappingAdd(UInt64(count), ordering: .relaxed)
        }
        // Whoever was cut off meanwhile finds nothing.
        if permissions.policyVersion != version { kernelCache.invalidateContent(of: inode, range: nil) }
    }
}
