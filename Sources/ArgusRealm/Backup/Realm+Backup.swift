internal import ArgusCapsule
package import ArgusCore
internal import ArgusCrypto
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// What a backup holds.
package struct BackupSummary: Sendable {
    package let realm: RealmID
    package var folderCount = 0
    package var fileCount = 0
    /// Where folders have storage outside the realm: it is in no backup.
    package var storageElsewhere: [String] = []
}

/// Keeping a realm in one file, also while its folders are in use (docs/formats/realm.md).
///
/// 1. Everything in a backup is sealed as it is in the realm: it opens with what opens the realm.
/// 2. An index in it is one that was whole at some moment, brought to rest in a copy. It is marked as one whose capsules
///    may be newer, and whose newest inode numbers may have been used: a restored realm takes newer files over, and uses
///    none of their numbers again.
/// 3. A backup that is not complete does not have its name.
extension Realm {
    private static let workPrefix = DirectoryHandle.temporaryPrefix + "backup-"
    private static let snapshotAttemptMax = 20

    /// Writes a backup to the new file `path`. Without `includesCapsules`, what lies in the realm of its folders'
    /// content is left out: then it has to be kept by other means.
    package func backup(to path: String, includesCapsules: Bool, progress: @escaping (UInt64) -> Void)
        throws(RealmError)
        -> BackupSummary
    {
        try recordingAct(.export, "backup of the realm") { () throws(RealmError) in
            // A file that went from one folder to another meanwhile would be in neither.
            try withMoveLock { () throws(RealmError) in
                try settlePendingMove()
                return try writeBackup(to: path, includesCapsules: includesCapsules, progress: progress)
            }
        }
    }

