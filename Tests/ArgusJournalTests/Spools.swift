import ArgusCore
import ArgusCrypto
import ArgusJournal
import ArgusSystem
import Glibc
import Testing

/// A realm's spool in a directory of its own, removed at the end.
final class SpoolFixture {
    static let realm = RealmID(high: 1, low: 2)
    static let folder = FolderID(high: 3, low: 4)
    static let otherFolder = FolderID(high: 5, low: 6)
    static let device = DeviceID(high: 7, low: 8)
    static let bootA = [UInt8](repeating: 0xA, count: 16)
    static let bootB = [UInt8](repeating: 0xB, count: 16)

    let path: String
    let directory: DirectoryHandle
    let keys: JournalKeys
    let auditKeys: JournalAuditKeys

    init() throws {
        path = "/tmp/argus-journal-" + StreamID.random().hex
        try #require(mkdir(path, 0o700) == 0)
        directory = try DirectoryHandle(path: path)
        let master = Self.masterKey
        keys = .derive(masterKey: master, realm: Self.realm)
        auditKeys = .derive(masterKey: master, realm: Self.realm)
    }

    static let masterKey = SecretBytes(count: 32) { buffer in
        for index in 0..<32 { buffer[index] = UInt8(index * 7 + 1) }
    }

    deinit {
        run("rm", "-rf", path)
    }

    func journal(
        mode: JournalMode = .normal, limits: JournalLimits = .small, folder: FolderID = SpoolFixture.folder,
        clock: any Clock = SystemClock(), expecting: JournalMark? = nil,
        bootID: [UInt8] = SpoolFixture.bootA
    ) throws -> Journal {
        try Journal(
            directory: directory, keys: keys, folder: folder, device: Self.device, mode: mode, limits: limits,
            clock: clock, expecting: expecting, bootID: bootID)
    }

    func verify(expecting heads: [JournalHead] = [], bootID: [UInt8] = SpoolFixture.bootA) throws -> JournalReport {
        try JournalVerifier(directory: directory, keys: auditKeys, bootID: bootID).verify(expecting: heads)
    }

    /// The finding, or nil where everything fits.
    func finding(expecting heads: [JournalHead] = [], bootID: [UInt8] = SpoolFixture.bootA) -> JournalFinding? {
        do {
            _ = try verify(expecting: heads, bootID: bootID)
            return nil
        } catch {
            return error as? JournalFinding
        }
    }

    func records(folder: FolderID? = nil, bootID: [UInt8] = SpoolFixture.bootA) throws -> [JournalRecord] {
        var records: [JournalRecord] = []
        try JournalReader(directory: directory, keys: auditKeys, bootID: bootID).read(folder: folder) { record in
            records.append(record)
            return true
        }
        return records
    }

    func segmentPath(_ stream: StreamID, _ ordinal: Int) -> String {
        let digits = String(ordinal)
        return path + "/" + stream.hex + "/" + String(repeating: "0", count: 8 - digits.count) + digits + ".segment"
    }

    func copy(to other: String) { run("cp", "-a", path, other) }
}

@discardableResult
func run(_ words: String...) -> Int32 {
    var pid = pid_t()
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    guard posix_spawnp(&pid, words[0], nil, nil, &arguments, environ) == 0 else { return -1 }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    return status
}

func readFile(_ path: String) throws -> [UInt8] {
    let slash = try #require(path.lastIndex(of: "/"))
    return try DirectoryHandle(path: String(path[..<slash]))
        .readFile(String(path[path.index(after: slash)...]), maxByteCount: 1 << 30)
}

func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    let slash = try #require(path.lastIndex(of: "/"))
    try DirectoryHandle(path: String(path[..<slash]))
        .replaceFile(String(path[path.index(after: slash)...]), with: bytes)
}

extension JournalLimits {
    /// Segments of 128 KiB, so that a few hundred records fill several.
    static var small: JournalLimits {
        JournalLimits(segmentByteCount: 131_072, reserveByteCount: 16_384, groupNanoseconds: 5_000_000)
    }
}

extension AuditActor {
    static let alice = AuditActor(uid: 1000, loginUID: 1000, pid: 4711, person: "alice", program: "/usr/bin/vim")
    static let bob = AuditActor(uid: 1001, loginUID: 1001, pid: 4712, person: "bob", program: "/usr/bin/cat")
}

extension AuditEvent {
    static func opened(_ number: Int, by actor: AuditActor = .alice) -> AuditEvent {
        AuditEvent(
            activity: .open, status: .success, actor: actor, fileID: FileID(high: 9, low: UInt64(number)),
            path: Array("/plans/file-\(number).odt".utf8), reason: "member:@staff")
    }

    static func wrote(_ number: Int, by actor: AuditActor = .alice) -> AuditEvent {
        AuditEvent(
            activity: .write, status: .success, actor: actor, fileID: FileID(high: 9, low: UInt64(number)),
            path: Array("/plans/file-\(number).odt".utf8), byteCount: UInt64(number))
    }

    static func denied(_ number: Int = 1, by actor: AuditActor = .bob) -> AuditEvent {
        AuditEvent(
            activity: .denied, status: .failure, actor: actor, fileID: FileID(high: 9, low: UInt64(number)),
            path: Array("/plans/file-\(number).odt".utf8), reason: "no right")
    }
}

/// A clock that stands still until it is moved.
final class StillClock: Clock, @unchecked Sendable {
    private let lock = Lock()
    private var seconds: Int64
    init(seconds: Int64 = 1_800_000_000) { self.seconds = seconds }
    func advance(_ by: Int64) { lock.withLock { seconds += by } }
    func now() -> Timestamp { lock.withLock { Timestamp(seconds: seconds, nanoseconds: 5) } }
    func monotonicNanoseconds() -> UInt64 { lock.withLock { UInt64(seconds) * 1_000_000_000 } }
}

func pwriteByte(_ descriptor: Int32, _ byte: UInt8, _ position: Int) -> Bool {
    withUnsafeBytes(of: byte) { pwrite(descriptor, $0.baseAddress, 1, off_t(position)) } == 1
}
