internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import Glibc

/// Whether the person who runs this process may take something out of a folder, or put something into it: by the folder's
/// protection first, then by modes and access lists.
///
/// A refusal is recorded in the folder that refuses.
struct MoveGate {
    let folder: OpenFolder
    /// As the folder is called, for the line that says who refuses.
    let name: String
    private let actor: AuditActor

    init(_ folder: OpenFolder, name: String, actor: AuditActor) {
        self.folder = folder
        self.name = name
        self.actor = actor
    }

    /// The rule that allows it. Throws `notPermitted`.
    func require(_ right: Rights, at path: [UInt8], of file: FileID?) throws(RealmError) -> String {
        let policy = folder.parts.policy.policy
        let people = folder.parts.people
        let program = people.program(pid: actor.pid, path: actor.program, for: policy.programs)
        let (decision, steps) = explain(
            right, for: people.subject(uid: actor.uid, gid: getegid()), running: program, in: policy)
        guard decision.isAllowed, !decision.withholdsKey else {
            let rule = decision.isAllowed ? steps.last?.rule ?? decision.rule : decision.rule
            throw refusal(
                rule, decision.isAllowed ? "the key is withheld from the program" : decision.reason, path, file)
        }
        return decision.rule
    }

    /// Modes and lists of what lies on the way, of the directory that holds the name, and of what moves.
    func requireTaking(_ row: InodeRow, at path: [UInt8]) throws(RealmError) {
        var (check, parent) = try walk(to: path)
        try check.look(at: row, for: row.attributes.kind == .symlink ? .delete : [.read, .delete])
        // Its `..` changes.
        if row.attributes.kind == .directory { try check.look(at: row, for: .write) }
        try require(check, at: path, row.fileID)
        let isSticky = parent.attributes.permissions & 0o1000 != 0
        guard !isSticky || [0, row.attributes.uid, parent.attributes.uid].contains(actor.uid) else {
            throw refusal("posix:sticky", "the directory lets only owners remove what is in it", path, row.fileID)
        }
    }

    /// The same of a directory that something is put into.
    func requirePutting(into directory: InodeRow, at path: [UInt8]) throws(RealmError) {
        var (check, _) = try walk(to: path)
        try check.look(at: directory, for: .write)
        try require(check, at: path, directory.fileID)
    }

    /// The check as it stands before the last step of the path, and the directory that holds that.
    private func walk(to path: [UInt8]) throws(RealmError) -> (PosixCheck, InodeRow) {
        let account = try accountCall { () throws(AccountDatabaseError) in
            try folder.identity.account(uid: actor.uid)
        }
        var groups: Set<UInt32> = [getegid()]
        if let account {
            groups.formUnion(
                try accountCall { () throws(AccountDatabaseError) in try folder.identity.groupIDs(of: account) })
        }
        var check = PosixCheck(uid: actor.uid, groups: groups, index: folder.index, identity: folder.identity)
        var parent: InodeRow?
        let target = try folder.tree.resolve(path) { directory throws(RealmError) in
            parent = directory
            try check.pass(directory)
        }
        return (check, parent ?? target.row)
    }

    private func require(_ check: PosixCheck, at path: [UInt8], _ file: FileID) throws(RealmError) {
        guard let step = check.steps.first(where: { $0.effect == .refuses }) else { return }
        throw refusal(step.rule, step.reason, path, file)
    }

    private func refusal(_ rule: String, _ reason: String, _ path: [UInt8], _ file: FileID?) -> RealmError {
        let event = AuditEvent(
            activity: .denied, status: .failure, actor: actor, fileID: file, path: path, reason: rule)
        // What is not recorded stays refused.
        try? folder.parts.journal.append(event)
        return RealmError(.notPermitted, "refuses it by \(rule): \(reason)", folder: name)
    }
}

extension OpenFolder {
    /// The names in the folder's index.
    var tree: IndexListing {
        let parts = parts
        return IndexListing(
            index: parts.index, store: parts.store, keys: parts.keys, protection: parts.policy.policy.protection,
            identity: identity)
    }
}
