internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// The beginning of a mount: after an unclean end, what may be ahead of the index is looked at and settled.
///
/// 1. Inodes that were unlinked while open lose their rows, listed garbage its capsules. (`clearOrphans`,
///    `clearGarbage`)
/// 2. Rows marked dirty are compared with their capsules, which know size and times. (`recover`)
/// 3. Numbers that were leased and whose rows know of no capsule are probed for one. (`probeOrphans`)
/// 4. Only then, when storage keeps all of these removals, the folder is marked as mounted, under new leases, durably:
///    what was removed is looked for no more. (`mark`)
extension Volume {
    func start() throws(FileSystemError) {
        do {
            guard let root = try parts.index.inode(.root) else { throw FileSystemError.inputOutput }
            lock.withLock { names.nodes[.root] = Node(inode: .root, row: root) }
            let wasMounted = try parts.index.meta(.mounted) == [1]
            let mayLag = try parts.index.meta(.mayLag) == [1]
            lock.withLock { names.mayLag = wasMounted || mayLag }
            guard !configuration.isReadOnly else { return }
            let probed = try leasedInodes()
            try clearGarbage()
            if wasMounted {
                let orphans = try clearOrphans()
                try recover()
                let strays = try probeOrphans(probed)
                if orphans + strays > 0 { try parts.store.syncAll() }
            }
            try mark(inodes: probed.upperBound, isUnclean: wasMounted)
            let rewrapped = try parts.index.meta(.rewrapped) ?? []
            lock.withLock {
                names.rewrappedGeneration =
                    rewrapped.count == 4 ? rewrapped.reversed().reduce(0) { $0 << 8 | KeyGeneration($1) } : 1
            }
            rewrapFiles()
        } catch let error as IndexError {
            throw FileSystemError(error)
        } catch let error as StoreError {
            throw FileSystemError(error)
        } catch let error as FileSystemError {
            throw error
        } catch {
            throw .inputOutput
        }
    }

    /// The numbers whose capsules may lie on storage without a row.
    private func leasedInodes() throws(IndexError) -> Range<UInt64> {
        guard let bytes = try parts.index.meta(.inodeLease), !bytes.isEmpty else { return 2..<2 }
        let lease = bytes.withUnsafeBytes { raw -> (UInt64, UInt64)? in
            var reader = ByteReader(raw)
            guard let first = try? reader.integer(UInt64.self), let end = try? reader.integer(UInt64.self) else {
                return nil
            }
            return (first, end)
        }
        guard let (first, end) = lease, first >= 2, first <= end else {
            throw .corrupt(reason: "the lease of inode numbers is malformed")
        }
        return first..<end
    }

    private func mark(inodes: UInt64, isUnclean: Bool) throws(IndexError) {
        let cookies: UInt64
        if let bytes = try parts.index.meta(.cookieLease), bytes.count == 8 {
            cookies = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        } else {
            cookies = 3
        }
        let steps = lock.withLock { () -> [IndexChange] in
            names.inodeLease = NumberLease(next: inodes, size: configuration.limits.inodeLease)
            names.firstProbed = inodes
            names.cookieLease = NumberLease(next: cookies, size: configuration.limits.cookieLease)
            _ = names.inodeLease.extend()
            _ = names.cookieLease.extend()
            queueLeases()
            names.queue.add(.putMeta(key: .mounted, value: [1]))
            names.queue.add(.putMeta(key: .bootID, value: configuration.bootID))
            if isUnclean { names.queue.add(.putMeta(key: .mayLag, value: [1])) }
            names.queue.seal()
            return names.queue.take().steps
        }
        // With the newest record the index knows this mount's stream, so that its removal as a whole would show.
        try parts.index.apply(steps + [journalHead()])
        try parts.index.commit(.durable)
        lock.withLock {
            names.committed = names.queue.newest
            names.durable = names.queue.newest
            names.inodeLease.confirm(through: names.inodeLease.end)
            names.cookieLease.confirm(through: names.cookieLease.end)
        }
    }

