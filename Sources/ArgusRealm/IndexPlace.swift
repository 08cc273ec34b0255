internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// Where a folder's index lies and how it is opened: one capsule in the store `index/`, held to the anchor beside it.
struct IndexPlace: Sendable {
    static let storeName = "index"

    let directory: DirectoryHandle
    let identity: CapsuleIdentity
    let keys: FolderKeys
    let secrets: FolderSecrets

    init(directory: DirectoryHandle, record: FolderRecord, keys: FolderKeys, secrets: FolderSecrets) {
        self.directory = directory
        self.identity = CapsuleIdentity(folder: record.id, file: record.indexFile)
        self.keys = keys
        self.secrets = secrets
    }

    /// A copy of an index in another directory, opened with `keys`.
    init(copyOf original: IndexPlace, in directory: DirectoryHandle, keys: FolderKeys) {
        self.directory = directory
        self.identity = original.identity
        self.keys = keys
        self.secrets = original.secrets
    }

    private var path: String { "\(directory.path)/\(Self.storeName)" }

    /// Makes an empty index; `format` fills it.
    func create(now: Timestamp, format: (SQLiteIndex) throws(RealmError) -> Void) throws(RealmError) {
        let store = try openStore(create: true)
        let name = keys.objectName(of: identity.file)
        let object: any BackingObject
        do throws(StoreError) {
            object = try store.create(name)
            try store.syncName(name)
        } catch {
            throw RealmError(index: DirectoryStoreError.store(error))
        }
        let capsule = try indexCapsuleCall { () throws(CapsuleError) in
            try Capsule.create(in: object, identity: identity, keys: keys, now: now)
        }
        let index = try indexCall { () throws(IndexError) in try SQLiteIndex(capsule: capsule, mode: .create) }
        try format(index)
        try indexCall { () throws(IndexError) in try index.commit(.durable) }
        try end(index)
        do throws(StoreError) { try store.syncAll() } catch {
            throw RealmError(index: DirectoryStoreError.store(error))
        }
    }

    /// Opens the index as its anchor wants it; nothing is written.
    func open(writable: Bool) throws(RealmError) -> SQLiteIndex {
        let anchor = try FolderAnchor.read(in: directory, secrets: secrets)
        let (object, _) = try openObject(writable: writable)
        let capsule = try indexCapsuleCall { () throws(CapsuleError) in
            try Capsule.open(
                object, identity: identity, keys: keys, expecting: anchor.expectation(bootID: Boot.currentID()),
                writable: writable
            ).capsule
        }
        return try indexCall { () throws(IndexError) in
            try SQLiteIndex(capsule: capsule, mode: .open, readOnly: !writable)
        }
    }

    /// Makes durable that the index is in use, before it changes.
    ///
    /// After a power cut the root that was passed over is overwritten first: it would otherwise look like one of this
    /// boot if the process were killed before its first commit.
    func noteOpen(_ index: SQLiteIndex) throws(RealmError) {
        var anchor = try FolderAnchor.read(in: directory, secrets: secrets)
        let bootID = Boot.currentID()
        if case .open(let other) = anchor.state {
            if other == bootID { return }
            try indexCall { () throws(IndexError) in
                try index.apply([.putMeta(key: .mayLag, value: [1])])
                try index.commit(.durable)
            }
        }
        anchor.state = .open(bootID: bootID)
        try anchor.write(in: directory, secrets: secrets)
    }

    /// Ends the index cleanly: its final root is what the next opening must find.
    func end(_ index: SQLiteIndex) throws(RealmError) {
        try indexCall { () throws(IndexError) in try index.close() }
        let final = try indexCapsuleCall { () throws(CapsuleError) in
            _ = try index.capsule.finish()
            return try index.capsule.sync()
        }
        try FolderAnchor(state: .clean, commit: final).write(in: directory, secrets: secrets)
    }

    /// The sealed index as an object, with its name on storage.
    func openObject(writable: Bool) throws(RealmError) -> (object: any BackingObject, location: String) {
        let store = try openStore(create: false)
        let name = keys.objectName(of: identity.file)
        do throws(StoreError) {
            return (try store.open(name, writable: writable), store.location(of: name))
        } catch {
            throw error == .missing || error == .notAnObject
                ? RealmError(index: CapsuleError.store(error)) : RealmError(index: DirectoryStoreError.store(error))
        }
    }

    /// Copies the sealed index as it lies on storage into another place, also while it is written.
    ///
    /// As long as its first two pages stay the same, every page that the newest root refers to is in place
    /// (docs/formats/capsule.md, rule 1). Throws `failed` where they did not.
    func copyObject(into copy: IndexPlace) throws(RealmError) {
        let (object, _) = try openObject(writable: false)
        let store = try copy.openStore(create: true)
        let name = keys.objectName(of: identity.file)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        do throws(StoreError) {
            if try store.exists(name) { try store.remove(name) }
            let target = try store.create(name)
            var slots = [UInt8](repeating: 0, count: 8192)
            var offset: UInt64 = 0
            while true {
                let count = try object.read(into: buffer, at: offset)
                guard count > 0 else { break }
                if offset == 0 { slots = Array(buffer[..<min(count, slots.count)]) }
                try target.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
                offset += UInt64(count)
            }
            let count = try object.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<8192]), at: 0)
            guard buffer[..<count].elementsEqual(slots) else { throw StoreError.failed(errno: EAGAIN) }
        } catch .failed(errno: EAGAIN) {
            throw RealmError(
                .failed,
                "its index is written too fast to be copied; try again when less is written, or unmount it first")
        } catch {
            throw RealmError(index: DirectoryStoreError.store(error))
        }
    }

    private func openStore(create: Bool) throws(RealmError) -> DirectoryStore {
        do throws(DirectoryStoreError) { return try DirectoryStore(path: path, create: create) } catch {
            throw RealmError(index: error)
        }
    }
}
