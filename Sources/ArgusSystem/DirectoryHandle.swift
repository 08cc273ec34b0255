internal import Glibc

/// A directory held open: what lies in it is reached relative to its descriptor, by one component, and never through
/// a symbolic link.
///
/// 1. A directory renamed or replaced meanwhile stays the one that was opened.
/// 2. A name is one component: `/`, NUL, `.` and `..` are refused with EINVAL.
/// 3. A symbolic link in place of an entry is refused with ELOOP (ENOTDIR for a directory), never followed.
package final class DirectoryHandle: Sendable {
    /// Where the directory was found, for messages and listings only.
    package let path: String
    private let owned: OwnedDescriptor

    /// Opens a directory that the operator named; links on the way to it are followed.
    package init(path: String) throws(SystemError) {
        self.owned = try OwnedDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY)
        self.path = path
    }

    private init(path: String, owning descriptor: consuming OwnedDescriptor) {
        self.path = path
        self.owned = descriptor
    }

    /// Valid as long as the handle lives.
    package var descriptor: Int32 { owned.rawValue }

    /// Opens the directory `name`; with `create`, makes it durably first where it is missing.
    package func subdirectory(_ name: String, create: Bool = false, mode: UInt32 = 0o700) throws(SystemError)
        -> DirectoryHandle
    {
        if create {
            try Self.check(name)
            do throws(SystemError) {
                try systemCall("mkdirat(2)", on: name) { mkdirat(descriptor, $0, mode_t(mode)) }
                try sync()
            } catch  where error.errno == EEXIST {
                // Whatever is there has to be a directory: opening it tells.
            }
        }
        return DirectoryHandle(path: "\(path)/\(name)", owning: try open(name, flags: O_RDONLY | O_DIRECTORY))
    }

    /// Opens the entry `name` (openat(2)), never through a symbolic link and always O_CLOEXEC.
    package func open(_ name: String, flags: Int32, mode: UInt32 = 0o600) throws(SystemError) -> OwnedDescriptor {
        try Self.check(name)
        return OwnedDescriptor(
            owning: try systemCall("openat(2)", on: name) {
                openat(descriptor, $0, flags | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
            })
    }

    /// Removes a file's name (unlinkat(2)); not durable before `sync`.
    package func remove(_ name: String) throws(SystemError) {
        try Self.check(name)
        try systemCall("unlinkat(2)", on: name) { unlinkat(descriptor, $0, 0) }
    }

    /// Removes an empty directory (unlinkat(2) with AT_REMOVEDIR); not durable before `sync`.
    package func removeDirectory(_ name: String) throws(SystemError) {
        try Self.check(name)
        try systemCall("unlinkat(2)", on: name) { unlinkat(descriptor, $0, AT_REMOVEDIR) }
    }

    /// Renames within the directory, replacing what has the new name (renameat(2)); not durable before `sync`.
    package func rename(_ name: String, to newName: String) throws(SystemError) {
        try Self.check(name)
        try Self.check(newName)
        let (status, cause) = name.withCString { old in
            newName.withCString { new in
                let status = renameat(descriptor, old, descriptor, new)
                return (status, errno)
            }
        }
        if status == -1 { throw SystemError(errno: cause, call: "renameat(2)") }
    }

    /// Whether anything has that name, a symbolic link included.
    package func exists(_ name: String) throws(SystemError) -> Bool {
        try Self.check(name)
        do throws(SystemError) {
            try systemCall("faccessat(2)", on: name) { faccessat(descriptor, $0, F_OK, AT_SYMLINK_NOFOLLOW) }
            return true
        } catch  where error.errno == ENOENT {
            return false
        }
    }

    /// The entries without `.` and `..`, in no particular order. A name that is no UTF-8 comes with U+FFFD.
    package func names() throws(SystemError) -> [String] {
        // A description of its own: readdir(3) moves the offset, which duplicated descriptors share.
        let listed = try systemCall("openat(2)", on: ".") { openat(descriptor, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(listed) else {
            let cause = errno
            _ = close(listed)
            throw SystemError(errno: cause, call: "fdopendir(3)")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let cause = errno
                if cause != 0 { throw SystemError(errno: cause, call: "readdir(3)") }
                return names
            }
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
            let name = String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self))
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// Makes the names in the directory durable (fsync(2)).
    package func sync() throws(SystemError) {
        try systemCall("fsync(2)") { fsync(descriptor) }
    }

    /// Refuses what is not one component of a path.
    static func check(_ name: String) throws(SystemError) {
        guard !name.isEmpty, name != ".", name != "..",
            !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
        else {
            throw SystemError(errno: EINVAL, call: "openat(2)")
        }
    }
}
