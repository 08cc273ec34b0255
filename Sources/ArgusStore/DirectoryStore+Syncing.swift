internal import ArgusSystem
internal import Glibc

/// Making names and everything durable.
extension DirectoryStore {
    package func syncName(_ name: ObjectName) throws(StoreError) {
        let made = shards.made
        do throws(StoreError) {
            let shard = try openShard(ObjectPath(name), flags: O_RDONLY)
            try storeCall { fsync(shard.rawValue) }
        } catch .missing {
            throw missingOrGone()
        }
        guard !shards.isDurable(made) else { return }
        try storeCall { fsync(root.descriptor) }
        shards.noteDurable(made)
    }

    /// syncfs(2) on the root's descriptor, one at a time.
    ///
    /// Linux reports a failed write-back once for each descriptor of the filesystem's, from the moment it was opened
    /// (since 5.8; before, never), whichever file it hit. An error therefore says that something written to this
    /// filesystem since the last success may be lost, and it is told to every caller who waited meanwhile.
    package func syncAll() throws(StoreError) {
        let made = shards.made
        try barrier.pass { () throws(StoreError) in
            try translated { () throws(SystemError) in try root.syncFilesystem() }
        }
        shards.noteDurable(made)
    }
}

/// Knows whether shard directories were made that the root may not keep after a power cut.
///
/// Shards found when the store was opened may be as young: the process that made them can have crashed.
final class ShardLedger: Sendable {
    private let lock = Lock()
    /// Guarded by `lock`, like `durableCount`. Starts above it for the shards that were found.
    nonisolated(unsafe) private var madeCount = 1
    nonisolated(unsafe) private var durableCount = 0

    /// Makes a directory and counts it as one step: whoever sees the directory and asks `made` gets its count.
    func making(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        lock.lock()
        defer { lock.unlock() }
        try body()
        madeCount += 1
    }

    var made: Int { lock.withLock { madeCount } }
    func isDurable(_ count: Int) -> Bool { lock.withLock { count <= durableCount } }
    func noteDurable(_ count: Int) { lock.withLock { durableCount = max(durableCount, count) } }
}

/// Lets one caller sync at a time, and tells an error to all who came before it was reported.
final class SyncBarrier: Sendable {
    private let turn = Lock()
    private let counter = Lock()
    /// Guarded by `counter`, like `lastFailure`.
    nonisolated(unsafe) private var failureCount = 0
    nonisolated(unsafe) private var lastFailure = StoreError.unavailable

    /// `whileWaiting` is called when the caller has been counted and before it waits for its turn.
    func pass(whileWaiting: () -> Void = {}, _ sync: () throws(StoreError) -> Void) throws(StoreError) {
        let failuresBefore = counter.withLock { failureCount }
        whileWaiting()
        turn.lock()
        defer { turn.unlock() }
        do throws(StoreError) {
            try sync()
        } catch {
            counter.withLock {
                failureCount += 1
                lastFailure = error
            }
            throw error
        }
        let (failures, failure) = counter.withLock { (failureCount, lastFailure) }
        if failures != failuresBefore { throw failure }
    }
}
