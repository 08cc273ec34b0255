internal import ArgusSystem

/// Working memory for sealing and opening up to 256 pages, lent from a pool so that no loop over pages allocates.
///
/// `@unchecked`: it belongs to whoever took it, until it is given back.
final class Scratch: @unchecked Sendable {
    /// Pages of one system call: 1 MiB.
    static let pageCount = 256
    /// Kept for the next user; as many as threads that are likely to read and write at once.
    private static let spareCountMax = 16

    let pages: UnsafeMutableRawPointer
    let entries: UnsafeMutablePointer<MapEntry>
    let nonces: UnsafeMutableRawPointer

    private static let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private static var spare: [Scratch] = []

    private init() {
        // Only what is touched becomes resident.
        pages = .allocate(byteCount: Self.pageCount * CapsuleFormat.pageByteCount, alignment: 4096)
        entries = .allocate(capacity: Self.pageCount)
        entries.initialize(repeating: .hole, count: Self.pageCount)
        nonces = .allocate(byteCount: Self.pageCount * CapsuleFormat.nonceByteCount, alignment: 16)
    }

    deinit {
        pages.deallocate()
        entries.deallocate()
        nonces.deallocate()
    }

    /// Lends one for the time of `body`.
    static func with<R, E: Error>(_ body: (Scratch) throws(E) -> R) throws(E) -> R {
        let scratch = lock.withLock { spare.popLast() } ?? Scratch()
        defer {
            lock.withLock { if spare.count < spareCountMax { spare.append(scratch) } }
        }
        return try body(scratch)
    }

    func page(_ index: Int) -> UnsafeMutableRawPointer { pages + index * CapsuleFormat.pageByteCount }
    func nonce(_ index: Int) -> UnsafeMutableRawPointer { nonces + index * CapsuleFormat.nonceByteCount }
    func buffer(pages count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: pages, count: count * CapsuleFormat.pageByteCount)
    }
    func nonces(_ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nonces, count: count * CapsuleFormat.nonceByteCount)
    }
}
