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

/// What a file is opened for.
package struct AuditAccess: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package static let read = AuditAccess(rawValue: 1)
    package static let write = AuditAccess(rawValue: 2)
    package static let execute = AuditAccess(rawValue: 4)
    package static let truncate = AuditAccess(rawValue: 8)

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// As exports spell it, e.g. `read,write`.
    package var text: String {
        let names = [(AuditAccess.read, "read"), (.write, "write"), (.execute, "execute"), (.truncate, "truncate")]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// A path inside the folder, starting with `/`; bytes, since names need not be UTF-8.
///
/// Directory and name are kept apart, so that whoever has both shares them and puts nothing together for a record.
package struct AuditPlace: Hashable, Sendable {
    /// The directory's path without a `/` at its end, so empty for the top one; or the whole path, where `name` is empty.
    package var directory: [UInt8]
    package var name: [UInt8]

    package init(directory: [UInt8], name: [UInt8]) {
        self.directory = directory
        self.name = name
    }

    /// A place whose path is at hand, or none.
    package init(_ path: [UInt8] = []) {
        self.init(directory: path, name: [])
    }

    /// The folder's top directory.
    package static let top = AuditPlace([UInt8(ascii: "/")])

    package var byteCount: Int { directory.count + (name.isEmpty ? 0 : name.count + 1) }
    package var path: [UInt8] { name.isEmpty ? directory : directory + [UInt8(ascii: "/")] + name }

    package static func == (left: AuditPlace, right: AuditPlace) -> Bool {
        if left.name == right.name, left.directory == right.directory { return true }
        return left.byteCount == right.byteCount && left.path == right.path
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(path) }
}

/// One thing that happened, before it has a place in a stream. The sink adds time, sequence and hash.
package struct AuditEvent: Sendable {
    package var activity: AuditActivity
    package var status: AuditStatus
    package var actor: AuditActor
    package var fileID: FileID?
    package var place: AuditPlace
    /// The second place of a rename, link or copy.
    package var secondPlace: AuditPlace
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
    /// What the file was opened for; empty for what opens none.
    package var access: AuditAccess = []
    /// Of a copy between folders, the folder of the end that lies elsewhere.
    package var sourceFolder: FolderID?
    package var destinationFolder: FolderID?
    /// Of `byteCount`, those that were written; nil for what does not tell them apart.
    package var writtenByteCount: UInt64?
    /// What was found missing; set for `gap` alone.
    package var gap: JournalGap?
    /// Of what is done to the realm, the folder that it is about.
    package var folderAct: FolderAct?

    package init(
        activity: AuditActivity, status: AuditStatus, actor: AuditActor, fileID: FileID? = nil,
        place: AuditPlace = AuditPlace(), secondPlace: AuditPlace = AuditPlace(), reason: String = "",
        byteCount: UInt64 = 0
    ) {
        self.activity = activity
        self.status = status
        self.actor = actor
        self.fileID = fileID
        self.place = place
        self.secondPlace = secondPlace
        self.reason = reason
        self.byteCount = byteCount
    }

    package init(
        activity: AuditActivity, status: AuditStatus, actor: AuditActor, fileID: FileID? = nil, path: [UInt8],
        secondPath: [UInt8] = [], reason: String = "", byteCount: UInt64 = 0
    ) {
        self.init(
            activity: activity, status: status, actor: actor, fileID: fileID, place: AuditPlace(path),
            secondPlace: AuditPlace(secondPath), reason: reason, byteCount: byteCount)
    }

    package var path: [UInt8] { place.path }
    package var secondPath: [UInt8] { secondPlace.path }
}

/// A folder that an act on the realm is about. A class, so that events of files carry one word for it.
package final class FolderAct: Sendable {
    package let folder: FolderID
    /// Of a folder that was deleted: the heads that stand for its journal.
    package let heads: [JournalMark]

    package init(folder: FolderID, heads: [JournalMark] = []) {
        self.folder = folder
        self.heads = heads
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

/// Room that a journal keeps for one record. Given back once: by the append that uses it, or by `release`.
package struct JournalReservation: Hashable, Sendable {
    package let byteCount: Int

    package init(byteCount: Int) { self.byteCount = byteCount }
}

/// Takes the events of one folder. When `append` returns, the event survives the end of this process.
package protocol JournalSink: AnyObject, Sendable {
    func append(_ event: AuditEvent) throws(JournalError)
    /// Takes room for an event that is about to happen, or for one that is no longer, and refuses it where `append` would:
    /// what is done afterwards can be recorded, unless storage fails in between.
    func reserve(_ event: AuditEvent) throws(JournalError) -> JournalReservation
    func append(_ event: AuditEvent, using reservation: JournalReservation) throws(JournalError)
    /// Nothing has happened: the room is not needed.
    func release(_ reservation: JournalReservation)
    /// Makes everything appended so far durable.
    func sync() throws(JournalError)
    /// The newest record, to be kept in the index.
    func head() -> JournalMark
}
