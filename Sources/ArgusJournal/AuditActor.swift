internal import Synchronization

/// SHA-256 of a program. It may become known only after the first records of a process that runs it: whoever computes it
/// does so off the path of requests.
package final class ProgramDigest: Sendable {
    private let isKnown = Atomic<Bool>(false)
    // Sound: written once, before `isKnown` is; read only after.
    nonisolated(unsafe) private var value: [UInt8] = []

    package init() {}

    /// Empty as long as it is not known.
    package var bytes: [UInt8] { isKnown.load(ordering: .acquiring) ? value : [] }

    /// To be called once, by the one who computes it.
    package func publish(_ digest: [UInt8]) {
        guard !isKnown.load(ordering: .relaxed) else { return }
        value = digest
        isKnown.store(true, ordering: .releasing)
    }
}

/// A process as records name it, with its fields already in the form that records hold them in.
///
/// It does not change: a process that runs another program is another `AuditProcess`. Whoever asks for many records of
/// one process keeps it, and each record then copies the bytes and makes nothing anew.
package final class AuditProcess: Hashable, Sendable {
    package struct Facts: Hashable, Sendable {
        /// The login uid (pam_loginuid(8)); `UInt32.max` where the session has none.
        package var loginUID: UInt32
        /// The process, not the thread.
        package var pid: UInt32
        /// Absolute path of the executable as the driver's namespace sees it, empty where it could not be resolved.
        package var program: String
        /// SHA-256 of the program where it was known when the facts were.
        package var programDigest: [UInt8] = []
        /// The login session (audit session id), where there is one.
        package var session: UInt32?
        /// The process that started this one, and what it ran, where they were resolved.
        package var parentPID: UInt32?
        package var parentProgram = ""

        package init(loginUID: UInt32 = .max, pid: UInt32 = 0, program: String = "") {
            self.loginUID = loginUID
            self.pid = pid
            self.program = program
        }
    }

    package let facts: Facts
    /// The fields of a record that tell of the process.
    let fields: [UInt8]
    /// Digest of the program that comes to be known later.
    package let digest: ProgramDigest?

    package init(_ facts: Facts, digest: ProgramDigest? = nil) {
        self.facts = facts
        self.fields = RecordEncoder.fields(of: facts)
        self.digest = facts.programDigest.isEmpty ? digest : nil
    }

    /// SHA-256 of the program; empty where it is not known, or not yet.
    package var programDigest: [UInt8] { digest?.bytes ?? facts.programDigest }

    /// Nobody's process: what the driver finds on its own.
    package static let none = AuditProcess(Facts())

    package static func == (left: AuditProcess, right: AuditProcess) -> Bool {
        left === right || left.facts == right.facts
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(facts) }
}

/// Who asked: the person, and the process whose request it was.
package struct AuditActor: Hashable, Sendable {
    package var uid: UInt32
    /// Account name of the person, empty where the uid has none.
    package var person: String
    package var process: AuditProcess

    package init(uid: UInt32, person: String, process: AuditProcess) {
        self.uid = uid
        self.person = person
        self.process = process
    }

    package init(uid: UInt32, loginUID: UInt32, pid: UInt32, person: String, program: String) {
        self.init(
            uid: uid, person: person,
            process: AuditProcess(AuditProcess.Facts(loginUID: loginUID, pid: pid, program: program)))
    }

    package var loginUID: UInt32 { process.facts.loginUID }
    package var pid: UInt32 { process.facts.pid }
    package var program: String { process.facts.program }
    package var programDigest: [UInt8] { process.programDigest }
    package var session: UInt32? { process.facts.session }
    package var parentPID: UInt32? { process.facts.parentPID }
    package var parentProgram: String { process.facts.parentProgram }

    /// The same person with another process.
    package func with(_ change: (inout AuditProcess.Facts) -> Void) -> AuditActor {
        var facts = process.facts
        facts.programDigest = process.programDigest
        change(&facts)
        return AuditActor(uid: uid, person: person, process: AuditProcess(facts))
    }
}
