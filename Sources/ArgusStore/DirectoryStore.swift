package import ArgusSystem
internal import Glibc

/// A store in a directory of a local or network filesystem.
///
///     <root>/argus-store     the marker: "argus-store 1\n", the number being the layout's format
///     <root>/lock            held with flock(2) by the process that writes
///     <root>/ballast         the reserve: blocks that are allocated and hold nothing
///     <root>/ab/cdef…        the object abcdef…: shards by the first byte, made when first needed
///
/// Who can write to the storage can put anything anywhere in it, at any time. Therefore:
/// 1. Nothing below the root is reached through a symbolic link or, with openat2(2), across a mount.
/// 2. Only regular files with one name are opened as objects. Files in their place are opened with O_NONBLOCK, so
///    that a FIFO cannot hold the store up, and closed again.
/// 3. The root is opened once: another directory put in its place later is not used.
package final class DirectoryStore: BackingStore {
    package static let markerName = "argus-store"
    static let lockName = "lock"
    static let ballastName = "ballast"
    static let format = 1

    let root: DirectoryHandle
    let method: DirectoryHandle.BeneathMethod
    let shards = ShardLedger()
    let barrier = SyncBarrier()
    let ballast = Lock()
    private let writerLock: WriterLock

    /// Opens the store at `path`; with `create`, makes one where there is no directory or an empty one.
    ///
    /// With `locked`, it is this process's alone until the store is dropped; `lock` does the same later.
    /// `method` is for tests; nil takes what the kernel offers.
    package init(
        path: String, create: Bool, locked: Bool = false, method: DirectoryHandle.BeneathMethod? = nil
    ) throws(DirectoryStoreError) {
        root = try Self.openRoot(path, create: create)
        self.method = method ?? root.beneathMethod
        writerLock = WriterLock(root)
        try Self.checkMarker(in: root, create: create)
        if locked { try writerLock.take() }
    }

    /// Takes the store for this process. Throws `.busy` while another process, or another `DirectoryStore` of this
    /// one, has it. Given back when the store is dropped, and by the kernel when the process ends.
    package func lock() throws(DirectoryStoreError) { try writerLock.take() }

    package func create(_ name: ObjectName) throws(StoreError) -> any BackingObject {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_NOCTTY
        let path = ObjectPath(name)
        do throws(StoreError) {
            return DirectoryObject(try openFile(path, flags: flags), writable: true)
        } catch .missing {
            try makeShard(path)
        }
        do throws(StoreError) {
            return DirectoryObject(try openFile(path, flags: flags), writable: true)
        } catch .missing {
            throw .unavailable
        }
    }

    package func open(_ name: ObjectName, writable: Bool) throws(StoreError) -> any BackingObject {
        let flags = (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY
        do throws(StoreError) {
            let object = DirectoryObject(try openFile(ObjectPath(name), flags: flags), writable: writable)
            try object.requireObject()
            return object
        } catch .missing {
            throw missingOrGone()
        } catch .unavailable {
            // For an open, ENXIO is a socket or a device without a driver.
            throw isGone() ? .unavailable : .notAnObject
        }
    }

    package func remove(_ name: ObjectName) throws(StoreError) {
        let path = ObjectPath(name)
        do throws(StoreError) {
            // By way of the shard: unlinkat(2) would follow a symbolic link in its place.
            let shard = try openShard(path, flags: DirectoryHandle.placeFlag)
            WaitNotice.giveIfHanging()
            try storeCall { path.withName { unlinkat(shard.rawValue, $0, 0) } }
        } catch .missing {
            throw missingOrGone()
        }
    }

    package func exists(_ name: ObjectName) throws(StoreError) -> Bool {
        do throws(StoreError) {
            try DirectoryObject(try openFile(ObjectPath(name), flags: DirectoryHandle.placeFlag), writable: false)
                .requireObject()
            return true
        } catch .missing {
            if isGone() { throw .unavailable }
            return false
        }
    }

    package func location(of name: ObjectName) -> String {
        let hex = name.hex
        return "\(root.path)/\(hex.prefix(ObjectPath.shardDigitCount))/\(hex.dropFirst(ObjectPath.shardDigitCount))"
    }

    package func space() throws(StoreError) -> StoreSpace {
        var status = statvfs()
        try storeCall { fstatvfs(root.descriptor, &status) }
        let unit = UInt64(status.f_frsize)
        return StoreSpace(
            totalBytes: UInt64(status.f_blocks) * unit, freeBytes: UInt64(status.f_bfree) * unit,
            availableBytes: UInt64(status.f_bavail) * unit, totalObjects: UInt64(status.f_files),
            freeObjects: UInt64(status.f_ffree))
    }

    // MARK: Reaching files

    private func openFile(_ path: ObjectPath, flags: Int32) throws(StoreError) -> OwnedDescriptor {
        try translated { () throws(SystemError) in
            try path.withPath { path throws(SystemError) in
                try root.openBeneath(path, flags: flags, mode: 0o600, by: method)
            }
        }
    }

    func openShard(_ path: ObjectPath, flags: Int32) throws(StoreError) -> OwnedDescriptor {
        try translated { () throws(SystemError) in
            try path.withShard { path throws(SystemError) in
                try root.openBeneath(path, flags: flags | O_DIRECTORY, by: method)
            }
        }
    }

    func makeShard(_ path: ObjectPath) throws(StoreError) {
        do throws(StoreError) {
            try shards.making { () throws(StoreError) in
                WaitNotice.giveIfHanging()
                _ = try storeCall { path.withShard { mkdirat(root.descriptor, $0, 0o700) } }
            }
        } catch .exists {
            // Made by another thread just now, or something hostile that the next open refuses.
        } catch .missing {
            throw .unavailable
        }
    }

    // MARK: Noticing that the store is gone

    /// Whether the root was removed beneath: then every name looks missing, and only the marker tells.
    func isGone() -> Bool {
        do throws(SystemError) { return try !root.exists(Self.markerName) } catch { return true }
    }

    func missingOrGone() -> StoreError { isGone() ? .unavailable : .missing }
}
