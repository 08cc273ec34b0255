package import ArgusCore
internal import ArgusCrypto
internal import ArgusIndex
package import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// Making a realm from a backup.
///
/// 1. Nothing is written before the backup opens with what is given.
/// 2. `realm.json` comes last, after every file was found to be the one that the sealed manifest names: a directory
///    without it is no realm. After an error nothing of it stays.
extension Realm {
    /// Makes the realm in a new or empty directory. `unlock` is what opens the realm: passphrase, key file or recovery key.
    /// `storage`: directories, by the name of the folder, where storage outside the realm lies now.
    package static func restore(
        from backup: String, to path: String, unlock: Unlock, storage: [String: String] = [:],
        clock: any Clock = SystemClock(), journalLimits: JournalLimits = JournalLimits()
    ) throws(RealmError) -> (realm: Realm, storageElsewhere: [String]) {
        let reader = try BackupReader(path: backup)
        let first = try reader.next()
        guard first.name == RealmFile.name else { throw BackupReader.damaged }
        let bytes = try reader.content(first, maxByteCount: RealmFile.maxByteCount)
        let file = try RealmFile(decoding: bytes)
        let masterKey = try file.masterKey(unlock)
        try file.verify(bytes, masterKey: masterKey)
        let keys = RealmKeys(masterKey: masterKey, realm: try file.realmID())

        let place = try NewDirectory(path)
        do throws(RealmError) {
            let directory = try handle(at: path)
            try requireRoom(in: directory)
            clear(directory)
            do throws(RealmError) {
                try beginMaking(directory)
                try unpack(
                    reader, first: .init(name: first.name, size: first.size, hash: SHA256.hash(bytes)), into: directory,
                    keys: keys)
                try realmCall { () throws(SystemError) in
                    if fchmod(directory.descriptor, 0o700) != 0 { throw SystemError(errno: errno, call: "fchmod(2)") }
                    for name in subdirectories { _ = try directory.subdirectory(name, create: true, mode: 0o700) }
                }
                let realm = try Realm(
                    directory: directory, file: file, masterKey: masterKey, clock: clock, journalLimits: journalLimits)
                let elsewhere = try realm.prepareRestored(storage: storage)
                try realm.beginActs(after: file)
                try realm.recordingAct(.import, "realm restored from a backup") { () throws(RealmError) in
                    try realmCall { () throws(SystemError) in try directory.replaceFile(RealmFile.name, with: bytes) }
                }
                // What cannot be recorded now waits in the folder's record, and is before its first mount.
                for (handle, record) in try realm.records(skipsDamaged: false).found {
                    try? realm.recordPending(record, in: handle)
                }
                endMaking(directory)
                return (realm, elsewhere)
            } catch {
                clear(directory)
                throw error
            }
        } catch {
            place.undo()
            throw error
        }
    }

    /// What is known of the realm in a backup without a key.
    package static func inspect(backup: String) throws(RealmError) -> RealmSummary {
        let reader = try BackupReader(path: backup)
        let first = try reader.next()
        guard first.name == RealmFile.name else { throw BackupReader.damaged }
        let file = try RealmFile(decoding: try reader.content(first, maxByteCount: RealmFile.maxByteCount))
        return try RealmSummary(file)
    }

    private static func unpack(
        _ reader: BackupReader, first: BackupManifest.Item, into directory: DirectoryHandle, keys: RealmKeys
    ) throws(RealmError) {
        var found = BackupManifest()
        found.items.append(first)
        while true {
            let header = try reader.next()
            if header.name == BackupManifest.name {
                let sealed = try reader.content(header, maxByteCount: 1 << 30)
                let plain = try SealedRecord.open(
                    sealed, .backup, realm: keys.realm, folder: nil, key: keys.backup, damaged: BackupReader.damaged)
                guard BackupManifest(plain) == found else { throw BackupReader.damaged }
                return
            }
            guard BackupManifest.allows(header.name) else { throw BackupReader.damaged }
            found.items.append(
                .init(name: header.name, size: header.size, hash: try write(header, from: reader, below: directory)))
        }
    }

