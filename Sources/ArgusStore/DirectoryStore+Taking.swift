internal import ArgusSystem
internal import Glibc

/// Taking over objects of another store, as they are.
extension DirectoryStore {
    /// Whether `take` can give objects of `other` a place here without copying them: both lie in one mount of one
    /// filesystem. Only rename(2) itself knows, which says so before it looks for a name that nobody has.
    package func sharesFilesystem(with other: DirectoryStore) throws(StoreError) -> Bool {
        let descriptors = (other.root.descriptor, root.descriptor)
        let status = renameat(descriptors.0, Self.probeName, descriptors.1, Self.probeName)
        let cause = errno
        if status == 0 || cause == ENOENT { return true }
        if cause == EXDEV { return false }
        throw StoreError(errno: cause)
    }

    private static let probeName = DirectoryHandle.temporaryPrefix + "nothing"

    /// Makes durable that there are places for these names, so that nothing is renamed into a directory which a power cut
    /// takes away.
    package func prepareToTake(_ names: [ObjectName]) throws(StoreError) {
        for name in names { _ = try shard(of: ObjectPath(name)) }
        let made = shards.made
        guard !shards.isDurable(made) else { return }
        try storeCall { fsync(root.descriptor) }
        shards.noteDurable(made)
    }

    /// Moves an object of `other` here, in place of any that has the name: one rename(2), so it is in one of both stores
    /// whatever happens, after `prepareToTake`. Durable after `syncAll` of both.
    package func take(_ name: ObjectName, from other: DirectoryStore, as newName: ObjectName) throws(StoreError) {
        let (path, newPath) = (ObjectPath(name), ObjectPath(newName))
        let target = try shard(of: newPath)
        do throws(StoreError) {
            let source = try other.openShard(path, flags: DirectoryHandle.placeFlag)
            try storeCall {
                path.withName { old in
                    newPath.withName { new in renameat(source.rawValue, old, target.rawValue, new) }
                }
            }
        } catch .missing {
            throw other.missingOrGone()
        }
    }

    /// Opened for a name in it, and made where it is missing.
    private func shard(of path: ObjectPath) throws(StoreError) -> OwnedDescriptor {
        do throws(StoreError) { return try openShard(path, flags: DirectoryHandle.placeFlag) } catch .missing {
            try makeShard(path)
        }
        do throws(StoreError) { return try openShard(path, flags: DirectoryHandle.placeFlag) } catch .missing {
            throw .unavailable
        }
    }
}

extension BackingStore {
    /// Bytes copied at a time. What is zero in that length stays a hole.
    private static var copiedByteCount: Int { 64 << 10 }

    /// Copies an object of `other` here, in place of any that has the name. Durable after `syncAll`.
    package func copy(
        _ name: ObjectName, from other: any BackingStore, as newName: ObjectName
    ) throws(StoreError) {
        let source = try other.open(name, writable: false)
        do throws(StoreError) { try remove(newName) } catch .missing {}
        let target = try create(newName)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.copiedByteCount, alignment: 16)
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while true {
            let count = try source.read(into: buffer, at: offset)
            guard count > 0 else { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if piece.contains(where: { $0 != 0 }) { try target.write(piece, at: offset) }
            offset += UInt64(count)
        }
        try target.truncate(to: offset)
    }
}
