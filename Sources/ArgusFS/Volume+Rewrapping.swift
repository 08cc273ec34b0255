internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusSystem

/// Giving files the folder's newest key while the folder is in use: the data writer takes a few at a time, between its
/// other work. No content is written anew.
///
/// One lock, `rewrapping`, outside all others: whoever takes it knows that no file is being rewrapped.
///
/// 1. A file gets the newest key with any commit (`commit`), and those that are not written by a commit of their own.
/// 2. That all of them have it is said in the index only after they have it durably (`endRewrapping`); so a mount that
///    finds it unsaid, after a crash or an early end, looks through the files again (`rewrapFiles`).
extension Volume {
    /// Files looked at between other work, and those of them that are rewrapped.
    private static let rewrapScanCount = 4096
    private static let rewrapBatchCount = 16

    /// Starts to look for files with an older key than the folder's, if there may be any.
    package func rewrapFiles() {
        guard !configuration.isReadOnly else { return }
        let generation = parts.keys.current.generation
        lock.withLock {
            guard generation > names.rewrappedGeneration else { return }
            names.rewrapNext = InodeNumber(0)
            names.rewrapPass += 1
            names.rewrapHasFailures = false
            dataWork.signal()
        }
    }

    /// When it returns no file is rewrapped any more: what follows finds the folder still.
    func endRewrappingEarly() {
        lock.withLock {
            names.rewrapNext = nil
            names.rewrapPass += 1
        }
        rewrapping.withLock {}
    }

    /// Rewraps the next few files.
    func rewrapSome() {
        rewrapping.withLock { rewrapNextFiles() }
    }

    private func rewrapNextFiles() {
        let (next, pass) = lock.withLock { (names.rewrapNext, names.rewrapPass) }
        guard let first = next else { return }
        let generation = parts.keys.current.generation
        do {
            // Rows tell the key of a capsule once it is durable.
            if first.rawValue == 0 { try barrier() }
            var last: InodeNumber?
            var found: [InodeNumber] = []
            var scanned = 0
            try parts.index.forEachInode(from: first) { row in
                last = row.attributes.inode
                scanned += 1
                if let state = row.capsule, state.keyGeneration < generation { found.append(row.attributes.inode) }
                return found.count < Self.rewrapBatchCount && scanned < Self.rewrapScanCount
            }
            for inode in found where lock.withLock({ names.rewrapPass == pass }) {
                do throws(FileSystemError) { try rewrap(inode, to: generation) } catch {
                    lock.withLock { names.rewrapHasFailures = true }
                }
            }
            guard let last else { return try endRewrapping(generation, pass) }
            lock.withLock {
                if names.rewrapPass == pass { names.rewrapNext = InodeNumber(last.rawValue + 1) }
            }
        } catch {
            // The next mount goes on.
            lock.withLock { if names.rewrapPass == pass { names.rewrapNext = nil } }
        }
    }

    private func rewrap(_ inode: InodeNumber, to generation: KeyGeneration) throws(FileSystemError) {
        let retained = try transact { () throws(Missing) -> FileContent? in
            let node = try node(inode)
            return node.isRemoved ? nil : retainContent(of: node)
        }
        guard let content = retained else { return }
        defer { releaseContent(of: inode) }
        try load(inode, content)
        content.writing.lock()
        defer { content.writing.unlock() }
        guard let capsule = content.capsule, capsule.info.commit > 0, capsule.info.keyGeneration < generation else {
            return
        }
        try commit(inode, content)
    }

    private func endRewrapping(_ generation: KeyGeneration, _ pass: UInt64) throws {
        try barrier()
        lock.withLock {
            guard names.rewrapPass == pass else { return }
            names.rewrapNext = nil
            guard !names.rewrapHasFailures else { return }
            names.rewrappedGeneration = generation
            let bytes = withUnsafeBytes(of: generation.littleEndian) { Array($0) }
            names.queue.add(.putMeta(key: .rewrapped, value: bytes))
            names.queue.seal()
            indexWork.signal()
        }
    }
}
