internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusJournal
internal import ArgusPolicy

/// Tells who stands behind a request on this machine, from the caches of `PersonDirectory` and `ProcessInspector`.
final class RealmPeople: ActorResolver {
    private let directory: PersonDirectory
    private let processes = ProcessInspector { pid, program, loginUID, origin in
        AuditProcess(pid: pid, program: program, loginUID: loginUID, origin: origin)
    }
    private let programs = ProgramResolver()

    init(_ directory: PersonDirectory) {
        self.directory = directory
    }

    func subject(uid: UInt32, gid: UInt32) -> Subject {
        let (person, groups) = directory.subject(uid: uid, gid: gid)
        return Subject(person: person, groups: groups, standing: Standing(directory.resolution(uid: uid)))
    }

    func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor {
        AuditActor(uid: uid, person: directory.accountName(uid: uid) ?? "", process: process(ofThread: pid))
    }

    private func process(ofThread thread: UInt32) -> AuditProcess {
        guard let facts = processes.facts(ofThread: thread) else {
            return AuditProcess(AuditProcess.Facts(pid: thread))
        }
        // The inspector has nothing else attached than what its closure above makes.
        return facts.attachment as? AuditProcess ?? .none
    }

    func program(pid: UInt32, path: String, for rules: ProgramRules) -> ProgramFacts {
        programs.facts(pid: pid, path: path, for: rules)
    }
}

extension AuditProcess {
    convenience init(pid: UInt32, program: String, loginUID: UInt32, origin: ProcessOrigin) {
        var facts = Facts(loginUID: loginUID, pid: pid, program: program)
        facts.session = origin.session
        facts.parentPID = origin.parentPID
        facts.parentProgram = origin.parentProgram
        self.init(facts)
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
