internal import ArgusCapsule
internal import ArgusCore
package import ArgusIndex
package import ArgusJournal
internal import ArgusSystem

/// The index writer: one thread brings the changes of the namespace to the index, in order and in whole changes.
///
/// 1. A batch is everything queued so far; the index commits it as one step. (`takeBatch`, `commit`)
/// 2. A commit comes only after the data of renamed files in it and before it: written for one that has to survive
///    this process, durable for one that has to survive a power cut. (`writeDependencies`)
/// 3. Nothing that was taken from the queue is lost: what the index did not get goes with the next batch, what it could
///    not commit stays in its own transaction. (`Arrears`, `apply`)
extension Volume {
    private struct Batch {
        var steps: [IndexChange]
        var through: UInt64
        /// Renamed files whose data has to be on storage first.
        var dependencies: Set<InodeNumber>
        /// Files that are held open until the batch is committed: their data is needed, whether they are removed
        /// meanwhile or not.
        var held: [InodeNumber] = []
        var isDurable: Bool
        var inodeLease: UInt64
        var cookieLease: UInt64
        /// Numbers below it are in the batch or before it.
        var nextInode: UInt64
    }

    /// What the writer still owes.
    private struct Arrears {
        /// Of batches that the index did not get, since their data could not be written.
        var steps: [IndexChange] = []
        var dependencies: Set<InodeNumber> = []
        /// Of what the index has and a durable commit does not: their data is written, and not durable.
        var applied: Set<InodeNumber> = []
    }

    func writeIndex() {
        var arrears = Arrears()
        while let batch = takeBatch(arrears) {
            do throws(FileSystemError) {
                try withIndexHeld { () throws(FileSystemError) in try write(batch, &arrears) }
                finish(batch, failure: nil)
            } catch {
                finish(batch, failure: error)
            }
            for inode in batch.held { releaseContent(of: inode) }
        }
    }

    /// Closes what was queued as one change, and wakes the writer where it does not know of any; under the namespace
    /// lock. A writer that gathers a batch is left alone.
    func sealQueue() {
        names.queue.seal()
        guard names.isIndexIdle || names.queue.steps.count >= configuration.limits.batchChanges else { return }
        names.isIndexIdle = false
        indexWork.signal()
    }

    private func write(_ batch: Batch, _ arrears: inout Arrears) throws(FileSystemError) {
        do throws(FileSystemError) {
            try mark(batch.dependencies, &arrears)
            try writeDependencies(batch.dependencies, isDurable: batch.isDurable)
            if batch.isDurable { try writeDependencies(arrears.applied, isDurable: true) }
        } catch {
            arrears.steps = batch.steps
            arrears.dependencies = batch.dependencies
            throw error
        }
        arrears.steps = []
        arrears.dependencies = []
        arrears.applied.formUnion(batch.dependencies)
        try apply(batch)
        try commit(batch)
        if batch.isDurable { arrears.applied = [] }
    }

    /// Waits for work; nil when the volume stops.
    private func takeBatch(_ arrears: Arrears) -> Batch? {
        lock.lock()
        defer { lock.unlock() }
        while names.queue.isEmpty && names.durableRequested <= names.durable {
            if names.isStopping { return nil }
            names.isIndexIdle = true
            indexWork.wait(lock)
            names.isIndexIdle = false
        }
        let deadline =
            parts.clock.monotonicNanoseconds() + UInt64(configuration.limits.batchDelayMilliseconds) * 1_000_000
        while names.durableRequested <= names.durable, names.commitRequested <= names.committed, !names.isStopping,
            names.queue.steps.count < configuration.limits.batchChanges
        {
            let now = parts.clock.monotonicNanoseconds()
            guard now < deadline, indexWork.wait(lock, nanoseconds: deadline - now) else { break }
        }
        let isDurable = names.durableRequested > names.durable
        let (steps, through, dependencies) = names.queue.take()
        if isDurable { names.durableTarget = through }
        var batch = Batch(
            steps: arrears.steps + steps, through: through, dependencies: arrears.dependencies.union(dependencies),
            isDurable: isDurable, inodeLease: names.inodeLease.end, cookieLease: names.cookieLease.end,
            nextInode: names.inodeLease.next)
        for inode in batch.dependencies.union(arrears.applied) {
            guard let node = names.nodes[inode], !node.isRemoved else { continue }
            _ = retainContent(of: node)
            batch.held.append(inode)
        }
        return batch
    }

    /// A file whose capsule can no longer be written has nothing that its name could wait for.
    private func writeDependencies(_ inodes: Set<InodeNumber>, isDurable: Bool) throws(FileSystemError) {
        for inode in inodes {
            do throws(FileSystemError) {
                if isDurable {
                    try synchronizeContent(of: inode, isMarked: true)
                } else if let content = lock.withLock({ names.nodes[inode]?.content }), content.isUnsettled {
                    try writeOut(inode, content, isMarked: true)
                }
            } catch {
                guard error != .noSpace, lock.withLock({ names.nodes[inode]?.isBroken ?? true }) else { throw error }
            }
        }
    }

