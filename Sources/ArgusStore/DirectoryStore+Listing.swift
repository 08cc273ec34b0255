internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// Walking through the shards.
extension DirectoryStore {
    package func forEachObject(_ body: (ObjectName) -> Bool, stray: (String) -> Void) throws(StoreError) {
        // An unlinked directory lists as empty, which must not pass for a store without objects.
        if isGone() { throw .unavailable }
        let names = try translated { () throws(SystemError) in try root.names() }
        for name in names where !Self.isOwn(name) {
            guard let shard = Hex.decode(name), shard.count == 1 else {
                stray("\(root.path)/\(name)")
                continue
            }
            guard try listShard(name, ObjectPath(inShard: shard[0]), body, stray) else { return }
        }
    }

    /// False where `body` wants no more.
    private func listShard(
        _ shard: String, _ path: ObjectPath, _ body: (ObjectName) -> Bool, _ stray: (String) -> Void
    ) throws(StoreError) -> Bool {
        let directory: Int32
        do throws(StoreError) {
            directory = try openShard(path, flags: O_RDONLY).release()
        } catch .missing {
            return true
        } catch .notAnObject {
            stray("\(root.path)/\(shard)")
            return true
        }
        guard let stream = fdopendir(directory) else {
            let cause = errno
            close(directory)
            throw StoreError(errno: cause)
        }
        defer { closedir(stream) }
        while let (name, isFile) = try nextEntry(of: stream, descriptor: directory) {
            if isFile, let object = ObjectPath.object(shard: shard, name: name) {
                guard body(object) else { return false }
            } else {
                stray("\(root.path)/\(shard)/\(name)")
            }
        }
        return true
    }

    /// The next entry that is still there, and whether it is a regular file; nil at the end (readdir(3)).
    private func nextEntry(of stream: OpaquePointer, descriptor: Int32) throws(StoreError) -> (String, Bool)? {
        let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let cause = errno
                if cause == 0 { return nil }
                throw StoreError(errno: cause)
            }
            let pointer = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
            let name = String(cString: pointer)
            if name == "." || name == ".." { continue }
            if Int(entry.pointee.d_type) != DT_UNKNOWN { return (name, Int(entry.pointee.d_type) == DT_REG) }
            var status = stat()
            do throws(StoreError) {
                try storeCall { fstatat(descriptor, pointer, &status, AT_SYMLINK_NOFOLLOW) }
            } catch .missing {
                continue
            }
            return (name, status.st_mode & S_IFMT == S_IFREG)
        }
    }
}
