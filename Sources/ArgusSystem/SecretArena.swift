internal import CArgusLinux
internal import Glibc
internal import Synchronization

/// The memory that secrets lie in: slabs of equal slots, locked, left out of core dumps, between guard pages.
///
/// 1. A slot that nobody uses is all zeros.
/// 2. Slots of one slab have one size, so that many keys share a page: users may lock only 8 MiB (RLIMIT_MEMLOCK).
/// 3. The books lie outside the secret memory: a slot holds a secret's bytes and nothing else.
/// 4. In a forked child every slab is zeros (MADV_WIPEONFORK), its mark too, so that a use of a secret there is seen.
final class SecretSlab: @unchecked Sendable {
    /// What a slab takes of locked memory; a secret that does not fit has a larger slab of its own.
    static let byteCount = 16 * 1024
    private static let headerByteCount = 64
    private static let mark: UInt64 = 0x4152_4755_5353_4c42

    let slotByteCount: Int
    let mappedByteCount: Int
    let slotCount: Int
    let isLocked: Bool
    private let base: UnsafeMutableRawPointer
    // `@unchecked`: these two are touched only under the arena's lock.
    fileprivate var freeSlots: [UInt16]
    fileprivate var position = 0

    init(slotByteCount: Int) {
        self.slotByteCount = slotByteCount
        let page = sysconf(Int32(_SC_PAGESIZE))
        let wanted = max(Self.byteCount, Self.headerByteCount + slotByteCount)
        self.mappedByteCount = (wanted + page - 1) / page * page
        self.slotCount = min((mappedByteCount - Self.headerByteCount) / slotByteCount, Int(UInt16.max))
        var isLocked = false
        guard let base = argus_system_map_guarded(mappedByteCount, &isLocked) else {
            fatalError("no memory for secrets")
        }
        self.base = base
        self.isLocked = isLocked
        self.freeSlots = (0..<UInt16(slotCount)).reversed()
        base.storeBytes(of: Self.mark, as: UInt64.self)
    }

    deinit {
        argus_system_unmap_guarded(base, mappedByteCount)
    }

    var isIntact: Bool { base.load(as: UInt64.self) == Self.mark }

    func start(of slot: UInt16) -> UnsafeMutableRawPointer {
        base + Self.headerByteCount + Int(slot) * slotByteCount
    }
}

/// Hands out slots and takes them back.
final class SecretArena: Sendable {
    static let shared = SecretArena()

    /// Slots of 32, 64, … bytes; the last size serves secrets of up to 4 KiB.
    private static let sharedSizeCount = 8
    private static let smallestSlot = 32

    private let lock = Lock()
    /// The slabs with free slots, by size; guarded by `lock`.
    nonisolated(unsafe) private var open: [[SecretSlab]] = Array(repeating: [], count: sharedSizeCount)
    private let hasUnlocked = Atomic<Bool>(false)

    /// Whether every slab so far could be locked (mlock(2)).
    var isLocked: Bool { !hasUnlocked.load(ordering: .relaxed) }

    /// The index of the smallest size that holds `count` bytes; nil for what needs a slab of its own.
    private static func sizeIndex(_ count: Int) -> Int? {
        (0..<sharedSizeCount).first { count <= smallestSlot << $0 }
    }

    func take(_ count: Int) -> (slab: SecretSlab, slot: UInt16) {
        guard let index = Self.sizeIndex(count) else { return (makeSlab((count + 63) / 64 * 64), 0) }
        return lock.withLock {
            if open[index].isEmpty { insert(makeSlab(Self.smallestSlot << index), at: index) }
            let slab = open[index][open[index].count - 1]
            let slot = slab.freeSlots.removeLast()
            if slab.freeSlots.isEmpty { withdraw(slab, at: index) }
            return (slab, slot)
        }
    }

    /// Takes a slot back, wiped over its whole size. A slab that is all free is unmapped unless it is the only one open.
    func put(_ slab: SecretSlab, _ slot: UInt16) {
        wipe(UnsafeMutableRawBufferPointer(start: slab.start(of: slot), count: slab.slotByteCount))
        guard let index = Self.sizeIndex(slab.slotByteCount) else { return }
        lock.withLock {
            if slab.freeSlots.isEmpty { insert(slab, at: index) }
            slab.freeSlots.append(slot)
            if slab.freeSlots.count == slab.slotCount, open[index].count > 1 { withdraw(slab, at: index) }
        }
    }

    private func makeSlab(_ slotByteCount: Int) -> SecretSlab {
        let slab = SecretSlab(slotByteCount: slotByteCount)
        if !slab.isLocked { hasUnlocked.store(true, ordering: .relaxed) }
        return slab
    }

    private func insert(_ slab: SecretSlab, at index: Int) {
        slab.position = open[index].count
        open[index].append(slab)
    }

    /// Takes a slab from the open ones: the last takes its place, so that it costs the same however many there are.
    private func withdraw(_ slab: SecretSlab, at index: Int) {
        let last = open[index].removeLast()
        guard last !== slab else { return }
        open[index][slab.position] = last
        last.position = slab.position
    }
}
