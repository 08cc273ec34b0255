internal import CArgusLinux
internal import Glibc

extension OwnedDescriptor {
    /// Reads what the page cache holds from `offset` on, without waiting for storage (preadv2(2), RWF_NOWAIT).
    ///
    /// Nil where it holds none of it, or where the end of the file or an error is to be told: pread(2) tells.
    package borrowing func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int? {
        guard let base = buffer.baseAddress else { return nil }
        let count = argus_read_cached(rawValue, base, buffer.count, offset)
        return count > 0 ? count : nil
    }

    /// Whether less than half of a range lies in the page cache. False where the kernel cannot tell (before Linux 6.5).
    package borrowing func isMostlyUncached(_ count: Int, at offset: Int) -> Bool {
        let pages = argus_cached_pages(rawValue, Int64(offset), Int64(count))
        return pages >= 0 && pages * 2 < Int64(count / Int(getpagesize()))
    }

    /// The same file for reads into aligned memory that leave no copy in the page cache; nil where the filesystem has
    /// none (tmpfs) or /proc is missing.
    package borrowing func reopenedDirect() -> OwnedDescriptor? {
        let opened = argus_reopen_direct(rawValue)
        return opened < 0 ? nil : OwnedDescriptor(owning: opened)
    }
}
