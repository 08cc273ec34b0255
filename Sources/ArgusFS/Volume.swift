internal import ArgusCapsule
package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusStore
internal import ArgusSystem
internal import Synchronization

/// A confidential folder as a filesystem: what the kernel asks, answered in plain values.
///
/// Requests come from several threads. Names and attributes are answered from a bounded cache over the mapping
/// index and change there first; the index writer brings the changes to the index in order, in batches. File data
/// waits in pages until the data writer seals it. A barrier makes both durable.
///
/// Locks, outermost first: `indexCommits`, a file's `writing`, a file's `state`, the namespace lock `lock`. The index, the store and
/// the journal are never called under the namespace lock. docs/design/filesystem.md tells the whole story.
package final class Volume: Sendable {
    let parts: FolderParts
    let configuration: VolumeConfiguration
    let pool = PagePool()
    let permissions: PermissionCache
    let handles = HandleTable()
    let reads = ReadHistory()

    let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) var names: Namespace

    /// The index writer waits here for changes, and those who need durability for the writer.
    let indexWork = Condition()
    let indexProgress = Condition()
    /// Held while the index on storage changes, and by who wants it to stay as it is.
    let indexCommits = LongLock()
    /// The data writer waits here for files to write out.
    let dataWork = Condition()
    /// Whether group and others may read and write what is made: see `adoptMembers`.
    let opensModes = Atomic<Bool>(false)
    /// Has a lock of its own, under which nothing else is called.
    let revocation = Revocation()
    /// Held while files are rewrapped.
    let rewrapping = Lock()
    // Sound: set once in `init`, cleared in `shutDown`, which no request overlaps.
    nonisolated(unsafe) private var threads: [Thread] = []
    // Sound: set by the driver before the first request.
    nonisolated(unsafe) private(set) var kernelCache: (any KernelCache)?
    /// Whether requests that change something are refused: mounted so, or remounted (`setReadOnly`).
    let refusesChanges: Atomic<Bool>
    // Sound: set before the first request, as above.
    nonisolated(unsafe) private(set) var neighbours: (any FolderNeighbours)?
    /// Whether the store's reserve is in place: without it every write waits for storage.
    let hasReserve = Atomic<Bool>(false)

    /// Opens the folder: recovers what an unclean end left, marks the folder as in use, starts the writers.
    ///
    /// Fails with `inputOutput` where the index cannot be read, and with what storage says to the mark.
    package init(parts: FolderParts, configuration: VolumeConfiguration) throws(FileSystemError) {
        self.parts = parts
        self.configuration = configuration
        refusesChanges = Atomic(configuration.isReadOnly)
        permissions = PermissionCache(policy: parts.policy, people: parts.people, clock: parts.clock)
        names = Namespace(limits: configuration.limits)
        try append(
            AuditEvent(
                activity: .mount, status: .success, actor: actor(configuration.mounter),
                reason: configuration.isReadOnly ? Self.readOnlyReason : ""))
        do throws(FileSystemError) { try start() } catch {
            var event = AuditEvent(activity: .unmount, status: .failure, actor: actor(configuration.mounter))
            event.reason = "the folder could not be brought into use"
            try append(event)
            throw error
        }
        revocation.start { [self] in watchPermissions() }
        guard !configuration.isReadOnly else { return }
        refillReserve()
        threads = [
            Thread.start(name: "argus-index") { [self] in writeIndex() },
            Thread.start(name: "argus-data") { [self] in writeData() },
        ]
    }

    /// What the record of a mount says that changes nothing.
    package static let readOnlyReason = "read-only"

    package var isReadOnly: Bool { refusesChanges.load(ordering: .acquiring) }

    /// What `mount -o remount,ro` and `remount,rw` ask for: everything becomes durable, then nothing changes any more.
    ///
    /// Fails with `busy` while a file is open for writing, and with `readOnly` where the folder was opened for reading
    /// alone.
    package func setReadOnly(_ isReadOnly: Bool) throws(FileSystemError) {
        guard !configuration.isReadOnly else {
            guard isReadOnly else { throw .readOnly }
            return
        }
        let before = refusesChanges.exchange(isReadOnly, ordering: .acquiringAndReleasing)
        guard isReadOnly, !before else { return }
        do throws(FileSystemError) {
            // An open that was under way is refused at its first write.
            guard !handles.hasWriter else { throw .busy }
            try synchronizeAll()
        } catch {
            refusesChanges.store(false, ordering: .releasing)
            throw error
        }
    }

    package func setNeighbours(_ neighbours: any FolderNeighbours) {
        self.neighbours = neighbours
    }

    package func setKernelCache(_ kernelCache: any KernelCache) {
        self.kernelCache = kernelCache
    }

    /// Makes everything durable, stops the writers and marks the folder as cleanly ended. No request may follow.
    package func shutDown() throws(FileSystemError) {
        handles.removeAll().forEach { finish($0) }
        revocation.end()
        endRewrappingEarly()
        // What was written goes out before the journal is asked, which may refuse the record of it.
        var failure: FileSystemError?
        if !configuration.isReadOnly {
            do throws(FileSystemError) { try end() } catch { failure = error }
        }
        var event = AuditEvent(activity: .unmount, status: .success, actor: actor(configuration.mounter))
        if let failure {
            event.status = .failure
            event.reason = failure.storageCause
        }
        do throws(FileSystemError) { try append(event) } catch { failure = failure ?? error }
        if let failure { throw failure }
    }

    /// Makes everything durable and stops the writers.
    private func end() throws(FileSystemError) {
        var failure: FileSystemError?
        do throws(FileSystemError) { try bringAllToRest() } catch { failure = failure ?? error }
        do throws(FileSystemError) { try synchronizeAll() } catch { failure = failure ?? error }
        lock.withLock { names.isStopping = true }
        indexWork.broadcast()
        dataWork.broadcast()
        for thread in threads { thread.join() }
        threads = []
        try? parts.store.releaseReserve()
        if let failure { throw failure }
        deleteGarbage()
        // What is not removed, or may come back, is the next mount's to remove.
        do throws(FileSystemError) { try syncStore() } catch {}
        let (steps, left) = lock.withLock { (names.queue.take().steps, names.garbage + names.removedGarbage) }
        do throws(IndexError) {
            try parts.index.apply(
                steps + left.map { .putGarbage($0.fileID) } + [.putMeta(key: .mounted, value: [0]), journalHead()])
            try parts.index.commit(.durable)
        } catch {
            throw FileSystemError(error)
        }
    }
}

