internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem
internal import Synchronization

/// The data writer: one thread seals what apps wrote, commits it, runs the barriers and deletes what has no name.
extension Volume {
    func writeData() {
        while let work = takeWork() {
            for inode in work.urgent + work.aged {
                let now = parts.clock.monotonicNanoseconds()
                let (content, isReplaced) = lock.withLock { () -> (FileContent?, Bool) in
                    guard let content = names.nodes[inode]?.content else { return (nil, false) }
                    return (content, replacementEnd(inode, content).map { $0 > now } ?? false)
                }
                guard let content else { continue }
                do throws(FileSystemError) {
                    // Its pages can go to storage already; what they replace stays until the commit.
                    if isReplaced { try sealNow(inode, content) } else { try writeOut(inode, content) }
                } catch {
                    // The pages stay; the app learns it at fsync or close, and the next round tries again.
                    lock.withLock {
                        if isInUse(content) { names.changedFiles.insert(inode) }
                    }
                }
            }
            if let inode = work.resting {
                do throws(FileSystemError) { try bringToRest(inode) } catch { lock.withLock { noteResting(inode) } }
            }
            if work.isBarrierDue {
                do throws(FileSystemError) { try barrier(isComplete: false) } catch {
                    lock.withLock { scheduleBarrier() }
                }
                refillReserve()
            }
            deleteGarbage()
            if work.rewraps { rewrapSome() }
        }
    }

    private struct Work {
        var urgent: [InodeNumber]
        var aged: [InodeNumber]
        var resting: InodeNumber?
        var isBarrierDue: Bool
        var rewraps: Bool
    }

