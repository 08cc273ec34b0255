package import ArgusCore

/// What was done; the names are those of the journal and its exports.
package enum AuditActivity: UInt16, Sendable, CaseIterable {
    case open = 1
    case create, read, write, close, copy, rename, link, unlink, truncate
    case setAttributes, list, denied, integrity, recover, mount, unmount, export
    case `import`
    case memberAdded, memberRemoved, keyRotated, policyApplied, deviceConnected, deviceBlocked, gap, checkpoint
    case agentStart, agentStop

    /// As commands and exports spell it, e.g. `set-attributes`.
    package var name: String {
        switch self {
        case .setAttributes: "set-attributes"
        case .memberAdded: "member-added"
        case .memberRemoved: "member-removed"
        case .keyRotated: "key-rotated"
        case .policyApplied: "policy-applied"
        case .deviceConnected: "device-connected"
        case .deviceBlocked: "device-blocked"
        case .agentStart: "agent-start"
        case .agentStop: "agent-stop"
        default: "\(self)"
        }
    }
}

/// How it ended.
package enum AuditStatus: UInt8, Sendable {
    case success = 1
    case failure = 2
}

/// Who asked: the process whose request this was.
package struct AuditActor: Hashable, Sendable {
    package var uid: UInt32
    /// The login uid (pam_loginuid(8)); `UInt32.max` where the session has none.
    package var loginUID: UInt32
    package var pid: UInt32
    /// Account name of the person, empty where the uid has none.
    package var person: String
    /// Absolute path of the executable as the driver's namespace sees it, empty where it could not be resolved.
    package var program: String

    package init(uid: UInt32, loginUID: UInt32, pid: UInt32, person: String, program: String) {
        self.uid = uid
        self.loginUID = loginUID
        self.pid = pid
        self.person = person
        self.program = program
    }
}

/// One thing that happened, before it has a place in a stream. The sink adds time, sequence and hash.
package struct AuditEvent: Sendable {
    package var activity: AuditActivity
    package var status: AuditStatus
    package var actor: AuditActor
    package var fileID: FileID?
    /// Path inside the folder, starting with `/`; bytes, since names need not be UTF-8.
    package var path: [UInt8]
    /// The second path of a rename, link or copy.
    package var secondPath: [UInt8]
    /// The rule that decided, or what was found, in words without names.
    package var reason: String
    /// Bytes read or written where the activity tells them.
    package var byteCount: UInt64

    package init(
        activity: AuditActivity, status: AuditStatus, actor: AuditActor, fileID: FileID? = nil, path: [UInt8] = [],
        secondPath: [UInt8] = [], reason: String = "", byteCount: UInt64 = 0
    ) {
        self.activity = activity
        self.status = status
        self.actor = actor
        self.fileID = fileID
        self.path = path
        self.secondPath = secondPath
        self.reason = reason
        self.byteCount = byteCount
    }
}

package enum JournalError: Error, Hashable, Sendable {
    /// The spool has no room left, for the reason that `docs/formats/journal.md` gives under "Bounds".
    case full
    /// Storage failed, with its errno.
    case storage(errno: Int32)
    /// Spool, keys or stream do not fit each other: `reason` says how.
    case unauthentic(reason: String)
    case newerFormat(found: UInt32, supported: UInt32)
}

/// Takes the events of one folder. When `append` returns, the event survives the end of this process.
package protocol JournalSink: AnyObject, Sendable {
    func append(_ event: AuditEvent) throws(JournalError)
    /// Makes everything appended so far durable.
    func sync() throws(JournalError)
    /// The newest sequence number and its hash, to be kept in the index.
    func head() -> (sequence: UInt64, hash: [UInt8])
}
