internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// The directory beneath a mount, held from before the mount on. While no folder is mounted there it is to take no files,
/// so that none lands in it in plaintext: its mode allows no writing. Root, whom modes do not bind, is kept out by the immutable
/// attribute (chattr(1)) where that was asked for: such a directory cannot be removed either.
///
/// Only an empty directory of this user's own is closed. It is a precaution: what the file system cannot do is left.
final class CoveredDirectory {
    private let descriptor: OwnedDescriptor
    private let mode: mode_t
    private var isClosed = false

    /// Nil where the directory is to stay as it is. fusermount3(1) mounts only where its caller may write: a directory
    /// that an earlier mount closed is opened until `close`, or until this object goes.
    init?(_ path: String) {
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        descriptor = OwnedDescriptor(owning: opened)
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_uid == geteuid() else { return nil }
        guard let names = try? DirectoryHandle(path: "/proc/self/fd/\(opened)").names(), names.isEmpty else {
            return nil
        }
        mode = status.st_mode & 0o7777
        if geteuid() != 0, mode & 0o200 == 0 { fchmod(opened, mode | 0o200) }
    }

    deinit {
        if !isClosed { fchmod(descriptor.rawValue, mode) }
    }

    /// To be called when the folder is mounted. False where it was to become immutable and did not.
    func close(isImmutable: Bool) -> Bool {
        isClosed = true
        fchmod(descriptor.rawValue, mode & ~0o222)
        return !isImmutable || argus_set_immutable(descriptor.rawValue) == 0
    }
}
