internal import ArgusCore
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// Where a folder's capsules lie: a store beside its record, or one elsewhere that has the folder's id for a name.
struct FolderStorage: Sendable {
    static let storeName = "store"
    /// How long a store is waited for that the process before has not given back yet.
    private static let lockWaitMilliseconds = 2000
    private static let pollMilliseconds = 50

    let path: String
    /// Whether it lies outside the realm, where a copy of the realm could use it at the same time.
    let isElsewhere: Bool

    init(_ record: FolderRecord, directory: DirectoryHandle) {
        isElsewhere = record.storage != nil
        path = record.storage ?? "\(directory.path)/\(Self.storeName)"
    }

    /// The place below the operator's `directory` for a new folder: absolute, without links.
    static func place(for folder: FolderID, in directory: String) throws(RealmError) -> String {
        guard let resolved = realpath(directory, nil) else {
            throw RealmError(
                .storageMissing, "the storage directory does not exist; make it, or mount the disk that holds it")
        }
        defer { free(resolved) }
        var status = stat()
        guard stat(resolved, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw RealmError(.storageMissing, "the storage is no directory; give the path of one")
        }
        guard access(resolved, W_OK) == 0 else { throw Self.refusal() }
        return "\(String(cString: resolved))/\(folder.hex)"
    }

    func create() throws(RealmError) {
        do throws(DirectoryStoreError) { _ = try DirectoryStore(path: path, create: true) } catch {
            throw isElsewhere ? RealmError(storage: error) : RealmError(realmStore: error)
        }
    }

    /// Opens the store; for writing it becomes this process's alone.
    func open(writable: Bool) throws(RealmError) -> DirectoryStore {
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds() + UInt64(Self.lockWaitMilliseconds) * 1_000_000
        while true {
            do throws(DirectoryStoreError) {
                let store = try DirectoryStore(path: path, create: false, locked: writable && isElsewhere)
                if writable, access(path, W_OK) != 0 { throw DirectoryStoreError.store(.readOnly) }
                return store
            } catch .busy where clock.monotonicNanoseconds() < deadline {
                usleep(UInt32(Self.pollMilliseconds) * 1000)
            } catch {
                throw RealmError(storage: error)
            }
        }
    }

    /// What a check says of storage that is there and whose marker is not one; nil where the marker is not what is wrong.
    func alteredMarker() -> CheckFinding? {
        let marker = "\(path)/\(DirectoryStore.markerName)"
        guard access(marker, F_OK) == 0 else { return nil }
        do throws(DirectoryStoreError) { _ = try DirectoryStore(path: path, create: false) } catch {
            switch error {
            case .notAStore, .newerFormat:
                return CheckFinding(
                    .damaged, "\(marker) is not the marker of a store of this version, and nothing else was looked at",
                    advice: "where no later version uses the folder, write the line `argus-store 1` into it")
            default: return nil
            }
        }
        return nil
    }

    /// Less than this is no room to work in: one small file takes more with its directory and the file system's own.
    private static let roomMinByteCount: UInt64 = 64 << 10

    /// Throws where the store is full for this process. What an unclean end left reserved there is given back first.
    func requireRoom(in store: DirectoryStore) throws(RealmError) {
        func hasRoom() throws(StoreError) -> Bool {
            let space = try store.space()
            // Some network file systems tell nothing.
            if space.totalBytes == 0 { return true }
            return (geteuid() == 0 ? space.freeBytes : space.availableBytes) >= Self.roomMinByteCount
        }
        do throws(StoreError) {
            if try hasRoom() { return }
            try store.releaseReserve()
            if try hasRoom() { return }
        } catch {
            throw RealmError(storage: error)
        }
        throw RealmError(
            .storageFull, "its storage is full; free space there, or mount it with -o allow_full to read and delete")
    }

    /// Removes the store with all that is in it. What cannot be reached stays: without keys nothing of it can be read.
    func remove() {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return }
        guard let parent = try? DirectoryHandle(path: String(path[..<slash])) else { return }
        try? parent.removeTree(String(path[path.utf8.index(after: slash)...]))
        try? parent.sync()
    }

    private static func refusal() -> RealmError {
        RealmError(storage: StoreError(errno: errno))
    }
}

extension RealmError {
    /// A failed operation on a store inside the realm.
    init(realmStore error: DirectoryStoreError) {
        switch error {
        case .store(.full): self.init(.full, "the realm's storage is full; free space there and try again")
        case .store(.readOnly): self.init(.readOnly, "the realm's storage refuses writes; remount it writable")
        default: self.init(storage: error)
        }
    }
}
