internal import ArgusCapsule
internal import ArgusCore
package import ArgusFS
internal import ArgusIdentity
internal import ArgusIndex
package import ArgusJournal
internal import ArgusPolicy
internal import ArgusStore
package import ArgusSystem

/// How a folder is opened.
package enum FolderMode: Hashable, Sendable {
    /// For a driver: exclusive, reading and writing.
    case mount
    /// For a driver: exclusive. Only the journal is written.
    case mountReadOnly
    /// To look: beside others who look. Nothing is written.
    case inspect
}

/// A folder open in this process: its lock, and the parts of its file system.
///
/// It keeps the folder's own keys and none of the realm's.
package final class OpenFolder: Sendable {
    package let summary: FolderSummary
    let mode: FolderMode
    private let directory: DirectoryHandle
    let realmDirectory: DirectoryHandle
    private let secrets: FolderSecrets
    private let realmKeys: RealmKeys
    let identity: PersonDirectory
    private let folderLock: FolderLock
    let index: SQLiteIndex
    let place: IndexPlace
    let store: DirectoryStore
    private let journal: Journal?
    /// Held by a check.
    let checks = LongLock()
    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var isClosed = false
    /// What a `Volume` is made of.
    package let parts: FolderParts

    /// `isMoving`: by who moves a file between folders, or completes that.
    init(
        _ name: String, of realm: Realm, mode: FolderMode, waitMilliseconds: Int = 0, needsRoom: Bool = false,
        isMoving: Bool = false
    ) throws(RealmError) {
        let (directory, found) = try realm.find(name)
        let folderLock =
            try mode == .inspect || isMoving
            ? FolderLock.take(in: directory, exclusive: mode != .inspect, waitMilliseconds: waitMilliseconds)
            : realm.takeLock(of: found.id, in: directory, waitMilliseconds: waitMilliseconds)
        do throws(RealmError) {
            // What was found before may be old by now, or deleted.
            let (_, record) = try realm.find(name)
            let secrets = realm.secrets(of: record.id)
            let keys = try secrets.unwrap(record.keys)
            if mode == .mount, let changeLock = try realm.changeLock(waits: false) {
                try? directory.removeTemporaries()
                try? realm.directory.removeTree(Self.checkName(record.id))
                withExtendedLifetime(changeLock) {}
            }
            let storage = FolderStorage(record, directory: directory)
            let store = try storage.open(writable: mode == .mount)
            if needsRoom, mode == .mount { try storage.requireRoom(in: store) }
            let place = IndexPlace(directory: directory, record: record, keys: keys, secrets: secrets)
            let index: SQLiteIndex
            do throws(RealmError) { index = try place.open(writable: mode == .mount) } catch {
                if mode != .inspect, error.kind == .indexDamaged { Self.record(error, of: record, realm: realm) }
                throw error
            }
            let journal = mode == .inspect ? nil : try Self.startJournal(of: record, realm: realm, index: index)
            do throws(RealmError) {
                if let journal, let rollback = try IndexRollback(index, known: journal.newestIndexRoot) {
                    Self.record(rollback.error, in: journal)
                    throw rollback.error
                }
                index.whenDurable = { [weak journal] in journal?.noteDurable(IndexMark($0)) }
                if mode == .mount { try place.noteOpen(index) }
                if let journal, !record.pending.isEmpty {
                    let changeLock = try realm.changeLock(waits: true)
                    defer { withExtendedLifetime(changeLock) {} }
                    let newest = try FolderRecord.read(in: directory, secrets: secrets)
                    try Self.settle(newest, in: directory, of: secrets, journal: journal)
                }
            } catch {
                try? journal?.close()
                throw error
            }
            self.summary = try realm.summary(record, in: directory)
            self.mode = mode
            self.directory = directory
            self.realmDirectory = realm.directory
            self.secrets = secrets
            self.realmKeys = realm.keys
            self.identity = realm.identity
            self.folderLock = folderLock
            self.index = index
            self.place = place
            self.store = store
            self.journal = journal
            self.parts = FolderParts(
                folder: record.id, index: index, store: store, keys: keys, policy: LivePolicy(record.policy),
                people: RealmPeople(realm.identity), journal: journal ?? ClosedJournal(), clock: realm.clock)
        } catch {
            folderLock.release()
            throw error
        }
    }

    /// Under it this folder's driver and those of the realm's other folders compare contents.
    package var copiesKey: SecretBytes { realmKeys.copies }

    /// Reads members, settings and keys again, after another process has changed them. Policy and settings change at
    /// once for all who have `parts`, and so do new keys; `Volume.rewrapFiles` then gives them to files that have older ones.
    package func reload() throws(RealmError) {
        let record = try realmDirectory.withChangeLock { () throws(RealmError) in
            let record = try FolderRecord.read(in: directory, secrets: secrets)
            if let journal, !record.pending.isEmpty {
                try Self.settle(record, in: directory, of: secrets, journal: journal)
            }
            return record
        }
        let keys = try secrets.unwrap(record.keys)
        identity.update(persons: try PersonsRecord.read(in: realmDirectory, keys: realmKeys))
        journal?.setMode(record.isStrict ? .strict : .normal)
        let parts = parts
        parts.policy.replace(with: record.policy)
        guard keys.current.generation > parts.keys.current.generation else { return }
        parts.liveKeys.replace(with: keys)
        // The index's own capsule gets the new key with its next commit.
        index.capsule.rewrap(keys: keys)
    }

    /// The newest records that the folder's index and its record know, and the one that the journal open here has.
    package func journalHeads() throws(RealmError) -> [JournalHead] {
        var known: [JournalMark] = []
        if let journal {
            known.append(journal.head())
        } else if let head = try indexCall({ () throws(IndexError) in try index.meta(.journalHead) }),
            let indexed = Self.journalHead(head)
        {
            known.append(indexed)
        }
        let record = try FolderRecord.read(in: directory, secrets: secrets)
        if let head = record.journalHead?.mark { known.append(head) }
        return known.map { JournalHead(folder: summary.id, $0) }
    }

    /// After `Volume.shutDown`: ends index and journal, keeps the index's final root in the anchor, gives up the lock.
    ///
    /// With `isClean` false, or after an error, the folder stays marked as not cleanly ended; the lock is given up all
    /// the same.
    package func close(isClean: Bool = true) throws(RealmError) {
        let wasClosed = lock.withLock {
            defer { isClosed = true }
            return isClosed
        }
        if wasClosed { return }
        defer { folderLock.release() }
        var failure: RealmError?
        do throws(RealmError) {
            if mode == .mount, isClean {
                try place.end(index)
                // The anchor has it durably: the journal's last record names it.
                journal?.noteDurable(index.newestRoot)
            } else {
                try indexCall { () throws(IndexError) in try index.close() }
            }
        } catch {
            failure = error
            // The record of the volume says that all of it became durable.
            try? journal?.append(
                AuditEvent(
                    activity: .unmount, status: .failure, actor: AuditActor(uid: .max, person: "", process: .none),
                    reason: "the index could not be ended"))
        }
        do throws(JournalError) { try journal?.close() } catch { failure = failure ?? RealmError(error) }
        if let failure { throw failure }
    }

    /// Calls `body` for the subtree at `path` until it returns false; see `ListingRow`.
    package func listing(_ path: [UInt8], _ body: (ListingRow) -> Bool) throws(RealmError) {
        try tree.list(path, body)
    }

    /// Records that the folder is not opened because of what was found.
    private static func record(_ error: RealmError, of record: FolderRecord, realm: Realm) {
        guard let journal = try? startJournal(of: record, realm: realm, index: nil) else { return }
        Self.record(error, in: journal)
        try? journal.close()
    }

    private static func record(_ error: RealmError, in journal: Journal) {
        try? journal.append(
            AuditEvent(
                activity: .integrity, status: .failure,
                actor: AuditActor(uid: .max, person: "", process: .none), reason: error.finding))
    }

    /// Without an index the journal goes on from what it finds.
    static func startJournal(of record: FolderRecord, realm: Realm, index: SQLiteIndex?) throws(RealmError)
        -> Journal
    {
        let head = try indexCall { () throws(IndexError) in try index?.meta(.journalHead) }
        let spool = try realmCall { () throws(SystemError) in try realm.directory.subdirectory(Realm.journalName) }
        do throws(JournalError) {
            return try Journal(
                directory: spool, keys: JournalKeys.derive(masterKey: realm.masterKey, realm: realm.id),
                folder: record.id, device: realm.device, mode: record.isStrict ? .strict : .normal,
                limits: realm.journalLimits, clock: realm.clock, expecting: head.flatMap(journalHead))
        } catch {
            throw RealmError(error)
        }
    }

    /// The value of `MetaKey.journalHead`; nil where it is none.
    static func journalHead(_ value: [UInt8]) -> JournalMark? {
        let (hashEnd, streamEnd) = (40, 56)
        guard value.count == hashEnd || value.count == streamEnd else { return nil }
        let sequence = value[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let stream = value.count == streamEnd ? StreamID(hex: Hex.encode(value[hashEnd...])) : nil
        return JournalMark(stream: stream, sequence: sequence, hash: Array(value[8..<hashEnd]))
    }
}

extension Realm {
    /// Opens a folder, waiting up to `waitMilliseconds` for another process to give it up.
    ///
    /// With `needsRoom`, full storage is refused before anything is changed there.
    package func openFolder(
        named name: String, mode: FolderMode, waitMilliseconds: Int = 0, needsRoom: Bool = false
    ) throws(RealmError) -> OpenFolder {
        try OpenFolder(name, of: self, mode: mode, waitMilliseconds: waitMilliseconds, needsRoom: needsRoom)
    }
}

/// The journal of a folder that is only looked at: nothing is done in it that could be recorded.
private final class ClosedJournal: JournalSink {
    func append(_ event: AuditEvent) throws(JournalError) { throw .closed }
    func reserve(_ event: AuditEvent) throws(JournalError) -> JournalReservation { throw .closed }
    func append(_ event: AuditEvent, using reservation: JournalReservation) throws(JournalError) { throw .closed }
    func release(_ reservation: JournalReservation) {}
    func sync() throws(JournalError) { throw .closed }
    func head() -> JournalMark { JournalMark(stream: nil, sequence: 0, hash: []) }
}
