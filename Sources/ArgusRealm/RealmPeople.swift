internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusJournal
internal import ArgusPolicy

/// Tells who stands behind a request on this machine, from the caches of `PersonDirectory` and `ProcessInspector`.
final class RealmPeople: ActorResolver {
    private let directory: PersonDirectory
    private let processes = ProcessInspector()

    init(_ directory: PersonDirectory) {
        self.directory = directory
    }

    func subject(uid: UInt32, gid: UInt32) -> Subject {
        let (person, groups) = directory.subject(uid: uid, gid: gid)
        return Subject(person: person, groups: groups, standing: Standing(directory.resolution(uid: uid)))
    }

    func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor {
        AuditActor(
            uid: uid, loginUID: processes.loginUID(pid: pid), pid: pid,
            person: directory.accountName(uid: uid) ?? "", program: processes.program(pid: pid))
    }
}

extension Standing {
    init(_ resolution: Resolution) {
        switch resolution {
        case .person, .stranger: self = .good
        case .changed: self = .changed
        case .revoked: self = .revoked
        case .unresolved: self = .unresolved
        }
    }
}
