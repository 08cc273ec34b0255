package import ArgusCore
package import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// What is done to the realm as a whole: persons, keys that open it, backups, the making and the end of folders. It is
/// recorded in a journal of its own, which is no folder's.
///
/// 1. The duty to record is on disk before the act (`announce`); it is forgotten only when the record is (`settle`).
/// 2. So after a crash an act may be recorded that was cut short, and says so; none is missing.
/// 3. Where the file of acts was taken away, altered or put back, the next act records that and begins it anew (`renew`).
extension Realm {
    /// Stands for the realm itself where records name a folder.
    package static let actsFolder = FolderID(high: 0, low: 0)

    /// Runs `body`, which must not be under the change lock, and records how it ended.
    func recordingAct<R>(
        _ activity: AuditActivity, _ reason: String, path: String? = nil, _ body: () throws(RealmError) -> R
    ) throws(RealmError) -> R {
        let act = PendingChange(activity, reason, by: administrator(), path: path)
        try withChangeLock { () throws(RealmError) in try announce(act) }
        func settle(_ status: AuditStatus) {
            try? withChangeLock { () throws(RealmError) in try settleActs(act, status: status) }
        }
        do throws(RealmError) {
            let result = try body()
            settle(.success)
            return result
        } catch {
            settle(.failure)
            throw error
        }
    }

    /// Records that somebody was refused. What could not be recorded stays refused.
    package func recordDenial(_ reason: String) {
        try? recordingAct(.denied, reason) { () throws(RealmError) in throw RealmError(.notPermitted, reason) }
    }

    /// Who runs this process.
    func administrator() -> AuditActor {
        RealmPeople(identity, recordsDigests: false).actor(uid: geteuid(), gid: getegid(), pid: UInt32(getpid()))
    }

    // MARK: Under the change lock

    /// Makes the duty to record an act durable.
    func announce(_ act: PendingChange) throws(RealmError) {
        var record = try actsToChange()
        record.pending.append(act)
        try write(acts: &record)
    }

    /// Keeps of a folder that is being deleted the heads of its journal, with the duty to record it. Does nothing where
    /// that is known already.
    func announce(deletionOf id: FolderID, _ removal: PendingChange) throws(RealmError) {
        // As it was left: what is begun anew takes each folder that is no more for one that was deleted.
        if (try? readActs())?.folder(id)?.deleted != nil { return }
        var record = try actsToChange()
        let heads = try spoolHeads(of: id).map(\.mark)
        record.note(deleted: id, at: clock.now(), heads: heads)
        record.pending.append(removal.finished(of: id, heads: heads))
        try write(acts: &record)
    }

    /// Brings what waits into the journal. Where that cannot be written, it waits for the next act.
    func settleActs(_ own: PendingChange? = nil, status: AuditStatus = .success) throws(RealmError) {
        var record = try actsToChange()
        if let own {
            guard let place = record.pending.lastIndex(of: own) else { return }
            record.pending.remove(at: place)
        } else if record.pending.isEmpty {
            return
        }
        let journal = try startActsJournal(after: record)
        do throws(JournalError) {
            for change in record.pending {
                var event = change.event
                // Another process began it: perhaps it is at it still, and records it once more.
                if change.isFinished != true { event.reason += " (was cut short, or goes on)" }
                try journal.append(event)
            }
            if let own {
                var event = own.event
                event.status = status
                try journal.append(event)
            }
            try journal.sync()
            record.pending = []
            record.head = FolderRecord.Head(journal.head())
        } catch {
            try? journal.close()
            throw RealmError(error)
        }
        try write(acts: &record)
        do throws(JournalError) { try journal.close() } catch { throw RealmError(error) }
    }

    /// The record of acts as it has to be before it is changed: with all folders that there are, and anew where it was
    /// lost.
    private func actsToChange() throws(RealmError) -> ActsRecord {
        var record: ActsRecord
        do throws(RealmError) {
            record = try readActs()
        } catch {
            guard error.kind == .damaged else { throw error }
            record = try renewedActs(revision: (try actsRevision() ?? 0) + 1)
            record.pending.append(PendingChange(.integrity, error.message, by: administrator()).finished())
        }
        if record.folders == nil { record.folders = try renewedActs(revision: 0).folders }
        try note(foldersIn: &record)
        return record
    }

    /// Lists the folders that there are and that it does not know.
    private func note(foldersIn record: inout ActsRecord) throws(RealmError) {
        for id in try folderIDs() where record.folder(id) == nil {
            let found = try? FolderRecord.read(in: folderHandle(id.hex), secrets: secrets(of: id))
            record.note(id, made: found?.created)
        }
    }

    /// What realm and spool still tell.
    private func renewedActs(revision: UInt64) throws(RealmError) -> ActsRecord {
        var record = ActsRecord(revision: revision, folders: [])
        let present = try folderIDs()
        try note(foldersIn: &record)
        let heads = try spoolHeads(of: nil)
        for (id, own) in Dictionary(grouping: heads, by: \.folder) {
            if id == Self.actsFolder {
                // There is one, unless writers were at work side by side.
                record.head = own.last.map { FolderRecord.Head($0.mark) }
            } else if !present.contains(id) {
                record.note(deleted: id, at: clock.now(), heads: own.map(\.mark))
            }
        }
        return record
    }

