internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusStore
internal import ArgusSystem

/// Giving a folder a new key.
extension Realm {
    /// Makes a new key generation. New files are sealed with it; the keys of all others are wrapped under it, which
    /// rewrites no content: at once in a folder that nobody uses, by its driver in one that is mounted, once that is told to
    /// reload.
    ///
    /// The new generation is durable first. Cut short, the rest is rewrapped by the next mount, or the next rotation.
    package func rotateKey(ofFolder name: String) throws(RealmError) -> FolderSummary {
        let lock: FolderLock?
        do throws(RealmError) {
            let (directory, record) = try find(name)
            lock = try takeLock(of: record.id, in: directory)
        } catch {
            guard error.kind == .folderInUse else { throw error }
            lock = nil
        }
        defer { lock?.release() }
        if lock != nil { try requireNewestIndex(ofFolder: name) }
        let (directory, record) = try withChangeLock { () throws(RealmError) in
            let (directory, found) = try find(name)
            var record = found
            record.keys = try secrets(of: record.id).rotate(record.keys)
            try store(record, replacing: found, in: directory, holding: lock)
            return (directory, try FolderRecord.read(in: directory, secrets: secrets(of: record.id)))
        }
        guard lock != nil else { return try summary(record, in: directory) }
        let folderSecrets = secrets(of: record.id)
        try KeyRewrapping(
            record, directory: directory, keys: try folderSecrets.unwrap(record.keys), secrets: folderSecrets
        ).run()
        return try summary(record, in: directory)
    }
}

/// Wraps the keys of all files of a folder at rest under the folder's newest key.
///
/// 1. Rows are dirty, durably, before their capsules change, and clean again once the capsules are durable: wherever it
///    is cut short, each capsule is one that its row allows.
/// 2. What has the newest key already is left alone, so that it can go on where it was cut short.
struct KeyRewrapping {
    /// Files rewrapped between two commits of the index.
    private static let batchCount = 256

    private let record: FolderRecord
    private let keys: FolderKeys
    private let place: IndexPlace
    private let directory: DirectoryHandle

    init(_ record: FolderRecord, directory: DirectoryHandle, keys: FolderKeys, secrets: FolderSecrets) {
        self.record = record
        self.directory = directory
        self.keys = keys
        place = IndexPlace(directory: directory, record: record, keys: keys, secrets: secrets)
    }

    func run() throws(RealmError) {
        let store = try FolderStorage(record, directory: directory).open(writable: true)
        let index = try place.open(writable: true)
        try place.noteOpen(index)
        let mayLag = try indexCall { () throws(IndexError) in
            let lags = try index.meta(.mayLag)
            let mounted = try index.meta(.mounted)
            return lags == [1] || mounted == [1]
        }
        var next = InodeNumber(0)
        while true {
            var batch: [InodeRow] = []
            var last: InodeNumber?
            try indexCall { () throws(IndexError) in
                try index.forEachInode(from: next) { row in
                    last = row.attributes.inode
                    // A capsule that never became durable is the next mount's to recover.
                    if let state = row.capsule, state.durableCommit > 0, state.keyGeneration < keys.current.generation {
                        batch.append(row)
                    }
                    return batch.count < Self.batchCount
                }
            }
            guard let last else { break }
            next = InodeNumber(last.rawValue + 1)
            if !batch.isEmpty { try rewrap(batch, in: store, index: index, mayLag: mayLag) }
        }
        let capsule = index.capsule
        capsule.rewrap(keys: keys)
        try indexCapsuleCall { () throws(CapsuleError) in
            _ = try capsule.commit(times: capsule.times, label: capsule.label, isOrdered: true)
        }
        try place.end(index)
    }

    private func rewrap(_ rows: [InodeRow], in store: DirectoryStore, index: SQLiteIndex, mayLag: Bool)
        throws(RealmError)
    {
        try commit(
            rows.map { row in
                var row = row
                row.capsule?.isDirty = true
                return row
            }, index)
        var rewrapped: [InodeRow] = []
        for row in rows {
            guard let state = row.capsule else { continue }
            var row = row
            do throws(CapsuleError) {
                row.capsule = CapsuleState(try rewrap(row.fileID, OpenExpectation(state, mayLag: mayLag), in: store))
            } catch {
                // What is damaged or missing keeps its row: a check tells, and the rest gets the new key.
                guard error.isTorn else { throw RealmError(content: error) }
            }
            rewrapped.append(row)
        }
        try commit(rewrapped, index)
    }

    private func rewrap(_ file: FileID, _ expectation: OpenExpectation, in store: DirectoryStore) throws(CapsuleError)
        -> CommitInfo
    {
        let object: any BackingObject
        do throws(StoreError) { object = try store.open(keys.objectName(of: file), writable: true) } catch {
            throw .store(error)
        }
        let capsule = try Capsule.open(
            object, identity: CapsuleIdentity(folder: record.id, file: file), keys: keys, expecting: expectation,
            writable: true
        ).capsule
        capsule.rewrap(keys: keys)
        _ = try capsule.commit(times: capsule.times, label: capsule.label)
        _ = try capsule.finish()
        return try capsule.sync()
    }

    private func commit(_ rows: [InodeRow], _ index: SQLiteIndex) throws(RealmError) {
        try indexCall { () throws(IndexError) in
            try index.apply(rows.map { .putInode($0) })
            try index.commit(.durable)
        }
    }
}