    /// What `lockForWriting` waits for, done by the one whom it waits for: the rows as the index has them, marked.
    /// That commit makes durable what the index has already, so the data of that comes first.
    private func mark(_ inodes: Set<InodeNumber>, _ arrears: inout Arrears) throws(FileSystemError) {
        // What is made in the batch becomes durable together with its mark.
        let unmarked = lock.withLock {
            inodes.filter { inode in
                guard let node = names.nodes[inode] else { return false }
                return node.creationNumber <= names.durable && pendingMark(of: inode) != nil
            }
        }
        guard !unmarked.isEmpty else { return }
        try writeDependencies(arrears.applied, isDurable: true)
        do throws(IndexError) {
            var steps: [IndexChange] = []
            for inode in unmarked {
                guard var row = try parts.index.inode(inode), row.capsule?.isDirty != true else { continue }
                row.capsule = row.capsule ?? CapsuleState.unwritten(generation: parts.keys.current.generation)
                row.capsule?.isDirty = true
                steps.append(.putInode(row))
            }
            try parts.index.apply(steps)
            try parts.index.commit(.durable)
        } catch {
            throw FileSystemError(error)
        }
        arrears.applied = []
    }

    private func apply(_ batch: Batch) throws(FileSystemError) {
        let head = journalHead()
        do throws(IndexError) {
            try parts.index.apply(batch.steps + [head])
        } catch {
            throw FileSystemError(error)
        }
    }

    private func commit(_ batch: Batch) throws(FileSystemError) {
        do throws(IndexError) {
            try parts.index.commit(batch.isDurable ? .durable : .process)
        } catch {
            guard error == .full, giveUpReserve() else { throw FileSystemError(error) }
            do throws(IndexError) { try parts.index.commit(batch.isDurable ? .durable : .process) } catch {
                throw FileSystemError(error)
            }
        }
    }

    /// What the index is to know of the journal: its newest record.
    func journalHead() -> IndexChange { .journalHead(parts.journal.head()) }

    private func finish(_ batch: Batch, failure: FileSystemError?) {
        let hasGarbage = lock.withLock { () -> Bool in
            names.indexFailure = failure
            if failure == nil {
                names.committed = batch.through
                if batch.isDurable {
                    names.durable = batch.through
                    if names.durableRequested <= batch.through { names.durableRequested = 0 }
                    names.inodeLease.confirm(through: batch.inodeLease)
                    names.cookieLease.confirm(through: batch.cookieLease)
                    names.firstProbed = batch.nextInode
                }
            } else {
                // Applied or not, the steps are in order; what waits for durability is told, and asks again.
                names.durableRequested = 0
                names.durableTarget = names.durable
                scheduleBarrier()
            }
            return !names.garbage.isEmpty
        }
        indexProgress.broadcast()
        if hasGarbage { dataWork.signal() }
    }

    // MARK: Waiting for the writer

    /// Waits until the index holds a change durably, or all that is queued.
    func waitForDurability(of change: UInt64?) throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        let wanted = change ?? max(names.queue.newest, names.durableRequested)
        while names.durable < wanted {
            guard !names.isStopping else { throw .inputOutput }
            names.durableRequested = max(names.durableRequested, wanted)
            indexWork.signal()
            indexProgress.wait(lock)
            if names.durable < wanted, let failure = names.indexFailure { throw failure }
        }
    }

    /// Waits until the index holds a change.
    func waitForCommit(of change: UInt64) throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        while names.committed < change {
            if let failure = names.indexFailure { throw failure }
            guard !names.isStopping else { throw .inputOutput }
            names.commitRequested = max(names.commitRequested, change)
            indexWork.signal()
            indexProgress.wait(lock)
        }
    }

    /// Waits until the queue has room.
    func waitForRoom() throws(FileSystemError) {
        lock.lock()
        defer { lock.unlock() }
        while names.queue.steps.count >= configuration.limits.queuedChanges {
            if let failure = names.indexFailure { throw failure }
            guard !names.isStopping else { throw .inputOutput }
            indexWork.signal()
            indexProgress.wait(lock)
        }
    }
}

extension IndexChange {
    /// That this is the journal's newest record.
    package static func journalHead(_ head: JournalMark) -> IndexChange {
        var value = ByteWriter()
        value.integer(head.sequence)
        value.append(head.hash)
        if let stream = head.stream { value.append(stream.bytes) }
        return .putMeta(key: .journalHead, value: value.bytes)
    }
}
