internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusJournal
internal import ArgusPolicy

/// Tells who stands behind a request on this machine, from the caches of `PersonDirectory` and `ProcessInspector`.
final class RealmPeople: ActorResolver {
    private let directory: PersonDirectory
    private let processes: ProcessInspector
    private let programs = ProgramResolver()

    /// Without `recordsDigests`, records do not tell the digest of a program: a command that ends at once has no use for it.
    init(_ directory: PersonDirectory, recordsDigests: Bool = true) {
        self.directory = directory
        let digests = ProgramDigests.shared
        processes = ProcessInspector { program, loginUID, origin, directory in
            AuditProcess(
                program: program, loginUID: loginUID, origin: origin,
                digest: recordsDigests ? digests.digest(ofProcess: directory) : nil)
        }
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
    convenience init(program: String, loginUID: UInt32, origin: ProcessOrigin, digest: ProgramDigest? = nil) {
        var facts = Facts(loginUID: loginUID, pid: origin.pid, program: program)
        facts.session = origin.session
        facts.parentPID = origin.parentPID
        facts.parentProgram = origin.parentProgram
        self.init(facts, digest: digest)
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
