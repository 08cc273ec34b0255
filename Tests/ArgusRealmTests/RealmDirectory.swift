import ArgusCore
import ArgusIdentity
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc

/// A directory of a test's own on a real filesystem, with a realm in it; removed when dropped.
final class RealmDirectory {
    static let passphrase = "correct horse battery staple"
    static let bootID = [UInt8](repeating: 7, count: 16)

    let path: String
    var realmPath: String { path + "/realm" }

    init() {
        var template = Array("/var/tmp/argus-realm-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "mkdtemp(3) failed")
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { run("/bin/rm", "-rf", path) }

    @discardableResult
    func create() throws -> (realm: Realm, recoveryKey: String) {
        try Realm.create(at: realmPath, unlock: .passphrase(secret(Self.passphrase)), cost: .test)
    }

    func open(
        _ passphrase: String = RealmDirectory.passphrase, accounts: any AccountDatabase = SystemAccounts()
    ) throws -> Realm {
        try Realm.open(at: realmPath, unlock: .passphrase(secret(passphrase)), accounts: accounts)
    }

    func bytes(_ name: String) -> [UInt8] { readFile(path + "/" + name) }

    func write(_ bytes: [UInt8], to name: String) { writeFile(path + "/" + name, bytes) }

    /// Paths of all files below, relative to the directory.
    func files(_ below: String = "") -> [String] {
        guard let handle = try? DirectoryHandle(path: path + "/" + below), let names = try? handle.names() else {
            return []
        }
        return names.sorted().flatMap { name -> [String] in
            let relative = below.isEmpty ? name : below + "/" + name
            var status = stat()
            lstat(path + "/" + relative, &status)
            return status.st_mode & S_IFMT == S_IFDIR ? files(relative) : [relative]
        }
    }

    /// Everything below as it is, with modes and sizes: what "nothing changed on disk" is about.
    func snapshot() -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: files().map { ($0, bytes($0)) })
    }

    /// The directory of the folder, relative.
    func place(of folder: FolderSummary) -> String { "realm/folders/\(folder.id.hex)" }

    /// The only object below a store, relative.
    func objects(in store: String) -> [String] {
        files(store).filter { $0.split(separator: "/").last?.utf8.count == 30 }
    }
}

extension Realm {
    /// Makes a private folder of the user who runs the tests, with one file in it.
    func folder(_ name: String, file: String, content: [UInt8], storage: String? = nil) throws -> FolderSummary {
        let summary = try createFolder(name: name, members: [], storage: storage, ownerUID: getuid())
        try use(name) { try $0.write(content, to: file) }
        return summary
    }

    /// Uses a folder from its opening to its clean end.
    func use(_ name: String, _ body: (FolderSession) throws -> Void) throws {
        let folder = try openFolder(named: name, mode: .mount)
        let session = try FolderSession(folder.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        try body(session)
        try session.end()
        try folder.close()
    }

    func listing(_ name: String, _ path: String = "/") throws -> [ListingRow] {
        var rows: [ListingRow] = []
        try indexListing(folder: name, path: Array(path.utf8)) {
            rows.append($0)
            return true
        }
        return rows
    }

    func findings(_ name: String, repair: Bool = false) throws -> [CheckFinding] {
        let administration = try administration(ofFolder: name)
        defer { administration.close() }
        return try administration.check(repair: repair) { _ in }
    }
}

/// The error that `body` throws, or nil.
func failure<R>(_ body: () throws -> R) -> RealmError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? RealmError
    }
}

func secret(_ text: String) -> SecretBytes {
    Array(text.utf8).withUnsafeBytes { SecretBytes(copying: $0) }
}

func readFile(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let capacity = buffer.count
        let count = read(file, &buffer, capacity)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

func writeFile(_ path: String, _ bytes: [UInt8]) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(file >= 0)
    defer { close(file) }
    precondition(write(file, bytes, bytes.count) == bytes.count)
}

/// Runs a program to its end; true when it succeeded.
@discardableResult
func run(_ program: String, _ arguments: String...) -> Bool {
    var pid = pid_t()
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    guard posix_spawnp(&pid, program, nil, nil, &argv, environ) == 0 else { return false }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) == -1, errno == EINTR {}
    return status == 0
}

extension [UInt8] {
    func contains(bytes wanted: [UInt8]) -> Bool {
        guard let first = wanted.first, count >= wanted.count else { return false }
        var start = startIndex
        while let found = self[start...].firstIndex(of: first), found + wanted.count <= endIndex {
            if self[found..<found + wanted.count].elementsEqual(wanted) { return true }
            start = found + 1
        }
        return false
    }
}
