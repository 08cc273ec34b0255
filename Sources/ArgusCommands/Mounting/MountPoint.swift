internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// A directory that the caller named, found without touching the file system mounted on it: that may be dead, or closed
/// to this user.
struct MountPoint: Hashable {
    /// Absolute and free of links.
    let path: String
    /// The mount that the directory belongs to; where it is a mount point, the one on top.
    let mountID: Int

    init(_ text: String) throws(CommandError) {
        let opened = argus_open_path(absolutePath(text), 0)
        guard opened >= 0 else {
            throw switch errno {
            case ENOENT: CommandError(text, "does not exist; check the path, or make the directory first")
            case EACCES: CommandError(text, "cannot be reached with your permissions")
            default: CommandError(text, "cannot be opened: \(String(cString: strerror(errno)))")
            }
        }
        let descriptor = OwnedDescriptor(owning: opened)
        guard let path = linkTarget("/proc/self/fd/\(descriptor.rawValue)"),
            let id = openFileMountID(process: "self", descriptor: descriptor.rawValue)
        else { throw CommandError(text, "cannot be found in /proc; is it mounted?") }
        self.path = path
        self.mountID = id
    }

    /// The mount whose top directory this is, or nil for an ordinary directory.
    func entry(in table: MountTable) -> MountTable.Entry? {
        table.entry(id: mountID).flatMap { $0.mountPoint == path ? $0 : nil }
    }

    /// Makes sure that a folder can be mounted here: a directory, empty and not in use. What a killed driver left
    /// behind is taken away first.
    static func prepared(_ text: String, allowsNonEmpty: Bool) throws(CommandError) -> MountPoint {
        var point = try MountPoint(text)
        while let entry = point.entry(in: .current()), entry.type != "autofs", entry.isFolder,
            isDead(point.path)
        {
            try Unmounting.detach(point.path)
            point = try MountPoint(text)
        }
        if let entry = point.entry(in: .current()) {
            // An automount point waits for exactly this mount, and may not be looked into before.
            if entry.type == "autofs" { return point }
            throw CommandError(
                text,
                entry.isFolder
                    ? "a folder is mounted there already; unmount it with `argusfs umount`, or choose another directory"
                    : "is in use as the mount point of another file system; choose another directory")
        }
        var status = stat()
        guard stat(point.path, &status) == 0 else {
            throw CommandError(text, "cannot be used as a mount point: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandError(text, "is no directory; name an empty directory")
        }
        if !allowsNonEmpty {
            do throws(SystemError) {
                guard try DirectoryHandle(path: point.path).names().isEmpty else {
                    throw SystemError(errno: ENOTEMPTY, call: "readdir(3)")
                }
            } catch {
                throw CommandError(
                    text,
                    error.errno == ENOTEMPTY
                        ? "is not empty, and what lies there would be hidden; name an empty directory"
                        : "cannot be looked into: \(String(cString: strerror(error.errno)))")
            }
        }
        return point
    }

    /// True where the driver of the mount at `path` is gone: the kernel says ENOTCONN. Asked with statvfs(3), which the
    /// kernel answers from no cache; attributes stay valid for it after their driver's death.
    static func isDead(_ path: String) -> Bool {
        var status = statvfs()
        return statvfs(path, &status) != 0 && errno == ENOTCONN
    }
}

/// The target of a link in /proc.
func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 64)
    let count = buffer.withUnsafeMutableBytes { bytes -> Int in
        guard let start = bytes.bindMemory(to: CChar.self).baseAddress else { return -1 }
        return readlink(path, start, bytes.count)
    }
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
}

/// The mount that a process's descriptor lies on (`mnt_id` of proc_pid_fdinfo(5)).
func openFileMountID(process: String, descriptor: Int32) -> Int? {
    guard let text = smallFile("/proc/\(process)/fdinfo/\(descriptor)", maxBytes: 64 << 10) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("mnt_id:") {
        return Int(line.dropFirst("mnt_id:".count).drop { $0 == "\t" || $0 == " " })
    }
    return nil
}

/// An extended attribute of at most 4 KiB as text (getxattr(2)); nil where it cannot be read.
func extendedAttribute(_ path: String, _ name: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = argus_getxattr(path, name, &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
}
