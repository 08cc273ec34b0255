internal import ArgusCore
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem

/// A change of who may do what in a folder, kept in the folder's record until the folder's journal has it.
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

    private init(_ activity: AuditActivity, _ reason: String, by actor: AuditActor) {
        self.activity = activity.rawValue
        self.reason = reason
        uid = actor.uid
        loginUID = actor.loginUID
        pid = actor.pid
        person = actor.person
        program = actor.program
    }

    /// What changed between two policies, as the journal tells it. `name` spells a principal for people.
    static func between(
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

    static func keyRotated(to generation: KeyGeneration, by actor: AuditActor) -> PendingChange {
        PendingChange(.keyRotated, "key \(generation)", by: actor)
    }

    var event: AuditEvent {
        AuditEvent(
            activity: AuditActivity(rawValue: activity) ?? .policyApplied, status: .success,
            actor: AuditActor(uid: uid, loginUID: loginUID, pid: pid, person: person, program: program),
            reason: reason)
    }
}

extension OpenFolder {
    /// Brings what waits in the record into the journal; the record then says so. The caller has the folder's lock.
    static func settle(
        _ record: FolderRecord, in directory: DirectoryHandle, of secrets: FolderSecrets, journal: Journal
    ) throws(RealmError) {
        do throws(JournalError) {
            for change in record.pending { try journal.append(change.event) }
            try journal.sync()
        } catch {
            throw RealmError(error)
        }
        var settled = record
        settled.pending = []
        settled.revision += 1
        try settled.write(in: directory, secrets: secrets)
    }
}
