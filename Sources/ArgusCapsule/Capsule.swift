package import ArgusCore
internal import ArgusCrypto
package import ArgusStore
internal import ArgusSystem

/// One file, sealed: a copy-on-write tree of encrypted pages on untrusted storage (docs/formats/capsule.md).
///
/// Safe to use from several threads: reads run in parallel with each other and with one writer. Two locks, taken in
/// this order: `writer` is held across everything that changes the capsule, storage included; `state` guards what
/// readers look at, briefly, never while storage is read or written and never while pages are sealed or opened.
///
/// The life of a root, and the functions that move it on:
///
///     working ──commit──▶ written ──sync, noteDurable──▶ durable ──the next root is durable──▶ overwritten
///        │  ▲                │
///        │  └──commit failed─┘ (its number is skipped)
///        └──finish, deinit──▶ dropped
///
/// `@unchecked`: the variables below say which lock guards them.
package final class Capsule: @unchecked Sendable {
    let object: any BackingObject
    /// Its pages are sealed as those of `CapsuleRoot.origin`, wherever it belongs now.
    let cipher: PageCipher
    let isWritable: Bool
    let random: any RandomSource
    let writer = LongLock()
    let state = Lock()

    // Changed under both locks, so either is enough to look.
    var tree: MapTree
    /// The content of page 0, where it lies in the root: at most 2048 bytes, also while the file is longer.
    var inline: [UInt8]?
    var logicalSize: UInt64
    var dataPageCount: UInt64
    var mapPageCount: UInt64
    /// What the newest slot written holds; before the first commit, nothing.
    var root: CapsuleRoot
    var written: RootMark?
    /// The root that must survive whatever happens: the last one known durable.
    var durable: RootMark?
    var holder: KeyGeneration

    // Under `writer`.
    var identity: CapsuleIdentity
    var stanzas: [Stanza]
    var newKeys: FolderKeys?
    /// The folder that the next root is another folder's for.
    var newFolder: FolderID?
    /// The slot that still is the folder's before, after a move.
    var foreignSlot: Int?
    /// Nil until the first change of a capsule that was opened.
    var allocator: PageAllocator?
    /// Pages of the free list on storage.
    var listPages: [MapEntry] = []
    /// Number that the next root will have, and the birth of pages sealed now.
    var working: CommitNumber
    var sealCount: UInt64
    /// Pages born since the last durable root that a commit leaves recovery to verify: 1 GiB, a second or two.
    var unsyncedPageMax: UInt64 = 1 << 18
    var hasUncommitted = false
    var isPoisoned = false
    /// Writing the slot that held `written` failed: what is there is unknown.
    var slotFailure: StoreError?
    /// The object was found as `finish` leaves it.
    var isAtRest = false
    /// The root in the slot that `written` is not in, as it was read at open.
    var older: RootMark?
    /// Whether what lies in the other slot is what `root` says.
    var otherMatches = true
    /// Nothing was written to the object yet, which may hold remains of another.
    var isBlank = false

    /// A root on storage.
    struct RootMark: Sendable {
        var slot: Int
        var tag: CapsuleRootTag
        var root: CapsuleRoot
        /// Generation of the folder key in its header.
        var holder: KeyGeneration

        var commit: CommitNumber { root.commit }
        var isOrdered: Bool { root.flags.contains(.isOrdered) }

        var info: CommitInfo {
            CommitInfo(
                commit: root.commit, rootTag: tag, size: root.size,
                allocatedPages: root.dataPageCount + root.mapPageCount, keyGeneration: holder)
        }
    }

    /// Makes an empty capsule. Nothing is written until its first pages or its first commit.
    package static func create(
        in object: any BackingObject, identity: CapsuleIdentity, keys: FolderKeys, now: Timestamp,
        random: any RandomSource = SystemRandom()
    ) throws(CapsuleError) -> Capsule {
        let key = try FileKey.make(from: random)
        let stanza = try key.wrap(for: identity, under: keys.current, random: random)
        return Capsule(object, identity: identity, key: key, stanza: stanza, keys: keys, now: now, random: random)
    }

    private init(
        _ object: any BackingObject, identity: CapsuleIdentity, key: FileKey, stanza: Stanza, keys: FolderKeys,
        now: Timestamp, random: any RandomSource
    ) {
        self.object = object
        self.identity = identity
        self.random = random
        cipher = PageCipher(key: key, identity: identity)
        isWritable = true
        tree = MapTree()
        logicalSize = 0
        dataPageCount = 0
        mapPageCount = 0
        root = CapsuleRoot(times: CapsuleTimes(accessed: now, modified: now, changed: now, created: now))
        holder = keys.current.generation
        stanzas = [stanza]
        allocator = PageAllocator()
        working = 1
        sealCount = 0
        isBlank = true
    }

    /// The capsule as `slot` says it is.
    init(
        _ object: any BackingObject, slot: Slot, writable: Bool, skipsNumbers: Bool, random: any RandomSource
    ) {
        self.object = object
        self.random = random
        identity = slot.header.identity
        cipher = slot.cipher
        isWritable = writable
        root = slot.root
        tree = MapTree(slot.root)
        logicalSize = slot.root.size
        dataPageCount = slot.root.dataPageCount
        mapPageCount = slot.root.mapPageCount
        sealCount = slot.root.sealCount
        stanzas = slot.header.stanzas
        holder = slot.holder
        written = RootMark(slot)
        // At random: the same root may be recovered twice, with other commits lost in between.
        var skip: UInt32 = 0
        if skipsNumbers { withUnsafeMutableBytes(of: &skip) { random.fill($0) } }
        let step = skipsNumbers ? CapsuleFormat.commitSkip + UInt64(UInt32(littleEndian: skip)) : 1
        // At the end of all numbers, after 2³¹ recoveries, the capsule can be read but takes no commit.
        working = slot.root.commit.addingReportingOverflow(step).overflow ? 0 : slot.root.commit + step
        inline = slot.root.contentKind == .inline ? Array(slot.root.content[..<Int(slot.root.size)]) : nil
    }

    // MARK: What is known without reading

    /// Bytes of content, uncommitted changes included.
    package var size: UInt64 { state.withLock { logicalSize } }

    /// The last commit written; number 0 before the first.
    package var info: CommitInfo { state.withLock { currentInfo } }

    /// The newest commit known durable; 0: none.
    package var durableCommit: CommitNumber { state.withLock { durable?.commit ?? 0 } }

    /// As the last commit says.
    package var label: CapsuleLabel? { state.withLock { root.label } }

    /// As the last commit says.
    package var times: CapsuleTimes { state.withLock { root.times } }

    /// Space that the content takes up, in whole pages.
    package var allocatedBytes: UInt64 {
        state.withLock { (dataPageCount + (inline == nil ? 0 : 1)) * UInt64(CapsuleFormat.pageByteCount) }
    }

    /// Under either lock.
    var currentInfo: CommitInfo {
        written?.info
            ?? CommitInfo(
                commit: 0, rootTag: CapsuleRootTag(high: 0, low: 0), size: 0, allocatedPages: 0,
                keyGeneration: holder)
    }

    /// Whether the slot that does not hold the newest root is as that root says: not so, where writing it was cut short or
    /// it is another folder's by now (`move`).
    package var hasWholeSlots: Bool { writer.withLock { otherMatches } }

    /// The next commit has a number above `commit`.
    package func skipNumbers(through commit: CommitNumber) {
        writer.withLock {
            // 0: at the end of all numbers, as at open.
            working = working == 0 ? 0 : max(working, commit &+ 1)
        }
    }

    /// The next commit wraps the file key under the current key of `keys`. Content is not rewritten.
    package func rewrap(keys: FolderKeys) {
        writer.withLock { newKeys = keys }
    }

    /// The next commit makes the capsule one of `folder`, which has `keys`. Content is not rewritten: pages stay sealed as
    /// those of the folder that they were made in, which the root names from then on.
    ///
    /// Until `finish`, the root before opens for who knew it: one slot holds the capsule of either folder.
    package func move(to folder: FolderID, keys: FolderKeys) {
        writer.withLock {
            newKeys = keys
            newFolder = folder
        }
    }
}

extension Capsule.RootMark {
    init(_ slot: Slot) {
        self.init(slot: slot.number, tag: slot.tag, root: slot.root, holder: slot.holder)
    }
}
