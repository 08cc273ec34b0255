internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// A folder at rest, held so that nobody mounts it meanwhile.
package final class FolderAdministration {
    let directory: DirectoryHandle
    let record: FolderRecord
    let secrets: FolderSecrets
    let keys: FolderKeys
    let place: IndexPlace
    /// The journal's directory, and what reads it.
    let spool: DirectoryHandle
    let auditKeys: JournalAuditKeys
    private let realm: Realm
    private let lock: FolderLock
    private var isClosed = false

    init(_ name: String, of realm: Realm) throws(RealmError) {
        let (found, known) = try realm.find(name)
        let lock = try realm.takeLock(of: known.id, in: found)
        do throws(RealmError) {
            // Read under the lock: what was found before may be old by now, or deleted.
            let (directory, record) = try realm.find(name)
            let secrets = realm.secrets(of: record.id)
            let keys = try secrets.unwrap(record.keys)
            self.directory = directory
            self.record = record
            self.secrets = secrets
            self.keys = keys
            spool = try realmCall { () throws(SystemError) in try realm.directory.subdirectory(Realm.journalName) }
            auditKeys = JournalAuditKeys.derive(masterKey: realm.masterKey, realm: realm.id)
            self.realm = realm
            self.lock = lock
            place = IndexPlace(directory: directory, record: record, keys: keys, secrets: secrets)
        } catch {
            lock.release()
            throw error
        }
    }

    /// Examines everything that the folder consists of: the index, each capsule against its row, and what lies on
    /// storage besides. Throws only where that could not be done.
    ///
    /// With `repair`, what an unclean end left is brought in order and what belongs to nobody is removed. Nothing that
    /// can still be read is lost by it, and nothing is written without it.
    package func check(repair: Bool, progress: (CheckProgress) -> Void) throws(RealmError) -> [CheckFinding] {
        let storage = FolderStorage(record, directory: directory)
        let store: DirectoryStore
        do throws(RealmError) { store = try storage.open(writable: repair) } catch {
            if let finding = storage.alteredMarker() { return [finding] }
            throw error
        }
        return try withoutActuallyEscaping(progress) { progress throws(RealmError) in
            let folder = CheckedFolder(
                id: record.id, place: place, original: nil, store: store, keys: keys, journal: (spool, auditKeys),
                volume: nil)
            let check = FolderCheck(folder: folder, repairs: repair) { step in
                progress(step)
                return true
            }
            return try check.run()
        }
    }

    /// Takes an index that is older than the journal knows, or from a backup, for the newest, and records that. Nil where it is none such.
    ///
    /// Files may then be newer than the index has them, and those that it does not know belong to nobody: a check names
    /// them.
    package func accept() throws(RealmError) -> CheckFinding? {
        let index = try place.open(writable: true)
        let known = try realm.newestIndexRoot(of: record.id)
        guard let rollback = try IndexRollback(index, known: known) else {
            try indexCall { () throws(IndexError) in try index.close() }
            return nil
        }
        let journal = try OpenFolder.startJournal(of: record, realm: realm, index: index)
        do throws(RealmError) {
            // First: nothing is taken for the newest of which the journal does not tell.
            do throws(JournalError) {
                try journal.append(
                    AuditEvent(
                        activity: .recover, status: .success, actor: realm.administrator(), place: .top,
                        reason: "accepted as it is: \(rollback.detail)"))
                try journal.sync()
            } catch {
                throw RealmError(error)
            }
            try place.adopt(index, after: known, IndexPlace.marksOfOlder(index))
            journal.noteDurable(index.newestRoot)
        } catch {
            try? journal.close()
            throw error
        }
        do throws(JournalError) { try journal.close() } catch { throw RealmError(error) }
        return CheckFinding(
            .rolledBack, rollback.detail, advice: "accepted as it is, as the journal tells", isRepaired: true)
    }

    /// Gives the folder up.
    package func close() {
        if isClosed { return }
        isClosed = true
        lock.release()
    }

    deinit { close() }
}

extension Realm {
    /// Takes a folder that is not mounted for checks. Throws `folderInUse` while somebody uses it.
    package func administration(ofFolder name: String) throws(RealmError) -> FolderAdministration {
        try FolderAdministration(name, of: self)
    }
}
