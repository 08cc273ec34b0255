internal import ArgusSystem
internal import Glibc

/// Taking over objects of another store, as they are.
extension DirectoryStore {
    /// Whether rename(2) may give objects of `other` a place here. Where it says so and cannot after all (subvolumes of
    /// btrfs, project quotas), `take` copies.
    package func sharesFilesystem(with other: DirectoryStore) throws(StoreError) -> Bool {
        let (from, to) = (other.root.descriptor, root.descriptor)
        let cause = renameat(from, Self.probeName, to, Self.probeName) == 0 ? 0 : errno
        if cause == 0 || cause == ENOENT { return true }
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

    /// Moves an object of `other` here, in place of any that has the name, after `prepareToTake`. By one rename(2), so that
    /// it is in one of both stores whatever happens; where that is refused (EXDEV), by a copy that is durable before the
    /// object goes there. Durable after `syncAll` of both.
    package func take(_ name: ObjectName, from other: DirectoryStore, as newName: ObjectName) throws(StoreError) {
        let (path, newPath) = (ObjectPath(name), ObjectPath(newName))
        let target = try shard(of: newPath)
        let source = try other.knownShard(of: path)
        let cause = path.withName { old in
            newPath.withName { new in renameat(source.rawValue, old, target.rawValue, new) == 0 ? 0 : errno }
        }
        switch cause {
        case 0: return
        case ENOENT: throw other.missingOrGone()
        case EXDEV:
            try copy(name, from: other, as: newName)
            try syncAll()
            try other.remove(name)
        default: throw StoreError(errno: cause)
        }
    }

    private func knownShard(of path: ObjectPath) throws(StoreError) -> OwnedDescriptor {
        do throws(StoreError) { return try openShard(path, flags: DirectoryHandle.placeFlag) } catch .missing {
            throw missingOrGone()
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
