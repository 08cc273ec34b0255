package import ArgusCapsule
internal import ArgusCore
internal import ArgusSystem
internal import Glibc
internal import Synchronization

/// The mapping index in an SQLite database that lies in a capsule (docs/design/index.md).
///
/// `commit` is two steps. SQLite's COMMIT moves the changed pages into `PagedCapsule`, in memory; then the capsule
/// seals them in one commit of its own. So SQLite never meets a full disk, and what a commit could not store stays
/// readable and goes with the next one. The steps of a batch:
///
///     open ──apply──▶ pending ──commit(.process)──▶ sealed ──commit(.durable)──▶ ordered ──sync──▶ durable
///                     ▲  └────────────────commit(.durable)──────────────────▶ │                      │
///                     └────────────────────────────apply─────────────────────┴──────────────────────┘
///
/// 1. `apply` that throws ends all writing (`failure`): half a batch is never committed. Reads go on.
/// 2. `commit` that throws leaves the changes in place; the next one has them too.
/// 3. The connection is used under `lock` only, and the lock is never held for a whole batch, a whole listing or
///    while storage is written.
///
/// `@unchecked`: `database` is touched under `lock`; `reach`, `failure`, `hasTransaction` and `whenDurable` belong to the
/// one thread that applies and commits.
package final class SQLiteIndex: MappingIndex, @unchecked Sendable {
    package enum Mode: Sendable {
        /// The capsule must be empty; the tables reach storage with the first commit.
        case create
        case open
    }

    /// How far the changes applied so far have gone.
    enum Reach: Comparable {
        case pending, sealed, ordered, durable
    }

    /// Changes applied before waiting readers are let in.
    static let sliceCount = 64
    /// Rows of a listing read before the writer and other readers are let in: the first slice, and the largest.
    static let listingSliceCounts = (first: 32, largest: 512)

    package let capsule: Capsule
    package let isReadOnly: Bool
    let file: PagedCapsule
    let lock = Lock()
    private let waitingReaders = Atomic<Int>(0)
    private var database: Database?
    var reach: Reach
    var failure: IndexError?
    var hasTransaction: Bool
    /// Told of each commit once it is durable, by the thread that commits, under no lock. Set before there are others.
    package var whenDurable: ((CommitInfo) -> Void)?

    /// Opens the index that `capsule` holds, or makes a new one in it. The index owns the capsule from then on.
    package init(capsule: Capsule, mode: Mode, readOnly: Bool = false) throws(IndexError) {
        let isNew = mode == .create
        if isNew {
            guard capsule.size == 0 else { throw .corrupt(reason: "the capsule for a new index is not empty") }
            guard !readOnly else { throw .readOnly }
        } else {
            guard capsule.size > 0, capsule.size.isMultiple(of: UInt64(PagedCapsule.pageByteCount)) else {
                throw .corrupt(reason: "the capsule holds no database")
            }
        }
        self.capsule = capsule
        isReadOnly = readOnly
        file = PagedCapsule(capsule: capsule, isReadOnly: readOnly)
        // Whether the root found at open was an ordered one is not known: the first durable commit makes one.
        reach = isNew ? .pending : .sealed
        hasTransaction = isNew
        database = try Database(file, isNew: isNew)
    }

    /// How many files beside an index's capsule SQLite asked for in this process and was refused: 0, or a setting of
    /// the connection is wrong.
    package static var refusedFileCount: Int { CapsuleVFS.refusedFileCount }

    /// Lends the database to a reader. `apply` sees from the count that someone waits.
    func read<R>(_ body: (Database) throws(IndexError) -> R) throws(IndexError) -> R {
        waitingReaders.wrappingAdd(1, ordering: .relaxed)
        lock.lock()
        waitingReaders.wrappingSubtract(1, ordering: .relaxed)
        defer { lock.unlock() }
        return try body(try opened())
    }

    /// Lends the database to the writer. A page that cannot be read meanwhile undoes the transaction.
    func write<R>(_ body: (Database) throws(IndexError) -> R) throws(IndexError) -> R {
        try lock.withLock { () throws(IndexError) in
            let database = try opened()
            file.isWriting = true
            defer { file.isWriting = false }
            return try body(database)
        }
    }

    /// Gives readers that wait a chance to take the lock: pthread's mutex alone would let the writer keep it.
    func letReadersIn() {
        for _ in 0..<64 where waitingReaders.load(ordering: .relaxed) > 0 { sched_yield() }
    }

    private func opened() throws(IndexError) -> Database {
        guard let database else { throw .storage(errno: EBADF) }
        return database
    }

    package func close() throws(IndexError) {
        lock.withLock { database = nil }
    }
}
