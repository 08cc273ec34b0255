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

/// How a copy is known.
package enum CopyEvidence: UInt8, Sendable {
    /// The filesystem made it itself (copy_file_range(2)).
    case exact = 1
    /// One process had the source open and wrote the destination.
    case inferred = 2
}

/// Records that are known to be missing from a stream.
package struct JournalGap: Hashable, Sendable {
    /// The stream that lost them.
    package var stream: StreamID
    /// The first missing sequence number.
    package var first: UInt64
    /// The last missing one, or 0 where nothing tells how many there were.
    package var last: UInt64
    /// How many are missing, or 0 where nothing tells.
    package var count: UInt64 { last >= first ? last - first + 1 : 0 }

    package init(stream: StreamID, first: UInt64, last: UInt64) {
        self.stream = stream
        self.first = first
        self.last = last
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
    /// How a copy is known; nil for what is no copy.
    package var copy: CopyEvidence?
    /// Size of the file in bytes, where it is known.
    package var fileSize: UInt64?
    /// Object name of the file's capsule, empty where it does not matter.
    package var capsule: [UInt8] = []
    /// SHA-256 of the program, where policy asks for it.
    package var programDigest: [UInt8] = []
    /// Id and executable of the process that started the caller's, where they were resolved.
    package var parentPID: UInt32?
    package var parentProgram: String = ""
    /// The login session (audit session id), where there is one.
    package var session: UInt32?
    /// What was found missing; set for `gap` alone.
    package var gap: JournalGap?

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
    /// The journal was closed.
    case closed
}

/// Takes the events of one folder. When `append` returns, the event survives the end of this process.
package protocol JournalSink: AnyObject, Sendable {
    func append(_ event: AuditEvent) throws(JournalError)
    /// Makes everything appended so far durable.
    func sync() throws(JournalError)
    /// The newest sequence number and its hash, to be kept in the index.
    func head() -> (sequence: UInt64, hash: [UInt8])
}
