internal import ArgusCapsule
internal import ArgusCore

/// What SQLite takes for its file: a capsule, and laid over it the pages that no commit of the capsule holds yet.
///
/// SQLite's COMMIT writes here and cannot fail for want of storage; `seal` then hands the pages to the capsule in one
/// atomic commit. Keeping the two apart is what makes a full disk harmless: the pages stay here, readable, until a
/// later `seal` finds room, and SQLite never has a transaction to undo on storage.
///
/// 1. A page lies in the overlay from the COMMIT that wrote it until the capsule's commit that holds it (`discardSealed`).
/// 2. The overlay changes only inside SQLite's COMMIT and in `discardSealed`: both are the writer's, under the index's
///    lock. `seal` runs on the writer's thread without that lock and only reads the overlay, as readers do.
/// 3. The first failure below a callback is kept in `failure`, since SQLite passes on only a number.
///
/// `@unchecked`: 2 says who touches what when; `failure` and `isWriting` are touched under the index's lock alone.
final class PagedCapsule: @unchecked Sendable {
    static let pageByteCount = 4096
    /// Buffers kept for the next transaction: 4 MiB, more than a full batch dirties.
    private static let maxSpareCount = 1024

    let capsule: Capsule
    let isReadOnly: Bool
    private var overlay: [UInt64: UnsafeMutableRawPointer] = [:]
    private var spare: [UnsafeMutableRawPointer] = []
    private(set) var size: UInt64
    /// Why the last callback failed.
    private var failure: IndexError?
    /// True while a statement runs that changes pages: a failed read inside it must undo the transaction.
    var isWriting = false

    init(capsule: Capsule, isReadOnly: Bool) {
        self.capsule = capsule
        self.isReadOnly = isReadOnly
        self.size = capsule.size
    }

    deinit {
        for page in overlay.values { page.deallocate() }
        for page in spare { page.deallocate() }
    }

    func takeFailure() -> IndexError? {
        defer { failure = nil }
        return failure
    }

    /// Fills `buffer`, which lies within one page, and returns how many bytes the file had there; nil: it failed.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
        guard offset < size else { return 0 }
        let (page, start) = offset.quotientAndRemainder(dividingBy: UInt64(Self.pageByteCount))
        guard Int(start) + buffer.count <= Self.pageByteCount else { return fail(.storage(errno: 22)) }
        if let bytes = overlay[page] {
            buffer.copyMemory(
                from: UnsafeRawBufferPointer(start: bytes + Int(start), count: buffer.count))
            return buffer.count
        }
        do throws(CapsuleError) {
            return try capsule.read(into: buffer, at: offset)
        } catch {
            return fail(IndexError(error))
        }
    }

    /// Takes a whole page.
    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) -> Bool {
        let (page, start) = offset.quotientAndRemainder(dividingBy: UInt64(Self.pageByteCount))
        guard start == 0, buffer.count == Self.pageByteCount, !isReadOnly else {
            return fail(.storage(errno: 22)) != nil
        }
        let bytes: UnsafeMutableRawPointer
        if let present = overlay[page] {
            bytes = present
        } else {
            bytes = spare.popLast() ?? .allocate(byteCount: Self.pageByteCount, alignment: 16)
            overlay[page] = bytes
        }
        UnsafeMutableRawBufferPointer(start: bytes, count: Self.pageByteCount).copyMemory(from: buffer)
        size = max(size, offset + UInt64(Self.pageByteCount))
        return true
    }

    func truncate(to newSize: UInt64) -> Bool {
        guard newSize.isMultiple(of: UInt64(Self.pageByteCount)), !isReadOnly else {
            return fail(.storage(errno: 22)) != nil
        }
        size = newSize
        for page in overlay.keys where page >= newSize / UInt64(Self.pageByteCount) { recycle(page) }
        return true
    }

    /// Makes the file as SQLite sees it one commit of the capsule. After an error all of it can be sealed again:
    /// the capsule gives pages fresh places each time, and nothing counts before its root is written.
    func seal(isOrdered: Bool) throws(CapsuleError) {
        if capsule.size != size { try capsule.setSize(size) }
        if !overlay.isEmpty {
            try capsule.writePages(
                overlay.keys.sorted().map { page in
                    (index: page, plaintext: UnsafeRawBufferPointer(start: overlay[page], count: Self.pageByteCount))
                })
        }
        _ = try capsule.commit(times: capsule.times, label: capsule.label, isOrdered: isOrdered)
    }

    /// Drops the overlay, which the capsule's last commit holds.
    func discardSealed() {
        for page in overlay.values { keepSpare(page) }
        overlay.removeAll(keepingCapacity: true)
    }

    private func recycle(_ page: UInt64) {
        if let bytes = overlay.removeValue(forKey: page) { keepSpare(bytes) }
    }

    private func keepSpare(_ bytes: UnsafeMutableRawPointer) {
        if spare.count < Self.maxSpareCount { spare.append(bytes) } else { bytes.deallocate() }
    }

    private func fail(_ error: IndexError) -> Int? {
        failure = failure ?? error
        return nil
    }
}
