package import ArgusCapsule
package import ArgusCore
package import ArgusIndex
package import ArgusJournal
package import ArgusPolicy
package import ArgusStore
internal import ArgusSystem

/// Everything a folder is made of: all that differs between a realm on this machine and a managed one.
package struct FolderParts: Sendable {
    package var folder: FolderID
    package var index: any MappingIndex
    package var store: any BackingStore
    package var liveKeys: LiveKeys
    package var policy: LivePolicy
    package var people: any ActorResolver
    package var journal: any JournalSink
    package var clock: any Clock

    package init(
        folder: FolderID, index: any MappingIndex, store: any BackingStore, keys: FolderKeys, policy: LivePolicy,
        people: any ActorResolver, journal: any JournalSink, clock: any Clock
    ) {
        self.folder = folder
        self.index = index
        self.store = store
        liveKeys = LiveKeys(keys)
        self.policy = policy
        self.people = people
        self.journal = journal
        self.clock = clock
    }

    /// The keys as they are now.
    package var keys: FolderKeys { liveKeys.keys }
}

/// The keys of a folder while it is in use: replaced as a whole when the folder gets a new one.
package final class LiveKeys: Sendable {
    // Sound: `current` is read and written under `lock` alone.
    nonisolated(unsafe) private var current: FolderKeys
    private let lock = Lock()

    package init(_ keys: FolderKeys) { current = keys }

    package var keys: FolderKeys { lock.withLock { current } }

    package func replace(with keys: FolderKeys) { lock.withLock { current = keys } }
}

/// Tells who stands behind a request. Answers from caches; it may be called for every request.
package protocol ActorResolver: Sendable {
    /// The person and groups that a uid acts as, for the decision.
    func subject(uid: UInt32, gid: UInt32) -> Subject
    /// The same, with process and program, for the journal.
    func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor
    /// What the rules ask of the program that a process runs; `path` is what `actor` said of it.
    func program(pid: UInt32, path: String, for rules: ProgramRules) -> ProgramFacts
}

extension ActorResolver {
    /// Who cannot look at executables knows a program by its path alone: a folder with rules of its own refuses it then.
    package func program(pid: UInt32, path: String, for rules: ProgramRules) -> ProgramFacts {
        ProgramFacts(path: path)
    }
}

/// The protection of a folder while it is in use: replaced as a whole when members change.
package final class LivePolicy: Sendable {
    private struct State: Sendable {
        var policy: FolderPolicy
        var version: UInt64
    }

    // Sound: `state` is read and written under `lock` alone.
    nonisolated(unsafe) private var state: State
    private let lock = Lock()

    package init(_ policy: FolderPolicy) {
        state = State(policy: policy, version: 0)
    }

    package var policy: FolderPolicy { lock.withLock { state.policy } }

    /// Rises with each replacement, so that what was decided before can be told from what holds now.
    package var version: UInt64 { lock.withLock { state.version } }

    package func replace(with policy: FolderPolicy) {
        lock.withLock {
            state.policy = policy
            state.version += 1
        }
    }
}

/// How one mount of a folder behaves.
package struct VolumeConfiguration: Sendable {
    /// Who checks POSIX permission: the driver for one person's own mount, the kernel for a shared one.
    package enum Sharing: Sendable {
        /// Mounted by one person for that person, who is in these groups.
        case personal(supplementaryGroups: Set<UInt32>)
        /// Mounted for many users, with the kernel's `default_permissions`.
        case shared
    }

    package enum AccessTimes: Sendable {
        case relative, strict, none
    }

    package var sharing: Sharing
    package var isReadOnly = false
    /// The kernel asks for attributes before it reads from its cache (`Volume.mayKeepAttributes`).
    package var asksBeforeReads = false
    package var accessTimes = AccessTimes.relative
    /// Extended attributes that the driver answers itself on the top directory, by full name.
    package var driverAttributes: [[UInt8]: [UInt8]] = [:]
    /// Identity of this boot of the machine: tells a crash of the process from a power cut.
    package var bootID: [UInt8] = []
    /// Who mounted the folder, for the journal.
    package var mounter = Caller(uid: .max, gid: .max, pid: 0)
    /// How long changes may wait before a barrier makes them durable.
    package var barrierIntervalSeconds = 5
    package var limits = VolumeLimits()

    package init(sharing: Sharing) {
        self.sharing = sharing
    }
}

/// The bounds of what a volume holds in memory.
package struct VolumeLimits: Sendable {
    /// Inodes kept in memory beyond those in use. About 400 bytes each, names included.
    package var cachedNodes = 40_000
    /// Changes that may wait for the index writer before requests wait for it.
    package var queuedChanges = 65_536
    /// Changes that one transaction of the index takes.
    package var batchChanges = 8_192
    /// How long the first change of a batch waits for others.
    package var batchDelayMilliseconds = 100
    /// File data that waits to be sealed, over all files, in bytes.
    package var dirtyBytes = 32 << 20
    /// File data of one file that waits before it is sealed and written, in bytes.
    package var dirtyBytesPerFile = 1 << 20
    /// How long file data waits before it is sealed, written and committed.
    package var dirtyMilliseconds = 700
    /// How long a closed file waits before it is written out: the writer is woken once for many, and what is removed
    /// right away is never written.
    package var closedMilliseconds = 20
    /// How long a closed file with many freed pages is left alone: often it is opened again, and uses them.
    package var restMilliseconds = 2_000
    /// Freed extents from which on that is done; fewer are cleared at once.
    package var restExtents = 64
    /// Space set aside on the store, so that accepted data can always be written. At least `dirtyBytes`.
    package var reserveBytes: UInt64 = 48 << 20
    /// Inode numbers leased at a time.
    package var inodeLease: UInt64 = 65_536
    /// Directory cookies leased at a time.
    package var cookieLease: UInt64 = 1 << 20
    /// Names of one file.
    package var links: UInt32 = 65_000

    package init() {}
}
