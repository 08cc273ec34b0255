internal import CArgusLinux

extension OwnedDescriptor {
    /// Reads what the page cache holds from `offset` on, without waiting for storage (preadv2(2), RWF_NOWAIT).
    ///
    /// Nil where it holds none of it, or where the end of the file or an error is to be told: pread(2) tells.
    package borrowing func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int? {
        guard let base = buffer.baseAddress else { return nil }
        let count = argus_read_cached(rawValue, base, buffer.count, offset)
        return count > 0 ? count : nil
    }
}
