internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

/// The index writer: one thread brings the changes of the namespace to the index, in order and in whole changes.
///
/// 1. A batch is everything queued so far; the index commits it as one step. (`takeBatch`, `commit`)
/// 2. A durable commit comes only after the data of renamed files in it and before it. (`writeDependencies`)
/// 3. What was taken from the queue is applied before anything can fail: a batch that could not be committed stays in
///    the index's own transaction and goes with the next. (`apply`)
extension Volume {
    private struct Batch {
        var steps: [IndexChange]
        var through: UInt64
        var dependencies: Set<InodeNumber>
        var isDurable: Bool
        var inodeLease: UInt64
        var cookieLease: UInt64
    }

    func writeIndex() {
        var carried: Set<InodeNumber> = []
        while var batch = takeBatch() {
            batch.dependencies.formUnion(carried)
            carried = batch.dependencies
            do throws(FileSystemError) {
                try apply(batch)
                if batch.isDurable { try writeDependencies(batch.dependencies) }
                try commit(batch)
                if batch.isDurable { carried = [] }
                finish(batch, failure: nil)
            } catch {
                finish(batch, failure: error)
            }
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

    /// Waits for work; nil when the volume stops.
    private func takeBatch() -> Batch? {
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
        return Batch(
            steps: steps, through: through, dependencies: dependencies, isDurable: isDurable,
            inodeLease: names.inodeLease.end, cookieLease: names.cookieLease.end)
    }

    /// A file whose capsule can no longer be written has nothing that its name could wait for.
    private func writeDependencies(_ inodes: Set<InodeNumber>) throws(FileSystemError) {
        for inode in inodes {
            do throws(FileSystemError) { try synchronizeContent(of: inode) } catch {
                guard error != .noSpace, lock.withLock({ names.nodes[inode]?.isBroken ?? true }) else { throw error }
            }
        }
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
    func journalHead() -> IndexChange {
        let head = parts.journal.head()
        var value = ByteWriter()
        value.integer(head.sequence)
        value.append(head.hash)
        return .putMeta(key: .journalHead, value: value.bytes)
    }

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
