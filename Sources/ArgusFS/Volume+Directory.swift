package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem
internal import Synchronization

extension Volume {
    /// Names have cookies from here on: those below are of `.` and `..`.
    package static let firstCookie: DirectoryCookie = 3
    /// Entries read from the index at a time.
    private static let listingChunk = 256

    package func openDirectory(_ inode: InodeNumber, caller: Caller) throws(FileSystemError) -> OpenResult {
        let rule = try requireRight(.list, of: caller, on: inode)
        let actor = actor(caller)
        if permissions.program(of: actor).effect == .deny {
            _ = try requireProgram(of: actor, caller: caller, on: inode, writes: false)
        }
        let fileID = try transact { () throws(Missing) -> FileID in
            let directory = try directory(inode)
            try require(.read, of: caller, on: directory)
            directory.openCount += 1
            return directory.row.fileID
        }
        let place = place(of: inode)
        do throws(FileSystemError) {
            try append(
                AuditEvent(
                    activity: .list, status: .success, actor: actor, fileID: fileID, place: place, reason: rule))
        } catch {
            closeDirectory(inode)
            throw error
        }
        let handle = Handle(
            id: handles.nextID(), inode: inode, fileID: fileID, flags: [], actor: actor, place: place, caller: caller,
            content: nil, policyVersion: permissions.policyVersion)
        handles.insert(handle)
        return OpenResult(
            handle: handle.id, keepsCache: true, usesDirectIO: false, needsFlush: false, cachesListing: true)
    }

    /// Whether the person behind a caller may list the folder. Nothing is recorded: nothing of it was asked for.
    package func isListed(for caller: Caller) -> Bool {
        permissions.grant(of: .list, uid: caller.uid, gid: caller.gid).rights.isSuperset(of: .list)
    }

    package func releaseDirectory(_ handle: HandleID) {
        guard let handle = handles.remove(handle) else { return }
        closeDirectory(handle.inode)
    }

    private func closeDirectory(_ inode: InodeNumber) {
        lock.withLock {
            guard let node = names.nodes[inode] else { return }
            node.openCount -= 1
            guard node.openCount == 0, node.isRemoved else { return }
            removeRow(of: node)
            sealQueue()
        }
    }

    /// Calls `body` for the entries with a cookie above `cookie`, in order, until it returns false. Entries that
    /// come or go meanwhile may or may not be seen, as readdir(3) has it; all others are seen exactly once.
    ///
    /// Names made after the listing began are not in it: who renames each name that it lists comes to an end.
    package func readDirectory(
        _ handle: HandleID, after cookie: DirectoryCookie, caller: Caller, _ body: (DirectoryItem) -> Bool
    ) throws(FileSystemError) {
        let handle = try handles.find(handle)
        let inode = handle.inode
        try requirePermitted(handle, .list)
        let end = listingEnd(of: handle, readingAfter: cookie)
        if let items = try cachedListing(of: inode, after: cookie, before: end) {
            for item in items { guard body(item) else { return } }
            return
        }
        var position = cookie
        while true {
            let number = try transact { () throws(Missing) -> UInt64 in try directory(inode).changeNumber }
            try waitForCommit(of: number)
            var chunk: [(EntryRow, InodeRow)] = []
            do throws(IndexError) {
                try parts.index.forEachEntry(of: inode, after: position) { entry, row in
                    chunk.append((entry, row))
                    return chunk.count < Self.listingChunk
                }
            } catch {
                throw FileSystemError(error)
            }
            guard let last = chunk.last else { return }
            position = last.0.cookie
            chunk.removeAll { $0.0.cookie >= end }
            let items = lock.withLock { () -> [DirectoryItem] in
                let known = names.nodes[inode]?.children ?? [:]
                return chunk.compactMap { entry, row -> DirectoryItem? in
                    if let newer = known[entry.name], newer.cookie != entry.cookie || newer.inode != entry.inode {
                        return nil
                    }
                    let shown = names.nodes[entry.inode].map { attributes($0) } ?? row.attributes
                    return DirectoryItem(
                        name: entry.name, inode: entry.inode, kind: entry.kind, cookie: entry.cookie,
                        attributes: shown)
                }
            }
            for item in items { guard body(item) else { return } }
            if chunk.count < Self.listingChunk { return }
        }
    }

    /// The first cookie that the listing leaves out. Read from the beginning, a directory is listed anew.
    private func listingEnd(of handle: Handle, readingAfter cookie: DirectoryCookie) -> DirectoryCookie {
        let known = handle.listingEnd.load(ordering: .relaxed)
        if known > 0, cookie >= Self.firstCookie { return known }
        let end = lock.withLock { names.cookieLease.next }
        handle.listingEnd.store(end, ordering: .relaxed)
        return end
    }

    /// The listing of a small directory that is in memory as a whole, nil for any other.
    private func cachedListing(
        of inode: InodeNumber, after cookie: DirectoryCookie, before end: DirectoryCookie
    ) throws(FileSystemError) -> [DirectoryItem]? {
        try transact { () throws(Missing) -> [DirectoryItem]? in
            let directory = try directory(inode)
            guard directory.knowsAllChildren, directory.children.count <= 2 * Self.listingChunk else { return nil }
            var items: [DirectoryItem] = []
            for (name, entry) in directory.children where entry.cookie > cookie && entry.cookie < end {
                guard let inode = entry.inode else { continue }
                items.append(
                    DirectoryItem(
                        name: name, inode: inode, kind: entry.kind, cookie: entry.cookie,
                        attributes: attributes(try node(inode))))
            }
            return items.sorted { $0.cookie < $1.cookie }
        }
    }
}
