internal import ArgusCore
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem

/// The making or removal of a folder, or a change of its members, settings or key, kept in the folder's record until the folder's journal has it.
///
/// Who changes members may find the folder in use by a driver, which alone writes its journal, or not in use at all:
/// either way the change and the duty to record it are stored in one step, and whoever can write the journal next does.
/// After a crash a change may be recorded twice, never not at all.
struct PendingChange: Codable, Hashable, Sendable {
    var activity: UInt16
    var reason: String
    var uid: UInt32
    var loginUID: UInt32
    var pid: UInt32
    var person: String
    var program: String
    /// Absent in records that were written before it was kept.
    var parentPID: UInt32?
    var parentProgram: String?

    /// In the folder; absent for what concerns none of its files.
    var path: String?
    /// Of an act on the realm, the folder that it is about, in hexadecimal.
    var folder: String?
    /// Of a folder that was deleted: the heads that stand for its journal.
    var heads: [FolderRecord.Head]?
    /// What it tells of has happened as a whole; absent where that is not known.
    var isFinished: Bool?

    init(_ activity: AuditActivity, _ reason: String, by actor: AuditActor, path: String? = nil) {
        self.activity = activity.rawValue
        self.reason = reason
        uid = actor.uid
        loginUID = actor.loginUID
        pid = actor.pid
        person = actor.person
        program = actor.program
        parentPID = actor.parentPID
        parentProgram = actor.parentProgram
        self.path = path
    }

    /// That a folder was made: its top directory, and its first members.
    static func making(
        _ record: FolderRecord, by actor: AuditActor, name: (Principal) -> String
    ) -> [PendingChange] {
        var empty = record.policy
        empty.members = []
        let protection = record.policy.protection == .private ? "private" : "shared"
        return [PendingChange(.create, "folder made, \(protection)", by: actor, path: "/")]
            + between(empty, and: record.policy, by: actor, name: name)
    }

    /// As the realm's own journal tells that a folder is made.
    static func making(_ record: FolderRecord, by actor: AuditActor) -> PendingChange {
        let protection = record.policy.protection == .private ? "private" : "shared"
        var change = PendingChange(
            .create, "folder made, \(protection): \(record.name)", by: actor, path: "/")
        change.folder = record.id.hex
        return change
    }

    /// As the realm's own journal tells it when nothing of it can be cut short any more.
    func finished(of folder: FolderID? = nil, heads: [JournalMark] = []) -> PendingChange {
        var change = self
        change.folder = folder?.hex
        change.heads = heads.isEmpty ? nil : heads.map(FolderRecord.Head.init)
        change.isFinished = true
        return change
    }

    static func removal(by actor: AuditActor) -> PendingChange {
        PendingChange(.unlink, "folder deleted", by: actor, path: "/")
    }

    /// As the realm's own journal tells it, which has records of several folders.
    func named(_ name: String) -> PendingChange {
        var change = self
        change.reason += ": \(name)"
        return change
    }

    /// Whether it is the removal of the folder itself.
    var isRemoval: Bool { activity == AuditActivity.unlink.rawValue }

    /// What changed between two records of a folder, as the journal tells it. `name` spells a principal for people.
    static func between(
        _ old: FolderRecord, and new: FolderRecord, by actor: AuditActor, name: (Principal) -> String
    ) -> [PendingChange] {
        var changes = between(old.policy, and: new.policy, by: actor, name: name)
        if old.isStrict != new.isStrict {
            let setting = FolderSetting.audit(isStrict: new.isStrict)
            changes.append(PendingChange(.policyApplied, setting.text, by: actor))
        }
        if old.generation != new.generation {
            changes.append(PendingChange(.keyRotated, "key version \(new.generation)", by: actor))
        }
        return changes
    }

    private static func between(
        _ old: FolderPolicy, and new: FolderPolicy, by actor: AuditActor, name: (Principal) -> String
    ) -> [PendingChange] {
        var changes: [PendingChange] = []
        var seen: Set<Principal> = []
        for principal in (old.members + new.members).map(\.principal) where seen.insert(principal).inserted {
            let had = old.members.first { $0.principal == principal }?.rights ?? []
            let has = new.members.first { $0.principal == principal }?.rights ?? []
            let lost = had.closure.subtracting(has.closure)
            if !lost.isEmpty {
                changes.append(PendingChange(.memberRemoved, "\(name(principal)):\(lost.text)", by: actor))
            }
            if !has.closure.subtracting(had.closure).isEmpty {
                changes.append(PendingChange(.memberAdded, "\(name(principal)):\(has.text)", by: actor))
            }
        }
        if old.programs != new.programs {
            changes.append(PendingChange(.policyApplied, "programs=\(new.programs.text)", by: actor))
        }
        return changes
    }

    var event: AuditEvent {
        var process = AuditProcess.Facts(loginUID: loginUID, pid: pid, program: program)
        process.parentPID = parentPID
        process.parentProgram = parentProgram ?? ""
        var event = AuditEvent(
            activity: AuditActivity(rawValue: activity) ?? .policyApplied, status: .success,
            actor: AuditActor(uid: uid, person: person, process: AuditProcess(process)), path: Array((path ?? "").utf8),
            reason: reason)
        if let folder = folder.flatMap({ FolderID(hex: $0) }) {
            event.folderAct = FolderAct(folder: folder, heads: (heads ?? []).compactMap(\.mark))
        }
        return event
    }
}

extension OpenFolder {
    /// Brings what waits in the record into the journal; the record then says so. The caller has the folder's lock.
    ///
    /// `isDeleted`: the folder is none any more. The removal of one that is there was cut short.
    static func settle(
        _ record: FolderRecord, in directory: DirectoryHandle, of secrets: FolderSecrets, journal: Journal,
        isDeleted: Bool = false
    ) throws(RealmError) {
        do throws(JournalError) {
            for change in record.pending {
                var event = change.event
                if change.isRemoval && !isDeleted { event.status = .failure }
                try journal.append(event)
            }
            try journal.sync()
        } catch {
            throw RealmError(error)
        }
        var settled = record
        // That the deletion was begun here is told until nothing is left to delete (`Realm.finishDeletion`).
        settled.pending = isDeleted ? record.pending.filter(\.isRemoval) : []
        settled.journalHead = FolderRecord.Head(journal.head())
        settled.revision += 1
        try settled.write(in: directory, secrets: secrets)
    }
}
