internal import ArgusCore
internal import ArgusCrypto
package import ArgusStore

extension Capsule {
    /// Opens the root that `expecting` allows. Reads the slots, and after an unclean end what the newest root needs.
    ///
    /// `recovered`: a newer root, or one that cannot be read, was passed over.
    package static func open(
        _ object: any BackingObject, identity: CapsuleIdentity, keys: FolderKeys, expecting: OpenExpectation,
        writable: Bool, random: any RandomSource = SystemRandom()
    ) throws(CapsuleError) -> (capsule: Capsule, recovered: Bool) {
        let slots = try SlotPair.read(object, identity: identity, keys: keys)
        let chosen = try slots.choose(expecting, object: object)
        var isClean = false
        if case .clean = expecting { isClean = true }
        let capsule = Capsule(object, slot: chosen, writable: writable, skipsNumbers: !isClean, random: random)
        capsule.otherMatches = slots.otherMatches(chosen)
        capsule.isAtRest =
            isClean && capsule.otherMatches && chosen.root.flags.contains(.listsFreePages)
        if case .authentic(let other) = slots[1 - chosen.number], other.tag == chosen.root.otherTag {
            capsule.older = RootMark(other)
        }
        return (capsule, !isClean && slots.passesOver(chosen))
    }
}

/// Both slots as they were found.
struct SlotPair {
    private let first: Slot.Reading
    private let second: Slot.Reading

    static func read(_ object: any BackingObject, identity: CapsuleIdentity, keys: FolderKeys) throws(CapsuleError)
        -> SlotPair
    {
        let page = CapsuleFormat.pageByteCount
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * page, alignment: 16)
        defer { bytes.deallocate() }
        let count = try stored { () throws(StoreError) in try object.read(into: bytes, at: 0) }
        let found = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        return SlotPair(
            first: Slot.read(.init(rebasing: found.prefix(page)), number: 0, identity: identity, keys: keys),
            second: Slot.read(.init(rebasing: found.dropFirst(page)), number: 1, identity: identity, keys: keys))
    }

    subscript(number: Int) -> Slot.Reading { number == 0 ? first : second }

    /// The roots that authenticate, newest first.
    var authentic: [Slot] {
        [first, second].compactMap { if case .authentic(let slot) = $0 { slot } else { nil } }
            .sorted { $0.root.commit > $1.root.commit }
    }

    /// Why there is no root, or why one of the slots holds none: what is not authentic before what cannot be judged.
    private var failure: CapsuleError? {
        let failures = [first, second].compactMap { if case .unusable(let error) = $0 { error } else { nil } }
        return failures.first { if case .unauthentic = $0 { false } else { true } } ?? failures.first
    }

    /// Whether the other slot holds what the chosen root says.
    func otherMatches(_ chosen: Slot) -> Bool {
        switch self[1 - chosen.number] {
        case .empty: chosen.root.otherTag == CapsuleRootTag(high: 0, low: 0)
        case .authentic(let other): other.tag == chosen.root.otherTag
        case .unusable: false
        }
    }

    /// Whether the other slot holds a newer root, or what may have been one.
    func passesOver(_ chosen: Slot) -> Bool {
        switch self[1 - chosen.number] {
        case .empty: false
        case .authentic(let other): other.root.commit > chosen.root.commit
        case .unusable: true
        }
    }

    // MARK: Choosing

    func choose(_ expecting: OpenExpectation, object: any BackingObject) throws(CapsuleError) -> Slot {
        switch expecting {
        case .clean(let commit, let tag): return try chooseExactly(commit, tag)
        case .any: return try chooseNewest(object, atLeast: 0, tag: nil) { _ in true }
        case .dirty(let commit, let tag): return try chooseNewest(object, atLeast: commit, tag: tag) { _ in true }
        case .ordered(let commit):
            return try chooseNewest(object, atLeast: commit, tag: nil) { $0.root.flags.contains(.isOrdered) }
        }
    }

    private func chooseExactly(_ commit: CommitNumber, _ tag: CapsuleRootTag) throws(CapsuleError) -> Slot {
        guard let newest = authentic.first else { throw failure ?? .unauthentic(.truncated) }
        if newest.root.commit == commit, newest.tag == tag { return newest }
        // The expected root may lie in the slot that cannot be read: then say that.
        if newest.root.commit < commit {
            throw failure ?? .unauthentic(.rolledBack(found: newest.root.commit, expected: commit))
        }
        throw .unauthentic(.unexpectedRoot(found: newest.root.commit, expected: commit))
    }

    /// The newest root whose pages, as far as they may not have been durable, are all there.
    private func chooseNewest(
        _ object: any BackingObject, atLeast: CommitNumber, tag: CapsuleRootTag?, where isWanted: (Slot) -> Bool
    ) throws(CapsuleError) -> Slot {
        var failure = failure
        var newest: CommitNumber = 0
        for slot in authentic where isWanted(slot) {
            newest = max(newest, slot.root.commit)
            guard slot.root.commit >= atLeast else { break }
            if atLeast > 0, slot.root.commit == atLeast {
                // Known durable: what is wrong with it now is damage, and is told page by page.
                guard tag == nil || slot.tag == tag else {
                    throw .unauthentic(.unexpectedRoot(found: atLeast, expected: atLeast))
                }
                return slot
            }
            do throws(CapsuleError) {
                try RecoveryCheck(slot, object: object).run()
                return slot
            } catch .unauthentic(let finding) {
                failure = .unauthentic(finding)
            }
        }
        if let failure { throw failure }
        guard newest > 0 || !authentic.isEmpty else { throw .unauthentic(.truncated) }
        throw .unauthentic(.rolledBack(found: newest, expected: atLeast))
    }
}

/// Opens every page that was born after the root's base: those may have been lost with the power.
private struct RecoveryCheck: TreeVisitor {
    private let slot: Slot
    private let object: any BackingObject

    init(_ slot: Slot, object: any BackingObject) {
        self.slot = slot
        self.object = object
    }

    func run() throws(CapsuleError) {
        if slot.root.flags.contains(.pagesSynced) { return }
        _ = try FreeList.read(slot.root, from: object, cipher: slot.cipher)
        var visitor = self
        try TreeWalk(slot.root, object: object, cipher: slot.cipher).run(&visitor)
    }

    /// A map page that is old refers to old pages only.
    func enters(_ entry: MapEntry, key: NodeKey) -> Bool { entry.birth > slot.root.base }

    func failed(_ error: CapsuleError) throws(CapsuleError) { throw error }

    func visit(_ entries: UnsafeBufferPointer<MapEntry>, from index: UInt64) throws(CapsuleError) {
        let base = slot.root.base
        try DataCheck(object: object, cipher: slot.cipher).run(
            entries, from: index, where: { !$0.isHole && $0.birth > base },
            bad: { finding throws(CapsuleError) in throw .unauthentic(finding) })
    }
}