    /// Writes one file below the directory, with what is missing above it; returns its hash.
    private static func write(_ header: TarHeader, from reader: BackupReader, below directory: DirectoryHandle)
        throws(RealmError) -> [UInt8]
    {
        let parts = header.name.split(separator: "/").map(String.init)
        var parent = directory
        for name in parts.dropLast() {
            let above = parent
            parent = try realmCall { () throws(SystemError) in try above.subdirectory(name, create: true) }
        }
        let target = parent
        let file = try realmCall { () throws(SystemError) in
            try target.open(parts[parts.count - 1], flags: O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY)
        }
        var failure: RealmError?
        var offset: off_t = 0
        let output = file.rawValue
        let hash = SHA256.hash(reading: { buffer in
            do throws(RealmError) {
                let count = try reader.read(into: buffer)
                var done = 0
                while done < count {
                    let written = pwrite(output, buffer.baseAddress! + done, count - done, offset)
                    if written < 0, errno == EINTR { continue }
                    guard written > 0 else { throw RealmError(SystemError(errno: errno, call: "pwrite(2)")) }
                    done += written
                    offset += off_t(written)
                }
                return count
            } catch {
                failure = error
                return -1
            }
        })
        guard let hash else { throw failure ?? BackupReader.damaged }
        guard fsync(output) == 0 else { throw RealmError(SystemError(errno: errno, call: "fsync(2)")) }
        try realmCall { () throws(SystemError) in try target.sync() }
        return hash
    }

    /// Opens every folder's record and index, and gives each its lock and the storage that it has now. Returns where
    /// storage has to be brought.
    private func prepareRestored(storage: [String: String]) throws(RealmError) -> [String] {
        var elsewhere: [String] = []
        var unknown = storage
        for name in try realmCall({ () throws(SystemError) in try folderDirectory.names() }).sorted() {
            guard let folder = FolderID(hex: name) else { throw BackupReader.damaged }
            let handle = try folderHandle(name)
            let secrets = secrets(of: folder)
            var record = try FolderRecord.read(in: handle, secrets: secrets)
            try realmCall { () throws(SystemError) in try handle.replaceFile(FolderLock.fileName, with: []) }
            let keys = try secrets.unwrap(record.keys)
            let place = IndexPlace(directory: handle, record: record, keys: keys, secrets: secrets)
            let index = try place.open(writable: true)
            let hasCapsules = try indexCall { () throws(IndexError) in try Self.hasCapsules(index) }
            // The journal of a folder in use went on after its index was copied.
            try place.adopt(index, after: try newestIndexRoot(of: folder), [])
            if let directory = unknown.removeValue(forKey: record.name) {
                let relocation = FolderRelocation(record: record, keys: keys, hasCapsules: hasCapsules)
                try move(&record, by: relocation, to: directory)
                try record.write(in: handle, secrets: secrets)
            } else if record.storage != nil {
                elsewhere.append(FolderStorage(record, directory: handle).path)
            }
        }
        if let name = unknown.keys.min() {
            throw RealmError(.noSuchFolder, "is no folder of the backup; leave the option out", folder: name)
        }
        return elsewhere
    }

    private func move(_ record: inout FolderRecord, by relocation: FolderRelocation, to directory: String)
        throws(RealmError)
    {
        do throws(RealmError) {
            let store = try relocation.store(in: directory)
            record.storage = store
            record.pending.append(PendingChange(.policyApplied, "storage=\(store)", by: administrator()))
            record.revision += 1
        } catch {
            throw RealmError(error.kind, error.message, folder: record.name)
        }
    }

    private static func hasCapsules(_ index: SQLiteIndex) throws(IndexError) -> Bool {
        var isFound = false
        try index.forEachInode(from: InodeNumber(0)) { row in
            isFound = row.capsule != nil
            return !isFound
        }
        return isFound
    }
}
