/// What a process is: facts of one program run by one process. They do not change; a process that runs another program
/// has other facts.
package final class ProcessFacts: Sendable {
    /// The process; requests name its threads.
    package let pid: UInt32
    /// Absolute path of the executable as this process sees it; empty where it cannot be resolved: the process has
    /// ended, is a kernel thread, or is closed to the driver's user (a set-uid program, or another user's process, asked
    /// about by an ordinary user).
    package let program: String
    /// The login uid: who the session belongs to, also after su(1) and sudo(8). `noLoginUID` where there is none.
    package let loginUID: UInt32
    /// The audit session, where there is one.
    package let session: UInt32?
    /// The process that started this one, and its program, as they were when the process was first seen.
    package let parentPID: UInt32?
    package let parentProgram: String
    /// What the inspector's owner made of the facts, once.
    package let attachment: (any AnyObject & Sendable)?
    let programBytes: [UInt8]

    /// `loginUID` of a session that has none (pam_loginuid(8)): the kernel's AUDIT_UID_UNSET.
    package static let noLoginUID = UInt32.max

    init(
        origin: ProcessOrigin, programBytes: [UInt8], loginUID: UInt32, directory: Int32,
        attach: ProcessInspector.Attach?
    ) {
        self.pid = origin.pid
        self.program = String(decoding: programBytes, as: UTF8.self)
        self.loginUID = loginUID
        self.session = origin.session
        self.parentPID = origin.parentPID
        self.parentProgram = origin.parentProgram
        self.programBytes = programBytes
        self.attachment = attach?(program, loginUID, origin, directory)
    }
}

/// What stays as it is while a process lives.
package struct ProcessOrigin: Sendable {
    package var pid: UInt32
    package var session: UInt32?
    package var parentPID: UInt32?
    package var parentProgram = ""
}
