internal import ArgusSystem
internal import Glibc
internal import Synchronization

/// Buffers of one page for file data that waits to be sealed. What they held is wiped when they come back.
final class PagePool: Sendable {
    static let pageByteCount = 4096
    /// Buffers kept for the next write; the rest goes back to the allocator.
    private static let maxKept = 512

    private let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private var kept: [UnsafeMutableRawPointer] = []
    private let used = Atomic<Int>(0)

    /// Bytes handed out and not yet returned.
    var usedBytes: Int { used.load(ordering: .relaxed) * Self.pageByteCount }

    /// A buffer of 4096 bytes, all zero.
    func take() -> UnsafeMutableRawPointer {
        used.wrappingAdd(1, ordering: .relaxed)
        let reused = lock.withLock { kept.popLast() }
        if let reused { return reused }
        let page = UnsafeMutableRawPointer.allocate(byteCount: Self.pageByteCount, alignment: Self.pageByteCount)
        memset(page, 0, Self.pageByteCount)
        return page
    }

    func give(_ page: UnsafeMutableRawPointer) {
        used.wrappingSubtract(1, ordering: .relaxed)
        wipe(UnsafeMutableRawBufferPointer(start: page, count: Self.pageByteCount))
        let isKept = lock.withLock { () -> Bool in
            guard kept.count < Self.maxKept else { return false }
            kept.append(page)
            return true
        }
        if !isKept { page.deallocate() }
    }

    deinit {
        for page in kept { page.deallocate() }
    }
}
