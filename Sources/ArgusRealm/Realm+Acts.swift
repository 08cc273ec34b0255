package import ArgusCore
package import ArgusJournal
internal import ArgusSystem
internal import FoundationEssentials
internal import Glibc

/// What is done to the realm as a whole: persons, keys that open it, backups. It is recorded in a journal of its own, which
/// is no folder's.
///
/// 1. The duty to record is on disk before the act (`announce`); it is forgotten only when the record is (`settle`).
/// 2. So after a crash an act may be recorded that was cut short, and says so; none is missing.
extension Realm {
    /// Stands for the realm itself where records name a folder.
    package static let actsFolder = FolderID(high: 0, low: 0)

    /// Runs `body`, which must not be under the change lock, and records how it ended.
    func recordingAct<R>(
        _ activity: AuditActivity, _ reason: String, path: String? = nil, _ body: () throws(RealmError) -> R
    ) throws(RealmError) -> R {
        let act = PendingChange(activity, reason, by: administrator(), path: path)
        try withChangeLock { () throws(RealmError) in
            var record = try ActsRecord.read(in: directory, keys: keys)
            record.pending.append(act)
            try record.write(in: directory, keys: keys)
        }
        do throws(RealmError) {
            let result = try body()
            settleActs(act, status: .success)
            return result
        } catch {
            settleActs(act, status: .failure)
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

    /// Brings what waits into the journal. Where that cannot be written, it waits for the next act.
    private func settleActs(_ own: PendingChange, status: AuditStatus) {
        try? withChangeLock { () throws(RealmError) in
            var record = try ActsRecord.read(in: directory, keys: keys)
            guard let place = record.pending.lastIndex(of: own) else { return }
            record.pending.remove(at: place)
            let journal = try startActsJournal(after: record)
            do throws(JournalError) {
                for change in record.pending {
                    // Another process began it: perhaps it is at it still, and records it once more.
                    var event = change.event
                    event.reason += " (was cut short, or goes on)"
                    try journal.append(event)
                }
                var event = own.event
                event.status = status
                try journal.append(event)
                try journal.sync()
                record.pending = []
                record.head = FolderRecord.Head(journal.head())
            } catch {
                try? journal.close()
                throw RealmError(error)
            }
            try record.write(in: directory, keys: keys)
            do throws(JournalError) { try journal.close() } catch { throw RealmError(error) }
        }
    }

    private func startActsJournal(after record: ActsRecord) throws(RealmError) -> Journal {
        let spool = try realmCall { () throws(SystemError) in try directory.subdirectory(Self.journalName) }
        do throws(JournalError) {
            return try Journal(
                directory: spool, keys: JournalKeys.derive(masterKey: masterKey, realm: id), folder: Self.actsFolder,
                device: device, limits: journalLimits, clock: clock, expecting: record.knownHead)
        } catch {
            throw RealmError(error)
        }
    }

    /// The newest record of what was done to the realm, where anything was.
    package func actsHead() throws(RealmError) -> JournalHead? {
        try ActsRecord.read(in: directory, keys: keys).knownHead.map { JournalHead(folder: Self.actsFolder, $0) }
    }
}

/// Acts on the realm that its journal does not have yet, and the newest that it has: the plaintext of the sealed file
/// `acts`. A realm without the file has seen none.
struct ActsRecord: Codable {
    static let fileName = "acts"
    private static let damaged = RealmError(
        .damaged, "its file of acts was altered or damaged; restore that file from a backup, or remove it")

    var pending: [PendingChange] = []
    var head: FolderRecord.Head?

    var knownHead: JournalMark? { head?.mark }

    static func read(in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) -> ActsRecord {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try directory.readFile(fileName, maxByteCount: SealedRecord.maxByteCount)
        } catch {
            guard error.isAbsence else { throw RealmError(error) }
            return ActsRecord()
        }
        let plaintext = try SealedRecord.open(
            bytes, .acts, realm: keys.realm, folder: nil, key: keys.acts, damaged: damaged)
        guard let record = try? JSONDecoder().decode(ActsRecord.self, from: Data(plaintext)) else { throw damaged }
        return record
    }

    func write(in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { throw Self.damaged }
        let bytes = SealedRecord.padded([UInt8](data))
        let sealed = try SealedRecord.seal(bytes, .acts, realm: keys.realm, folder: nil, key: keys.acts)
        try realmCall { () throws(SystemError) in try directory.replaceFile(Self.fileName, with: sealed) }
    }
}