    private func takeWork() -> Work? {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if names.isStopping { return nil }
            let now = parts.clock.monotonicNanoseconds()
            let age = UInt64(configuration.limits.dirtyMilliseconds) * 1_000_000
            var aged: [InodeNumber] = []
            var wait = UInt64.max
            for inode in names.changedFiles {
                guard let content = names.nodes[inode]?.content else { continue }
                let (isChanged, since) = content.unwritten
                guard isChanged else { continue }
                let due = max(since + age, replacementEnd(inode, content) ?? 0)
                if due <= now { aged.append(inode) } else { wait = min(wait, due - now) }
            }
            let isBarrierDue = names.barrierDueNanoseconds.map { $0 <= now } ?? false
            let closedDue = names.closedNanoseconds + UInt64(configuration.limits.closedMilliseconds) * 1_000_000
            if !names.closedFiles.isEmpty, closedDue <= now {
                names.urgentFiles += names.closedFiles
                names.closedFiles = []
            }
            let rewraps = names.rewrapNext != nil
            if !names.urgentFiles.isEmpty || !aged.isEmpty || isBarrierDue || rewraps {
                defer { names.urgentFiles = [] }
                if isBarrierDue { names.barrierDueNanoseconds = nil }
                return Work(urgent: names.urgentFiles, aged: aged, isBarrierDue: isBarrierDue, rewraps: rewraps)
            }
            if let resting = names.restingFiles.min(by: { $0.value < $1.value }) {
                if resting.value <= now {
                    return Work(urgent: [], aged: [], resting: resting.key, isBarrierDue: false, rewraps: false)
                }
                wait = min(wait, resting.value - now)
            }
            if !names.closedFiles.isEmpty { wait = min(wait, closedDue - now) }
            if let due = names.barrierDueNanoseconds { wait = min(wait, due - now) }
            if wait == .max { dataWork.wait(lock) } else { _ = dataWork.wait(lock, nanoseconds: wait) }
        }
    }

    /// A file was closed and is not written out; under the namespace lock.
    func noteClosed(_ inode: InodeNumber) {
        names.closedFiles.append(inode)
        guard names.closedFiles.count == 1 else { return }
        names.closedNanoseconds = parts.clock.monotonicNanoseconds()
        dataWork.signal()
    }

    /// Sees to it that a barrier follows within the interval; under the namespace lock.
    func scheduleBarrier() {
        guard names.barrierDueNanoseconds == nil else { return }
        names.barrierDueNanoseconds =
            parts.clock.monotonicNanoseconds() + UInt64(configuration.barrierIntervalSeconds) * 1_000_000_000
        dataWork.signal()
    }

    // MARK: One file

    /// Opens the capsule of a content where the file has one, before its first read or write.
    func load(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        guard content.capsule == nil else { return }
        let hasCapsule = try transact { () throws(Missing) -> Bool in
            let node = try node(inode)
            return node.newestCommit != nil || node.row.capsule.map { $0.durableCommit > 0 || names.mayLag } ?? false
        }
        guard hasCapsule else { return }
        content.writing.lock()
        defer { content.writing.unlock() }
        try attachCapsule(inode, content, creates: false)
    }

    /// Attaches the capsule, making it where there is none and `creates` says so; the caller holds `writing`.
    private func attachCapsule(
        _ inode: InodeNumber, _ content: FileContent, creates: Bool
    ) throws(FileSystemError) {
        guard content.capsule == nil else { return }
        let (row, newest, mayLag) = try transact { () throws(Missing) in
            let node = try node(inode)
            return (node.row, node.newestCommit, names.mayLag)
        }
        let name = parts.keys.objectName(of: row.fileID)
        let identity = CapsuleIdentity(folder: parts.folder, file: row.fileID)
        do {
            if newest == nil && (row.capsule?.durableCommit ?? 0) == 0 {
                guard creates else { return }
                // Left from a crash before its first commit was known: nothing refers to it.
                let object: any BackingObject
                do throws(StoreError) { object = try parts.store.create(name) } catch .exists {
                    try parts.store.remove(name)
                    object = try parts.store.create(name)
                }
                let capsule = try Capsule.create(
                    in: object, identity: identity, keys: parts.keys, now: parts.clock.now())
                lock.withLock {
                    if isInUse(content) { names.unsyncedNames.insert(inode) }
                }
                content.attach(capsule)
                return
            }
            let object = try parts.store.open(name, writable: !configuration.isReadOnly)
            let expectation: OpenExpectation
            if let newest {
                expectation = .clean(commit: newest.commit, rootTag: newest.rootTag)
            } else {
                expectation = OpenExpectation(row.capsule!, mayLag: mayLag)
            }
            let opened = try Capsule.open(
                object, identity: identity, keys: parts.keys, expecting: expectation,
                writable: !configuration.isReadOnly)
            content.attach(opened.capsule)
            if opened.recovered {
                recordFinding(.recover, inode: inode, fileID: row.fileID, reason: "an older commit was taken")
            }
            if newest == nil, opened.capsule.info.commit != row.capsule?.durableCommit {
                content.adoptSize(opened.capsule.size)
                lock.withLock {
                    guard let node = names.nodes[inode] else { return }
                    node.newestCommit = opened.capsule.info
                    node.row.attributes.size = opened.capsule.size
                    // Written by the process before; nobody knows whether it is on disk.
                    guard !configuration.isReadOnly else { return }
                    names.unsynced[inode] = opened.capsule.info
                    scheduleBarrier()
                }
            }
        } catch let error as StoreError {
            if error == .missing || error == .notAnObject {
                recordFinding(.integrity, inode: inode, fileID: row.fileID, reason: CapsuleError.store(error).text)
            }
            throw FileSystemError(error)
        } catch let error as CapsuleError {
            throw failure(error, of: inode)
        } catch {
            throw .inputOutput
        }
    }

    /// Seals the waiting pages, without a commit.
    func sealNow(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        try lockForWriting(inode, content)
        defer { content.writing.unlock() }
        try seal(inode, content)
    }

    /// Takes `writing` once the capsule may change: when its row says durably that it may be ahead. So a row that
    /// is clean after a crash tells size and times as the capsule has them.
    func lockForWriting(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        while true {
            if content.unwritten.isChanged, let mark = lock.withLock({ pendingMark(of: inode) }) {
                try waitForDurability(of: mark)
            }
            content.writing.lock()
            // Meanwhile it may have come to rest and have been changed again.
            if !content.unwritten.isChanged || lock.withLock({ pendingMark(of: inode) }) == nil { return }
            content.writing.unlock()
        }
    }

    /// The change that has to be durable before the file's capsule is touched, nil where none has to; under the
    /// namespace lock. A row that is not durable itself becomes so only together with its mark.
    func pendingMark(of inode: InodeNumber) -> UInt64? {
        guard let node = names.nodes[inode], node.markNumber > names.durable,
            node.creationNumber <= max(names.durable, names.durableTarget)
        else { return nil }
        return node.markNumber
    }

    private func seal(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        try attachCapsule(inode, content, creates: true)
        do throws(CapsuleError) { try content.seal() } catch {
            guard error == .store(.full), giveUpReserve() else { throw failure(error, of: inode) }
            do throws(CapsuleError) { try content.seal() } catch { throw failure(error, of: inode) }
        }
    }

    /// Seals and commits what a file has waiting, and after the last close brings its capsule into its final form: one
    /// that takes long only where `rests` says so.
    ///
    /// `isMarked`: the index writer has seen to it that the row says so (`lockForWriting`).
    func writeOut(
        _ inode: InodeNumber, _ content: FileContent, isMarked: Bool = false, rests: Bool = false
    ) throws(FileSystemError) {
        if isMarked { content.writing.lock() } else { try lockForWriting(inode, content) }
        defer { content.writing.unlock() }
        // Removed and closed meanwhile: nothing needs to be stored.
        guard let node = lock.withLock({ isInUse(content) ? names.nodes[inode] : nil }) else { return }
        try commitChanges(inode, content)
        let isLast = lock.withLock { () -> Bool in
            if !content.isUnsettled { names.changedFiles.remove(inode) }
            return node.openCount == 0 && !content.isUnsettled
        }
        guard isLast else { return }
        if content.wasCommitted, let capsule = content.capsule {
            guard mayRest(inode, capsule, isDue: rests) else { return }
            do throws(CapsuleError) { note(try capsule.finish(), of: content) } catch {
                throw failure(error, of: inode)
            }
            content.wasCommitted = false
        }
        lock.withLock {
            guard node.openCount == 0, node.content === content, !content.isUnsettled else { return }
            settle(node)
        }
    }

    /// Seals and commits what waits; the caller holds `writing`.
    func commitChanges(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        let now = parts.clock.monotonicNanoseconds()
        guard content.takeChange() else { return }
        do throws(FileSystemError) {
            try seal(inode, content)
            try commit(inode, content)
            content.endCommit()
        } catch {
            content.restoreChange(now: now)
            throw error
        }
    }

    /// Whether a closed file is brought to rest now; otherwise that is noted for later.
    private func mayRest(_ inode: InodeNumber, _ capsule: Capsule, isDue: Bool) -> Bool {
        guard !isDue, capsule.freedExtentCount > configuration.limits.restExtents else { return true }
        lock.withLock { noteResting(inode) }
        return false
    }

    /// Under the namespace lock.
    private func noteResting(_ inode: InodeNumber) {
        names.restingFiles[inode] =
            parts.clock.monotonicNanoseconds() + UInt64(configuration.limits.restMilliseconds) * 1_000_000
        dataWork.signal()
    }

    /// Brings a closed file to rest; one that is open again is left alone.
    private func bringToRest(_ inode: InodeNumber) throws(FileSystemError) {
        let content = lock.withLock { () -> FileContent? in
            names.restingFiles[inode] = nil
            return names.nodes[inode]?.content
        }
        guard let content else { return }
        try writeOut(inode, content, rests: true)
    }

    /// Brings all closed files to rest, those too that were left for later.
    func bringAllToRest() throws(FileSystemError) {
        for inode in lock.withLock({ Array(names.restingFiles.keys) }) { try bringToRest(inode) }
    }

    /// Commits what is sealed, under the folder's newest key; the caller holds `writing`.
    func commit(_ inode: InodeNumber, _ content: FileContent) throws(FileSystemError) {
        guard let capsule = content.capsule else { return }
        let keys = parts.keys
        if capsule.info.keyGeneration < keys.current.generation { capsule.rewrap(keys: keys) }
        let (attributes, label) = try transact { () throws(Missing) -> (FileAttributes, CapsuleLabel) in
            let node = try node(inode)
            let a = node.row.attributes
            let parent = names.nodes[node.row.parent]?.row.fileID
            return (
                a, CapsuleLabel(name: node.name?.bytes ?? [], parent: parent, uid: a.uid, gid: a.gid, mode: a.mode)
            )
        }
        let times = CapsuleTimes(
            accessed: attributes.accessed, modified: attributes.modified, changed: attributes.changed,
            created: attributes.created)
        do throws(CapsuleError) {
            content.wasCommitted = true
            note(try capsule.commit(times: times, label: label), of: content)
        } catch {
            guard error == .store(.full), giveUpReserve() else { throw failure(error, of: inode) }
            do throws(CapsuleError) { note(try capsule.commit(times: times, label: label), of: content) } catch {
                throw failure(error, of: inode)
            }
        }
    }

    private func note(_ info: CommitInfo, of content: FileContent) {
        lock.withLock {
            guard isInUse(content), let node = names.nodes[content.inode] else { return }
            node.newestCommit = info
            names.unsynced[node.inode] = info
            scheduleBarrier()
        }
    }

    /// False once the file lost its last name and handle, and its row with them, while it was written out: nothing may
    /// be noted of it any more. Under the namespace lock.
    private func isInUse(_ content: FileContent) -> Bool {
        names.nodes[content.inode]?.content === content
    }

    /// Makes one file's data durable: written out, and synced through its own capsule.
    func synchronizeContent(of inode: InodeNumber, isMarked: Bool = false) throws(FileSystemError) {
        guard let content = lock.withLock({ names.nodes[inode]?.content }) else {
            // Written out and closed: only the store as a whole, or the object by name, can be synced now.
            guard lock.withLock({ names.unsynced[inode] != nil }) else { return }
            try syncStore()
            return
        }
        try writeOut(inode, content, isMarked: isMarked)
        content.writing.lock()
        defer { content.writing.unlock() }
        guard lock.withLock({ names.unsynced[inode] != nil }) else { return }
        // Written out and closed before, and opened again since.
        try attachCapsule(inode, content, creates: false)
        guard let capsule = content.capsule else { return }
        let info: CommitInfo
        do throws(CapsuleError) { info = try capsule.sync() } catch { throw failure(error, of: inode) }
        // Before any row may say that there is a durable capsule: without its name on disk there is none.
        try synchronizeName(of: inode)
        lock.withLock {
            guard isInUse(content), let node = names.nodes[inode] else { return }
            if names.unsynced[inode] == info { names.unsynced[inode] = nil }
            // From here on the row says that the file has durable content, so that recovery never takes it for one
            // whose first write was cut short. Later syncs need no word to the index.
            guard node.row.capsule?.durableCommit == 0 else { return }
            node.row.capsule = CapsuleState(durable: info, isDirty: true)
            put(node)
            names.queue.seal()
        }
    }

    private func synchronizeName(of inode: InodeNumber) throws(FileSystemError) {
        let fileID = lock.withLock { names.unsyncedNames.contains(inode) ? names.nodes[inode]?.row.fileID : nil }
        guard let fileID else { return }
        do { try parts.store.syncName(parts.keys.objectName(of: fileID)) } catch { throw FileSystemError(error) }
        lock.withLock { _ = names.unsyncedNames.remove(inode) }
    }

    // MARK: Barrier

    /// Makes everything durable: data first, then the index that refers to it. A file that cannot be written keeps no
    /// other from it; the first of their errors is thrown at the end. Files that are being replaced stay as they were,
    /// unless `isComplete` wants all of them.
    func barrier(isComplete: Bool = true) throws(FileSystemError) {
        var failure: FileSystemError?
        let now = parts.clock.monotonicNanoseconds()
        for inode in lock.withLock({ names.changedFiles.union(names.urgentFiles).union(names.closedFiles) }) {
            guard let content = lock.withLock({ names.nodes[inode]?.content }) else { continue }
            if !isComplete, lock.withLock({ replacementEnd(inode, content).map { $0 > now } ?? false }) { continue }
            do throws(FileSystemError) { try writeOut(inode, content) } catch { failure = failure ?? error }
        }
        try syncStore()
        lock.withLock {
            queueLeases()
            names.queue.seal()
        }
        try waitForDurability(of: nil)
        do { try parts.journal.sync() } catch { throw FileSystemError(error) }
        if let failure { throw failure }
    }

    /// Until when the data writer leaves a file alone that was cut to be written anew, nil where it does not; under
    /// the namespace lock. A crash meanwhile finds the file as it was, instead of an empty one.
    ///
    /// It ends with the last close, with an fsync, and after some time: a file that grows counts as changed like any
    /// other, one that stays empty is to be empty.
    private func replacementEnd(_ inode: InodeNumber, _ content: FileContent) -> UInt64? {
        guard content.isBeingReplaced, let node = names.nodes[inode], node.openCount > 0 else { return nil }
        let (isChanged, since) = content.unwritten
        guard isChanged else { return nil }
        let milliseconds =
            content.size == 0
            ? max(configuration.limits.dirtyMilliseconds, configuration.barrierIntervalSeconds * 1_000)
            : configuration.limits.dirtyMilliseconds
        return since + UInt64(milliseconds) * 1_000_000
    }

    /// Syncs the store as a whole, and lets the rows of the files it covered say so.
    func syncStore() throws(FileSystemError) {
        let covered = lock.withLock { (names.unsynced, names.unsyncedNames, names.removedGarbage) }
        guard !covered.0.isEmpty || !covered.1.isEmpty || !covered.2.isEmpty else { return }
        do { try parts.store.syncAll() } catch { throw FileSystemError(error) }
        let overtaken = confirm(covered.0)
        lock.withLock {
            names.unsyncedNames.subtract(covered.1)
            for garbage in covered.2 where garbage.isListed { names.queue.add(.removeGarbage(garbage.fileID)) }
            let gone = Set(covered.2.map(\.inode))
            names.removedGarbage.removeAll { gone.contains($0.inode) }
            for (inode, info) in covered.0 where !overtaken.contains(inode) {
                guard let node = names.nodes[inode] else { continue }
                if names.unsynced[inode] == info { names.unsynced[inode] = nil }
                let isSettled = node.newestCommit == info && node.content == nil
                node.row.capsule = CapsuleState(durable: info, isDirty: !isSettled)
                if isSettled { node.newestCommit = nil }
                put(node)
            }
            names.queue.seal()
        }
    }

    /// Tells the capsules in use which of their commits are durable, so that they keep them from now on. Those it names
    /// have begun to overwrite that commit with a newer one: it may be gone, and no row may rely on it.
    private func confirm(_ commits: [InodeNumber: CommitInfo]) -> Set<InodeNumber> {
        let contents = lock.withLock {
            commits.compactMap { inode, info in names.nodes[inode]?.content.map { (inode, info.commit, $0) } }
        }
        var overtaken: Set<InodeNumber> = []
        for (inode, commit, content) in contents where content.capsule?.noteDurable(commit) == false {
            overtaken.insert(inode)
        }
        return overtaken
    }

    // MARK: Space

    /// Sets space aside on the store, so that writes can be answered before they are stored.
    func refillReserve() {
        guard !hasReserve.load(ordering: .relaxed) else { return }
        let wanted = configuration.limits.reserveBytes
        guard let space = try? parts.store.space(), space.availableBytes >= 2 * wanted else { return }
        let reserved = (try? parts.store.reserve(wanted)) ?? 0
        if reserved >= wanted {
            hasReserve.store(true, ordering: .relaxed)
        } else {
            try? parts.store.releaseReserve()
        }
    }

    /// The store is full: gives the reserve to the data accepted so far. False where there is none left.
    func giveUpReserve() -> Bool {
        guard hasReserve.exchange(false, ordering: .relaxed) else { return false }
        lock.withLock { scheduleBarrier() }
        return (try? parts.store.releaseReserve()) != nil
    }

    /// Runs `body`, and where the store is full, once more after what was removed is gone from it. The caller holds no
    /// lock: the removals have to be durable first.
    func deletingGarbageWhereFull(_ body: () throws(FileSystemError) -> Void) throws(FileSystemError) {
        do throws(FileSystemError) { try body() } catch {
            guard error == .noSpace, let removal = lock.withLock({ names.garbage.map(\.removal).max() }) else {
                throw error
            }
            try waitForDurability(of: removal)
            deleteGarbage()
            try body()
        }
    }

    /// Removes the capsules of removed files from the store, as far as no index that may come back refers to them.
    /// What cannot be removed now stays for the next round.
    func deleteGarbage() {
        let ready = lock.withLock { () -> [Garbage] in
            let durable = names.durable
            let committed = names.committed
            let target = max(durable, names.durableTarget)
            return names.garbage.filter { garbage in
                garbage.removal <= durable
                    || (!garbage.isListed && garbage.removal <= committed && garbage.creation > target)
            }
        }
        guard !ready.isEmpty else { return }
        var removed: Set<InodeNumber> = []
        for garbage in ready {
            do throws(StoreError) { try parts.store.remove(parts.keys.objectName(of: garbage.fileID)) } catch {
                guard error == .missing else { continue }
            }
            removed.insert(garbage.inode)
        }
        lock.withLock {
            // As they are now: they may have been listed meanwhile.
            names.removedGarbage += names.garbage.filter { removed.contains($0.inode) }
            names.garbage.removeAll { removed.contains($0.inode) }
            scheduleBarrier()
        }
    }
}
