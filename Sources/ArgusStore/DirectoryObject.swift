internal import ArgusSystem
internal import Glibc

/// One object of a directory store: an open regular file.
///
/// Dropping it closes the file without an answer; what close(2) could report, `sync` reports before.
final class DirectoryObject: BackingObject {
    private let descriptor: OwnedDescriptor
    private let isWritable: Bool
    private let direct = DirectReads()

    init(_ descriptor: consuming OwnedDescriptor, writable: Bool) {
        self.descriptor = descriptor
        self.isWritable = writable
    }

    /// What goes where a hole was asked for and the filesystem has none, piece by piece.
    private static let zeros = [UInt8](repeating: 0, count: 64 * 1024)

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StoreError) -> Int {
        // No file reaches past the largest off_t: pread(2) refuses to look there.
        let end = min(buffer.count, off_t.max - off_t(clamping: offset))
        var count = 0
        while count < end {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<end])
            let position = off_t(offset) + off_t(count)
            let got = try readSome(into: rest, at: position)
            // A short answer is no end: a signal or a network may cut one.
            if got == 0 { break }
            count += got
        }
        return count
    }

    /// How long a thread that others depend on tries again before it gives notice and waits: a fast disk answers in
    /// less, and a thread that sleeps meanwhile takes half as long again to wake.
    private static let spinNanoseconds: UInt64 = 100_000

    private func readSome(into rest: UnsafeMutableRawBufferPointer, at position: off_t) throws(StoreError) -> Int {
        if let got = direct.read(from: descriptor, into: rest, at: position) { return got }
        if WaitNotice.isWanted {
            let start = SystemClock().monotonicNanoseconds()
            repeat {
                if let got = descriptor.readCached(into: rest, at: position) { return got }
                sched_yield()
            } while SystemClock().monotonicNanoseconds() - start < Self.spinNanoseconds
            WaitNotice.give()
        }
        return try storeCall { pread(descriptor.rawValue, rest.baseAddress, rest.count, position) }
    }

    func prefetch(_ range: Range<UInt64>) {
        _ = posix_fadvise(
            descriptor.rawValue, off_t(clamping: range.lowerBound), off_t(clamping: UInt64(range.count)),
            POSIX_FADV_WILLNEED)
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError) {
        WaitNotice.give()
        try check(end: offset, adding: UInt64(buffer.count))
        var count = 0
        while count < buffer.count {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[count...])
            let position = off_t(offset) + off_t(count)
            count += try storeCall { pwrite(descriptor.rawValue, rest.baseAddress, rest.count, position) }
        }
    }

    func truncate(to size: UInt64) throws(StoreError) {
        WaitNotice.give()
        try check(end: size)
        try storeCall { ftruncate(descriptor.rawValue, off_t(size)) }
    }

    func punchHole(_ range: Range<UInt64>) throws(StoreError) {
        WaitNotice.give()
        try check(end: range.upperBound)
        guard !range.isEmpty else { return }
        do throws(StoreError) {
            try translated { () throws(SystemError) in try descriptor.punchHole(range) }
        } catch .failed(errno: EOPNOTSUPP) {
            try writeZeros(range)
        }
    }

    /// Without giving the blocks back: that costs a request to the device for each range (discard), and the next write
    /// looks for others.
    func clear(_ range: Range<UInt64>) throws(StoreError) {
        WaitNotice.give()
        try check(end: range.upperBound)
        guard !range.isEmpty else { return }
        do throws(StoreError) {
            try translated { () throws(SystemError) in try descriptor.zeroRange(range) }
        } catch .failed(errno: EOPNOTSUPP) {
            try punchHole(range)
        }
    }

    func sync() throws(StoreError) {
        WaitNotice.give()
        try storeCall { fdatasync(descriptor.rawValue) }
    }

    func size() throws(StoreError) -> UInt64 { UInt64(try status().st_size) }

    /// st_blocks counts 512 bytes whatever the filesystem's block is (stat(3type)).
    func allocatedBytes() throws(StoreError) -> UInt64 { UInt64(try status().st_blocks) * 512 }

    /// Refuses what the store never wrote: other kinds of files, and files with a second name, through which
    /// someone could reach the object outside the store.
    func requireObject() throws(StoreError) {
        let status = try status()
        guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else { throw .notAnObject }
        // Removed between openat2(2) and now.
        guard status.st_nlink == 1 else { throw .missing }
    }

    private func status() throws(StoreError) -> stat {
        var status = stat()
        try storeCall { fstat(descriptor.rawValue, &status) }
        return status
    }

    private func check(end offset: UInt64, adding count: UInt64 = 0) throws(StoreError) {
        guard isWritable else { throw .readOnly }
        let limit = UInt64(off_t.max)
        guard offset <= limit, count <= limit - offset else { throw .failed(errno: EFBIG) }
    }

    /// Where the filesystem knows no holes. It stays within the size, as a hole would.
    private func writeZeros(_ range: Range<UInt64>) throws(StoreError) {
        let range = range.clamped(to: 0..<(try size()))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(Self.zeros.count, Int(range.upperBound - offset))
            try Self.zeros.span.withUnsafeBytes { buffer throws(StoreError) in
                try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
            }
            offset += UInt64(count)
        }
    }
}