    /// A realm that was restored from a backup has no file of acts, and its `realm.json` may ask for one.
    func beginActs(after file: RealmFile) throws(RealmError) {
        var record = try renewedActs(revision: file.acts ?? 0)
        try write(acts: &record)
    }

    private func write(acts record: inout ActsRecord) throws(RealmError) {
        let revision = (record.revision ?? 0) + 1
        record.revision = revision
        try record.write(in: directory, keys: keys)
        // Never ahead of the file; where it cannot follow now, the next act brings it.
        try? changeRealmFile { $0.acts = revision }
    }

    /// The revision that the file of acts has at least; nil where there need be none, in a realm that is being made or
    /// that nothing was done to since an earlier version.
    private func actsRevision() throws(RealmError) -> UInt64? {
        do throws(RealmError) {
            let (file, bytes) = try RealmFile.read(in: directory)
            try file.verify(bytes, masterKey: masterKey)
            return file.acts
        } catch {
            guard error.kind == .notARealm else { throw error }
            return nil
        }
    }

    /// Throws `damaged` where the file is not the one that the realm left.
    private func readActs() throws(RealmError) -> ActsRecord {
        let expected = try actsRevision()
        guard let record = try ActsRecord.read(in: directory, keys: keys) else {
            if expected == nil { return ActsRecord() }
            throw ActsRecord.missing
        }
        if let expected, record.revision ?? 0 < expected { throw ActsRecord.older }
        return record
    }

    private func folderIDs() throws(RealmError) -> Set<FolderID> {
        Set(try realmCall { () throws(SystemError) in try folderDirectory.names() }.compactMap { FolderID(hex: $0) })
    }

    private func journalDirectory() throws(RealmError) -> DirectoryHandle {
        try realmCall { () throws(SystemError) in try directory.subdirectory(Self.journalName) }
    }

    /// The heads that stand for what the spool has. A stream that does not fit has none; verifying tells of it.
    private func spoolHeads(of folder: FolderID?) throws(RealmError) -> [JournalHead] {
        let keys = JournalAuditKeys.derive(masterKey: masterKey, realm: id)
        let spool = SpoolHeads(directory: try journalDirectory(), keys: keys)
        do throws(JournalFinding) { return try spool.read(folder: folder, witness: .realm).heads } catch {
            throw RealmError(.failed, "the journal cannot be read: \(error.message)")
        }
    }

    private func startActsJournal(after record: ActsRecord) throws(RealmError) -> Journal {
        let spool = try journalDirectory()
        do throws(JournalError) {
            return try Journal(
                directory: spool, keys: JournalKeys.derive(masterKey: masterKey, realm: id), folder: Self.actsFolder,
                device: device, limits: journalLimits, clock: clock, expecting: record.knownHead)
        } catch {
            throw RealmError(error)
        }
    }

    // MARK: What the journal must have

    /// What the realm remembers of its journals, at one moment.
    package func journalMemory() throws(RealmError) -> JournalMemory {
        try withChangeLock { () throws(RealmError) in
            var memory = JournalMemory()
            let record: ActsRecord
            do throws(RealmError) {
                record = try readActs()
            } catch {
                memory.findings.append(.init(folder: Self.actsFolder, message: error.message))
                return memory
            }
            if let head = record.knownHead {
                memory.heads.append(JournalHead(folder: Self.actsFolder, head, witness: .realm))
            }
            let names = Set(try realmCall { () throws(SystemError) in try folderDirectory.names() })
            for folder in record.folders ?? [] {
                guard let id = FolderID(hex: folder.id) else { continue }
                if let made = folder.made { memory.made[id] = Timestamp(seconds: made, nanoseconds: 0) }
                if folder.deleted != nil {
                    memory.heads += folder.heads.compactMap(\.mark).map { JournalHead(folder: id, $0, witness: .realm) }
                } else if !names.contains(folder.id) {
                    note(id, goneFrom: names, &memory)
                }
            }
            return memory
        }
    }

    /// A folder that is none any more, and not known to be deleted: its deletion was begun, or somebody took it away.
    private func note(_ id: FolderID, goneFrom names: Set<String>, _ memory: inout JournalMemory) {
        let deleted = Self.deletedPrefix + id.hex
        guard names.contains(deleted), let directory = try? folderHandle(deleted),
            let record = try? FolderRecord.read(in: directory, secrets: secrets(of: id))
        else {
            memory.findings.append(
                .init(folder: id, message: "the folder is gone, and nothing says that it was deleted"))
            return
        }
        if let head = record.journalHead?.mark {
            memory.heads.append(JournalHead(folder: id, head, witness: .realm))
        }
    }
}

/// What a realm remembers of the journals in its spool.
package struct JournalMemory: Sendable {
    package struct Finding: Sendable {
        package let folder: FolderID
        /// One line without names.
        package let message: String
    }

    /// Records that must be there.
    package var heads: [JournalHead] = []
    /// When folders were made. A driver cannot change it, as it could its folder's own record.
    package var made: [FolderID: Timestamp] = [:]
    package var findings: [Finding] = []
}