    private func writeBackup(to path: String, includesCapsules: Bool, progress: @escaping (UInt64) -> Void)
        throws(RealmError) -> BackupSummary
    {
        guard access(path, F_OK) != 0 else {
            throw RealmError(.failed, "exists already; choose another name for the backup")
        }
        let temporary = path + DirectoryHandle.temporaryPrefix
        let file: OwnedDescriptor
        do throws(SystemError) {
            file = try OwnedDescriptor.open(
                temporary, flags: O_RDWR | O_CREAT | O_TRUNC | O_NOCTTY | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw RealmError(.failed, "cannot be made (\(error.description)); choose another place for the backup")
        }
        do throws(RealmError) {
            let writer = BackupWriter(file, progress: progress)
            let summary = try write(to: writer, includesCapsules: includesCapsules)
            guard rename(temporary, path) == 0 else {
                throw RealmError(SystemError(errno: errno, call: "rename(2)"))
            }
            if let parent = try? DirectoryHandle(path: path + "/..") { try? parent.sync() }
            return summary
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private func write(to writer: BackupWriter, includesCapsules: Bool) throws(RealmError) -> BackupSummary {
        var summary = BackupSummary(realm: id)
        // Records and indexes together, while nothing is changed in the realm itself.
        let stores = try withChangeLock { () throws(RealmError) in
            clearBackupWork()
            defer { clearBackupWork() }
            for name in [RealmFile.name, PersonsRecord.fileName] {
                guard try writer.add(name, from: name, in: directory, isCapsule: false) else { throw RealmFile.damaged }
            }
            var stores: [(name: String, path: String)] = []
            for name in try realmCall({ () throws(SystemError) in try folderDirectory.names() }).sorted() {
                guard let folder = FolderID(hex: name) else { continue }
                let handle = try folderHandle(name)
                let record = try FolderRecord.read(in: handle, secrets: secrets(of: folder))
                try add(record, in: handle, to: writer)
                let storage = FolderStorage(record, directory: handle)
                if storage.isElsewhere {
                    summary.storageElsewhere.append(storage.path)
                } else {
                    stores.append((name, storage.path))
                }
                summary.folderCount += 1
            }
            return stores
        }
        for (name, path) in stores {
            let place = "\(Self.foldersName)/\(name)/\(FolderStorage.storeName)"
            try addStore(path, as: place, to: writer, includesCapsules: includesCapsules)
        }
        try addJournal(to: writer)
        try writer.finish(key: keys.backup, realm: id)
        summary.fileCount = writer.manifest.items.count
        return summary
    }

    private func add(_ record: FolderRecord, in handle: DirectoryHandle, to writer: BackupWriter) throws(RealmError) {
        let secrets = secrets(of: record.id)
        let place = "\(Self.foldersName)/\(record.id.hex)"
        guard
            try writer.add(
                "\(place)/\(FolderRecord.fileName)", from: FolderRecord.fileName, in: handle, isCapsule: false)
        else { throw FolderRecord.damaged }
        let work = try realmCall { () throws(SystemError) in
            try directory.subdirectory(Self.workPrefix + record.id.hex, create: true)
        }
        try snapshot(record, from: handle, into: work, secrets: secrets)
        guard
            try writer.add("\(place)/\(FolderAnchor.fileName)", from: FolderAnchor.fileName, in: work, isCapsule: false)
        else { throw FolderAnchor.damaged }
        try addStore(
            "\(work.path)/\(IndexPlace.storeName)", as: "\(place)/\(IndexPlace.storeName)", to: writer,
            includesCapsules: true)
    }

    /// Makes an index at rest in `work`, with its anchor, as the folder's was at one moment.
    private func snapshot(
        _ record: FolderRecord, from handle: DirectoryHandle, into work: DirectoryHandle, secrets: FolderSecrets
    ) throws(RealmError) {
        let keys = try secrets.unwrap(record.keys)
        let original = IndexPlace(directory: handle, record: record, keys: keys, secrets: secrets)
        let copy = IndexPlace(directory: work, record: record, keys: keys, secrets: secrets)
        // Before the index is copied, which may be newer. A restored one is taken for the newest.
        let known = try newestIndexRoot(of: record.id)
        var failure: RealmError?
        for _ in 0..<Self.snapshotAttemptMax {
            do throws(RealmError) {
                let anchor = try FolderAnchor.read(in: handle, secrets: secrets)
                try anchor.write(in: work, secrets: secrets)
                try original.copyObject(into: copy)
                let index = try copy.open(writable: true)
                if let rollback = try IndexRollback(index, known: known) { throw rollback.error }
                let marks = try IndexPlace.marksOfOlder(index)
                try indexCall { () throws(IndexError) in
                    try index.apply(marks + [.putMeta(key: .inBackup, value: [1])])
                    try index.commit(.durable)
                }
                let findings = try indexCall { () throws(IndexError) in try index.verify() }
                guard findings.isEmpty else { throw FolderAnchor.damaged }
                try copy.end(index)
                return
            } catch {
                // A folder in use may have moved on meanwhile; one at rest is damaged.
                failure = error
                guard FolderLock.holder(in: handle) != nil else { throw error }
                usleep(100_000)
            }
        }
        throw failure ?? FolderAnchor.damaged
    }

    private func addStore(_ path: String, as place: String, to writer: BackupWriter, includesCapsules: Bool)
        throws(RealmError)
    {
        let root: DirectoryHandle
        do throws(SystemError) { root = try DirectoryHandle(path: path) } catch { throw RealmError(error) }
        guard
            try writer.add(
                "\(place)/\(DirectoryStore.markerName)", from: DirectoryStore.markerName, in: root, isCapsule: false)
        else { throw RealmError(.damaged, "the store of a folder has no marker; see `argusfs check`") }
        guard includesCapsules else { return }
        for shard in try realmCall({ () throws(SystemError) in try root.names() }).sorted() where shard.utf8.count == 2
        {
            let objects = try realmCall { () throws(SystemError) in try root.subdirectory(shard) }
            for object in try realmCall({ () throws(SystemError) in try objects.names() }).sorted()
            where ObjectName(place: shard + object) != nil {
                _ = try writer.add("\(place)/\(shard)/\(object)", from: object, in: objects, isCapsule: true)
            }
        }
    }

    private func addJournal(to writer: BackupWriter) throws(RealmError) {
        let spool = try realmCall { () throws(SystemError) in try directory.subdirectory(Self.journalName) }
        for name in try realmCall({ () throws(SystemError) in try spool.names() }).sorted() where !name.hasPrefix(".") {
            let place = "\(Self.journalName)/\(name)"
            guard let stream = try? spool.subdirectory(name) else {
                _ = try writer.add(place, from: name, in: spool, isCapsule: false)
                continue
            }
            // The oldest segment first, each from its header on: what is written meanwhile comes on top.
            let segments = try realmCall { () throws(SystemError) in try stream.names() }
            for segment in segments.sorted() where !segment.hasPrefix(".") {
                _ = try writer.add("\(place)/\(segment)", from: segment, in: stream, isCapsule: false)
            }
        }
    }

    /// Removes what a backup that was cut short left in the realm.
    private func clearBackupWork() {
        for name in (try? directory.names()) ?? [] where name.hasPrefix(Self.workPrefix) {
            try? directory.removeTree(name)
        }
    }
}

extension ObjectName {
    /// The object whose shard and name in it are these digits, one after the other.
    fileprivate init?(place: String) {
        guard place.utf8.count == 32, let identifier = Identifier<ObjectNameKind>(hex: place) else { return nil }
        self.init(identifier)
    }
}