/// The state of the namespace, guarded by the volume's `lock`.
struct Namespace {
    var nodes: [InodeNumber: Node] = [:]
    var queue = ChangeQueue()
    var inodeLease: NumberLease
    var cookieLease: NumberLease
    /// Newest change that the index holds, and the newest that it holds durably.
    var committed: UInt64 = 0
    var durable: UInt64 = 0
    /// What the durable commit under way, if any, will cover.
    var durableTarget: UInt64 = 0
    var durableRequested: UInt64 = 0
    /// Newest change that somebody waits to find in the index.
    var commitRequested: UInt64 = 0
    /// The index writer sleeps until it is signalled, with nothing in hand.
    var isIndexIdle = false
    /// Why the index cannot be written; requests that change something are refused meanwhile.
    var indexFailure: FileSystemError?
    var isStopping = false

    /// Files with data to write, and those of them that cannot wait.
    var changedFiles: Set<InodeNumber> = []
    var urgentFiles: [InodeNumber] = []
    /// Files that were closed with something left to write, and since when the first of them waits.
    var closedFiles: [InodeNumber] = []
    var closedNanoseconds: UInt64 = 0
    /// Closed files whose capsules take long to bring to rest, and when that is due, on the monotonic clock.
    var restingFiles: [InodeNumber: UInt64] = [:]
    /// Newest commit of each capsule that no barrier covered yet.
    var unsynced: [InodeNumber: CommitInfo] = [:]
    /// Capsules whose names in the store no barrier covered yet.
    var unsyncedNames: Set<InodeNumber> = []
    var garbage: [Garbage] = []
    /// Rises when a directory moves: paths that nodes keep are good for one epoch.
    var pathEpoch: UInt64 = 1
    /// Removed from the store, which may not keep that: listed, and their numbers probed, until a barrier.
    var removedGarbage: [Garbage] = []
    /// Inode numbers below it have rows that are durable, or had: others may have capsules that no row knows.
    var firstProbed: UInt64 = 2
    /// Nodes in memory from which on some are let go.
    var evictAbove: Int
    /// Rises with each eviction, so that a row read outside the lock is known to be current.
    var evictions: UInt64 = 0
    /// Capsules may be one commit ahead of their rows: the last end was unclean.
    var mayLag = false
    var barrierDueNanoseconds: UInt64?
    /// Every capsule is known to have the folder's key of this generation.
    var rewrappedGeneration: KeyGeneration = 0
    /// From which inode on files may have an older key; nil where nobody is looking.
    var rewrapNext: InodeNumber?
    /// Rises whenever the look for them starts anew.
    var rewrapPass: UInt64 = 0
    var rewrapHasFailures = false

    init(limits: VolumeLimits) {
        evictAbove = limits.cachedNodes
        inodeLease = NumberLease(next: 2, size: limits.inodeLease)
        cookieLease = NumberLease(next: Volume.firstCookie, size: limits.cookieLease)
    }
}

/// A capsule without a row, to be deleted when no index that may come back refers to it.
struct Garbage {
    let inode: InodeNumber
    let fileID: FileID
    /// The change that removed the row, and the one that made it in this mount, or 0.
    let removal: UInt64
    let creation: UInt64
    /// Whether the index lists the capsule as garbage.
    var isListed: Bool
}