    private func recover() throws {
        var settled: [InodeRow] = []
        for var row in try parts.index.dirtyInodes() {
            guard let state = row.capsule else { continue }
            let inode = row.attributes.inode
            let name = parts.keys.objectName(of: row.fileID)
            let tag = CapsuleRootTag(high: state.rootTag.high, low: state.rootTag.low)
            do {
                let object = try parts.store.open(name, writable: true)
                let opened = try Capsule.open(
                    object, identity: CapsuleIdentity(folder: parts.folder, file: row.fileID), keys: parts.keys,
                    expecting: .dirty(atLeast: state.durableCommit, rootTag: tag), writable: true)
                if opened.recovered {
                    recordFinding(.recover, inode: inode, fileID: row.fileID, reason: "an older commit was taken")
                }
                let info = try opened.capsule.finish()
                let times = opened.capsule.times
                row.attributes.size = opened.capsule.size
                row.attributes.blocks = opened.capsule.allocatedBytes / 512
                row.attributes.modified = times.modified
                row.attributes.changed = max(times.changed, row.attributes.changed)
                row.capsule = CapsuleState(durable: info, isDirty: false)
                settled.append(row)
            } catch {
                let isTorn = try isTorn(error)
                if state.durableCommit == 0 && isTorn {
                    // Never known to be on disk: the file is as it was before its first write.
                    recordFinding(.recover, inode: inode, fileID: row.fileID, reason: "never durable: empty")
                    try? parts.store.remove(name)
                    row.capsule = nil
                    row.attributes.size = 0
                    row.attributes.blocks = 0
                    settled.append(row)
                } else {
                    let cause = (error as? StoreError).map(CapsuleError.store) ?? error as? CapsuleError ?? .crypto
                    recordFinding(.integrity, inode: inode, fileID: row.fileID, reason: cause.text)
                }
            }
        }
        guard !settled.isEmpty else { return }
        try parts.store.syncAll()
        try parts.index.apply(settled.map { .putInode($0) })
    }

    /// Whether this is how a crash leaves a capsule that was never durable. Storage that does not answer is no reason to
    /// settle anything: the start fails, and finds everything as it is when it is tried again.
    private func isTorn(_ error: any Error) throws -> Bool {
        let cause: StoreError
        switch error {
        case CapsuleError.unauthentic: return true
        case CapsuleError.store(let error): cause = error
        case let error as StoreError: cause = error
        default: return false
        }
        switch cause {
        case .missing: return true
        case .notAnObject: return false
        default: throw FileSystemError(cause)
        }
    }

    /// Returns how many there were.
    private func clearOrphans() throws -> Int {
        let orphans = try parts.index.orphanInodes()
        for row in orphans {
            let inode = row.attributes.inode
            try removeObject(of: row.fileID)
            try parts.index.apply([.removeAllAttributes(inode: inode), .removeInode(inode)])
        }
        return orphans.count
    }

    private func clearGarbage() throws {
        let gone = try parts.index.garbage().filter { fileID in
            do throws(StoreError) { try removeObject(of: fileID) } catch { return false }
            return true
        }
        guard !gone.isEmpty else { return }
        // The list must not go before the objects. What storage does not let go stays listed.
        try parts.store.syncAll()
        try parts.index.apply(gone.map { .removeGarbage($0) })
    }

    private func removeObject(of fileID: FileID) throws(StoreError) {
        do throws(StoreError) { try parts.store.remove(parts.keys.objectName(of: fileID)) } catch .missing {}
    }

    /// Returns how many there were.
    private func probeOrphans(_ leased: Range<UInt64>) throws -> Int {
        var count = 0
        for number in leased {
            let row = try parts.index.inode(InodeNumber(number))
            if let row, row.capsule != nil || row.attributes.kind != .file { continue }
            let name = parts.keys.objectName(of: parts.keys.fileID(of: InodeNumber(number)))
            guard try parts.store.exists(name) else { continue }
            try parts.store.remove(name)
            count += 1
        }
        return count
    }
}
