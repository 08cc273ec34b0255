internal import CArgusLinux
internal import Glibc

/// The blocks behind a file, apart from its bytes (fallocate(2)).
extension OwnedDescriptor {
    /// Allocates blocks for the first `byteCount` bytes, and grows the file to hold them. EOPNOTSUPP where the
    /// filesystem cannot; after ENOSPC some blocks may have been allocated.
    package borrowing func allocate(byteCount: UInt64) throws(SystemError) {
        let descriptor = rawValue
        guard let count = Int64(exactly: byteCount) else { throw SystemError(errno: EFBIG, call: "fallocate(2)") }
        try systemCall("fallocate(2)") { argus_allocate(descriptor, count) }
    }

    /// Frees the blocks of `range`, which must not be empty; the size stays. EOPNOTSUPP where the filesystem cannot.
    package borrowing func punchHole(_ range: Range<UInt64>) throws(SystemError) {
        try change(range) { argus_punch_hole($0, $1, $2) }
    }

    /// Makes `range`, which must not be empty, read as zeros and keeps its blocks; the size stays. EOPNOTSUPP where the
    /// filesystem cannot.
    package borrowing func zeroRange(_ range: Range<UInt64>) throws(SystemError) {
        try change(range) { argus_zero_range($0, $1, $2) }
    }

    private borrowing func change(
        _ range: Range<UInt64>, _ call: (Int32, Int64, Int64) -> Int32
    ) throws(SystemError) {
        let descriptor = rawValue
        guard let start = Int64(exactly: range.lowerBound), let end = Int64(exactly: range.upperBound) else {
            throw SystemError(errno: EFBIG, call: "fallocate(2)")
        }
        try systemCall("fallocate(2)") { call(descriptor, start, end - start) }
    }
}

extension DirectoryHandle {
    /// Makes everything on the directory's filesystem durable (syncfs(2)).
    ///
    /// Before Linux 5.8 a failed write-back is not reported; since then once for each descriptor, from its opening on.
    package func syncFilesystem() throws(SystemError) {
        try systemCall("syncfs(2)") { argus_sync_filesystem(descriptor) }
    }
}
