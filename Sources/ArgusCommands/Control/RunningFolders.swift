internal import ArgusCore
internal import ArgusFS
internal import ArgusJournal
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc
internal import Synchronization

/// The folders of a realm that are mounted on this machine, as one driver sees the others: a table in memory that all of
/// them map, REALM/run/reads, and their control sockets.
///
///     0   next       8   entries noted so far
///     8   last       8   the folder that noted last: the last half of its id
///     16  change     8   entries noted when that one took turns with another
///     64  entry     40   process 4, zeros 4, size 8, inode 8, folder 16: 2,048 of them, in turn
///
/// It names files by number alone. Entries are written and read without a lock: a torn one names a file that is not what
/// was copied, and whoever has that file finds so.
///
/// `@unchecked`: the mapping lives as long as the object, and its content may change at any time.
final class RunningFolders: FolderNeighbours, @unchecked Sendable {
    static let fileName = "reads"
    private static let entryCount = 2048
    private static let entryByteCount = 40
    private static let headByteCount = 64
    private static let byteCount = headByteCount + entryCount * entryByteCount
    /// A neighbour that is busy for longer is not waited for: the app that closed the file does not wait either.
    private static let answerSeconds = 5
    /// More files of one size than this are not compared with one copy.
    private static let foundMax = 8

    let key: SecretBytes
    private let folder: FolderID
    private let runDirectory: String
    private let memory: UnsafeMutableRawPointer
    private var next: UnsafeMutablePointer<Atomic<UInt64>> { head(0) }
    private var last: UnsafeMutablePointer<Atomic<UInt64>> { head(8) }
    private var change: UnsafeMutablePointer<Atomic<UInt64>> { head(16) }

    private func head(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (memory + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    init(_ folder: FolderID, of realm: Realm, key: SecretBytes) throws(SystemError) {
        self.folder = folder
        self.key = key
        runDirectory = realm.runDirectory
        let file = try OwnedDescriptor.open(
            "\(realm.runDirectory)/\(Self.fileName)", flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        let refused = posix_fallocate(file.rawValue, 0, off_t(Self.byteCount))
        guard refused == 0 else { throw SystemError(errno: refused, call: "posix_fallocate(3)") }
        let mapped = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0)
        guard let mapped, mapped != MAP_FAILED else { throw SystemError(errno: errno, call: "mmap(2)") }
        memory = mapped
    }

    deinit { munmap(memory, Self.byteCount) }

    func noteRead(process: UInt32, inode: InodeNumber, size: UInt64) {
        let place = next.pointee.wrappingAdd(1, ordering: .relaxed).oldValue
        if last.pointee.load(ordering: .relaxed) != folder.low {
            last.pointee.store(folder.low, ordering: .relaxed)
            change.pointee.store(place, ordering: .relaxed)
        }
        let entry = entry(Int(place % UInt64(Self.entryCount)))
        entry.storeBytes(of: process, as: UInt32.self)
        entry.storeBytes(of: size, toByteOffset: 8, as: UInt64.self)
        entry.storeBytes(of: inode.rawValue, toByteOffset: 16, as: UInt64.self)
        entry.storeBytes(of: folder.high, toByteOffset: 24, as: UInt64.self)
        entry.storeBytes(of: folder.low, toByteOffset: 32, as: UInt64.self)
    }

    func reads(by process: UInt32, size: UInt64) -> [NeighbourFile] {
        var found: [NeighbourFile] = []
        let newest = next.pointee.load(ordering: .relaxed)
        // Where this folder alone was used for long, nothing of another one is left in the table.
        guard
            last.pointee.load(ordering: .relaxed) != folder.low
                || newest &- change.pointee.load(ordering: .relaxed) < UInt64(Self.entryCount)
        else { return found }
        for back in 1...UInt64(Self.entryCount) where back <= newest {
            let entry = entry(Int((newest - back) % UInt64(Self.entryCount)))
            guard entry.load(as: UInt32.self) == process, entry.load(fromByteOffset: 8, as: UInt64.self) == size else {
                continue
            }
            let file = NeighbourFile(
                folder: FolderID(
                    high: entry.load(fromByteOffset: 24, as: UInt64.self),
                    low: entry.load(fromByteOffset: 32, as: UInt64.self)),
                inode: InodeNumber(entry.load(fromByteOffset: 16, as: UInt64.self)))
            guard file.folder != folder, !found.contains(file) else { continue }
            found.append(file)
            if found.count == Self.foundMax { break }
        }
        return found
    }

    func confirm(_ copy: CopyClaim, of file: NeighbourFile) -> CopySource? {
        do throws(ControlClient.Failure) {
            let driver = try ControlClient(path: "\(runDirectory)/\(file.folder.hex).sock")
            try driver.ask(.copied(CopyQuestion(copy, of: file.inode)))
            guard case .copySource(let fileID, let path) = try driver.reply(withinSeconds: Self.answerSeconds),
                let fileID = FileID(hex: fileID), let path = Hex.decode(path)
            else { return nil }
            return CopySource(fileID: fileID, path: path)
        } catch {
            return nil
        }
    }

    private func entry(_ place: Int) -> UnsafeMutableRawPointer {
        memory + Self.headByteCount + place * Self.entryByteCount
    }
}

/// A `CopyClaim` and the file it is about, as one driver sends it to another.
struct CopyQuestion: Codable, Hashable, Sendable {
    var inode: UInt64
    var size: UInt64
    var digest: String
    var folder: String
    var path: String
    var uid: UInt32
    var person: String
    var loginUID: UInt32
    var pid: UInt32
    var program: String
    var session: UInt32?
    var parentPID: UInt32?
    var parentProgram: String

    init(_ copy: CopyClaim, of file: InodeNumber) {
        inode = file.rawValue
        size = copy.size
        digest = Hex.encode(copy.digest)
        folder = copy.folder.hex
        path = Hex.encode(copy.path)
        uid = copy.actor.uid
        person = copy.actor.person
        loginUID = copy.actor.loginUID
        pid = copy.actor.pid
        program = copy.actor.program
        session = copy.actor.session
        parentPID = copy.actor.parentPID
        parentProgram = copy.actor.parentProgram
    }

    /// Nil where a field is malformed.
    var claim: CopyClaim? {
        guard let digest = Hex.decode(digest), let folder = FolderID(hex: folder), let path = Hex.decode(path) else {
            return nil
        }
        var process = AuditProcess.Facts(loginUID: loginUID, pid: pid, program: program)
        process.session = session
        process.parentPID = parentPID
        process.parentProgram = parentProgram
        return CopyClaim(
            actor: AuditActor(uid: uid, person: person, process: AuditProcess(process)), size: size, digest: digest,
            folder: folder, path: path)
    }
}
