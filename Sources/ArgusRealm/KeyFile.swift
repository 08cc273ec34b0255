internal import ArgusSystem
internal import Glibc

/// A file whose content opens a realm.
enum KeyFile {
    static let minByteCount = 32
    /// A key file is no place for a disk image; a pipe that never ends is not read forever.
    static let maxByteCount = 64 << 10

    static func read(_ path: String) throws(RealmError) -> SecretBytes {
        var count = 0
        let buffer: SecretBytes
        do throws(SystemError) {
            let file = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY)
            buffer = try SecretBytes(count: maxByteCount + 1) { bytes throws(SystemError) in
                while count < bytes.count {
                    let got = Glibc.read(file.rawValue, bytes.baseAddress?.advanced(by: count), bytes.count - count)
                    let cause = errno
                    if got < 0, cause == EINTR { continue }
                    guard got >= 0 else { throw SystemError(errno: cause, call: "read(2)") }
                    if got == 0 { break }
                    count += got
                }
            }
        } catch  where error.errno == ENOENT {
            throw RealmError(
                .keyFileMissing, "its key file does not exist; give the right path, or bring the medium that holds it")
        } catch {
            throw RealmError(
                .keyFileMissing, "its key file cannot be read (\(error.description)); check its owner and mode")
        }
        guard count <= maxByteCount else {
            throw RealmError(
                .unsuitableKey, "the key file is longer than \(maxByteCount / 1024) KiB; give the right file")
        }
        guard count >= minByteCount else {
            throw RealmError(
                .unsuitableKey, "the key file has less than \(minByteCount) bytes; give one of random bytes")
        }
        let key = buffer.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        guard !key.looksDegenerate else {
            throw RealmError(.unsuitableKey, "the key file is blank or a repeated pattern; give one of random bytes")
        }
        return key
    }

    /// Reads the file, or makes one of 32 random bytes, mode 0600. True where it was made.
    static func readOrMake(_ path: String) throws(RealmError) -> (key: SecretBytes, isMade: Bool) {
        let key = SecretBytes.random(count: minByteCount)
        do throws(SystemError) {
            let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, mode: 0o600)
            do throws(SystemError) {
                let (count, cause) = key.withBytes { (Glibc.write(file.rawValue, $0.baseAddress, $0.count), errno) }
                guard count == key.count else {
                    throw SystemError(errno: count < 0 ? cause : ENOSPC, call: "write(2)")
                }
                guard fchmod(file.rawValue, 0o600) == 0, fsync(file.rawValue) == 0 else {
                    throw SystemError(errno: errno, call: "fsync(2)")
                }
            } catch {
                unlink(path)
                throw error
            }
            try syncParent(of: path)
        } catch  where error.errno == EEXIST {
            return (try read(path), false)
        } catch {
            throw RealmError(.failed, "its key file cannot be made (\(error.description)); choose another place for it")
        }
        return (key, true)
    }

    private static func syncParent(of path: String) throws(SystemError) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        try DirectoryHandle(path: parent).sync()
    }
}
