package import ArgusCore
internal import ArgusJournal

/// What a command asks a running driver, over the socket REALM/run/FOLDER-ID.sock. One request a connection.
struct ControlRequest: Codable, Hashable, Sendable {
    static let currentVersion = 1

    enum Question: Codable, Hashable, Sendable {
        /// Answered with `status`.
        case status
        /// Makes everything durable; answered with `done`.
        case synchronize
        /// Refuses changes from now on, or no longer; answered with `done`.
        case setReadOnly(Bool)
        /// Like `synchronize`, answered with `synchronized`; then, once the folder was unmounted and closed, with `done`.
        case detach
        /// The mapping of the subtree at a path, its bytes in hexadecimal: `rows`, any number of times, then `done`.
        case list(path: String)
        /// Examines everything: `progress` and `finding`, any number of times, then `done`.
        case check(repair: Bool)
        /// Why a person may or may not do something at a path, its bytes in hexadecimal: answered with `explanation`.
        case explain(WhyQuestion)
        /// Answered with `journalHeads`.
        case journalHeads
        /// Another folder's driver asks whether a file here was copied into it: `copySource`, or `failed`.
        case copied(CopyQuestion)
        /// The realm's record of the folder has changed: members or keys. Answered with `done`.
        case reload
    }

    var version = currentVersion
    var question: Question
}

enum ControlReply: Codable, Hashable, Sendable {
    case status(DriverStatus)
    case rows([MappingRow])
    case progress(CheckProgressReport)
    case finding(CheckReport)
    case explanation(WhyReport)
    case synchronized
    /// The newest records of the folder's journal that are known, hashes in hexadecimal.
    case journalHeads([JournalHeadReport])
    /// The file's id and path, in hexadecimal.
    case copySource(fileId: String, path: String)
    case done
    /// What is wrong and what to do, in one line.
    case failed(String)
}

struct JournalHeadReport: Codable, Hashable, Sendable {
    var sequence: UInt64
    var hash: String
    var stream: String?
}

/// What a driver tells of itself; `status --json` prints it.
struct DriverStatus: Codable, Hashable, Sendable {
    enum State: String, Codable, Sendable {
        /// Before the mount is in place.
        case starting
        case serving
        /// Unmounted; what was written is being made durable.
        case closing
    }

    var folder: String
    var folderId: String
    var mountPoint: String
    /// Where the folder is seen: the mount point, or a directory of it where the mount has several folders.
    var path: String
    var pid: Int32
    var state: State
    var readOnly: Bool
    var shared: Bool
    /// RFC 3339.
    var since: String
    var version: String
}

/// One line of the mapping: which capsule holds what is at a virtual path; `index ls --json` prints it.
package struct MappingRow: Codable, Hashable, Sendable {
    /// Path in the folder, starting with `/`, with U+FFFD for what is no UTF-8.
    package var path: String
    /// The path's bytes in hexadecimal where it is no UTF-8, otherwise absent.
    package var pathHex: String?
    package var fileId: String
    package var inode: UInt64
    package var kind: String
    package var size: UInt64
    package var capsule: String?
    package var location: String?
    package var owner: String
    package var protection: String
    package var keyVersion: UInt32?
    package var modified: String

    package init(
        path bytes: [UInt8], fileID: FileID, inode: InodeNumber, kind: String, size: UInt64, capsule: String?,
        location: String?, owner: String, protection: String, keyVersion: KeyGeneration?, modified: Timestamp
    ) {
        path = String(decoding: bytes, as: UTF8.self)
        pathHex = path.utf8.elementsEqual(bytes) ? nil : Hex.encode(bytes)
        fileId = fileID.hex
        self.inode = inode.rawValue
        self.kind = kind
        self.size = size
        self.capsule = capsule
        self.location = location
        self.owner = owner
        self.protection = protection
        self.keyVersion = keyVersion
        self.modified = modified.rfc3339
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encodeIfPresent(pathHex, forKey: .pathHex)
        try container.encode(fileId, forKey: .fileId)
        try container.encode(inode, forKey: .inode)
        try container.encode(kind, forKey: .kind)
        try container.encode(size, forKey: .size)
        // Null, not absent: who reads the array finds the same fields in each element.
        try container.encode(capsule, forKey: .capsule)
        try container.encode(location, forKey: .location)
        try container.encode(owner, forKey: .owner)
        try container.encode(protection, forKey: .protection)
        try container.encode(keyVersion, forKey: .keyVersion)
        try container.encode(modified, forKey: .modified)
    }
}

struct CheckProgressReport: Codable, Hashable, Sendable {
    var phase: String
    var doneFiles: UInt64
    var totalFiles: UInt64
    var doneBytes: UInt64
}

/// One finding of a check; `check --json` prints it.
struct CheckReport: Codable, Hashable, Sendable {
    /// A stable word for programs.
    var kind: String
    var path: String?
    var detail: String
    var advice: String
    var repaired: Bool
}
