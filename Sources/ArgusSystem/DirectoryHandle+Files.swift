internal import ArgusCore
internal import Glibc

/// Whole files: read at once, and replaced so that a crash leaves the old one or the new one.
extension DirectoryHandle {
    /// How the names of unfinished files begin. One stays behind when a replacement is cut short.
    package static let temporaryPrefix = ".argus-new-"

    /// The content of a regular file of at most `maxByteCount` bytes.
    ///
    /// Fails with EFBIG for a longer one and with EINVAL for a device, FIFO or directory, without waiting for it.
    package func readFile(_ name: String, maxByteCount: Int) throws(SystemError) -> [UInt8] {
        let file = try open(name, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        try systemCall("fstat(2)") { fstat(file.rawValue, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(errno: EINVAL, call: "fstat(2)") }
        guard Int(status.st_size) <= maxByteCount else { throw SystemError(errno: EFBIG, call: "fstat(2)") }

        // One byte more than it had: a file that grows meanwhile is seen, and its end needs no second buffer.
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), maxByteCount) + 1)
        var count = 0
        while true {
            let got = bytes.withUnsafeMutableBytes { buffer -> (Int, Int32) in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                let got = read(file.rawValue, rest.baseAddress, rest.count)
                return (got, errno)
            }
            if got.0 == -1 {
                if got.1 == EINTR { continue }
                throw SystemError(errno: got.1, call: "read(2)")
            }
            if got.0 == 0 { break }
            count += got.0
            guard count <= maxByteCount else { throw SystemError(errno: EFBIG, call: "read(2)") }
            if count == bytes.count {
                bytes.append(contentsOf: repeatElement(0, count: min(count, maxByteCount - count) + 1))
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// Puts a file of these bytes under `name`, in place of any there, durably.
    ///
    /// After a crash at any point the name has the old file or the new one, whole: the new one is written and synced
    /// under a temporary name, renamed over the old, and the directory synced. Where it throws before the rename the
    /// old file is untouched; where the last sync fails, the new one is there but may not outlive a power cut.
    /// `mode` is exact: the umask does not change it.
    package func replaceFile(_ name: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        try Self.check(name)
        var nonce: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &nonce) { SecureRandom.fill($0) }
        let temporary = Self.temporaryPrefix + withUnsafeBytes(of: nonce) { Hex.encode($0) }

        let file = try open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do throws(SystemError) {
            try systemCall("fchmod(2)") { fchmod(file.rawValue, mode_t(mode)) }
            try Self.write(bytes, to: file.rawValue)
            try systemCall("fsync(2)") { fsync(file.rawValue) }
            try rename(temporary, to: name)
        } catch {
            try? remove(temporary)
            throw error
        }
        try file.close()
        try sync()
    }

    /// Removes what replacements cut short by a crash left behind.
    ///
    /// Only the directory's one writer may call it: it would take away the file of a replacement under way.
    package func removeTemporaries() throws(SystemError) {
        for name in try names() where name.hasPrefix(Self.temporaryPrefix) {
            try remove(name)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let (count, cause) = bytes.withUnsafeBytes { buffer -> (Int, Int32) in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                return (count, errno)
            }
            if count == -1 {
                if cause == EINTR { continue }
                throw SystemError(errno: cause, call: "write(2)")
            }
            written += count
        }
    }
}
