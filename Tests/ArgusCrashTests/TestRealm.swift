import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc

/// A directory of a test's own, in memory where the machine has it; removed when dropped.
final class ScratchDirectory {
    let path: String

    init() {
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp"
        var template = Array("\(parent)/argus-crash-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "mkdtemp(3) failed")
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { removeTree(path) }
}

func removeTree(_ path: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")),
        let directory = try? DirectoryHandle(path: String(path[..<slash]))
    else { return }
    removeTree(String(path[path.utf8.index(after: slash)...]), in: directory)
}

private func removeTree(_ name: String, in directory: DirectoryHandle) {
    do {
        try directory.remove(name)
    } catch {
        guard let handle = try? directory.subdirectory(name) else { return }
        for name in (try? handle.names()) ?? [] { removeTree(name, in: handle) }
        try? directory.removeDirectory(name)
    }
}

/// A realm with one folder, in a directory.
struct TestRealm {
    static let folder = "documents"

    let path: String
    let masterKey: SecretBytes

    /// Makes one in `directory`.
    static func make(in directory: String) throws -> TestRealm {
        let passphrase = Array("a passphrase of tests".utf8).withUnsafeBytes { SecretBytes(copying: $0) }
        let (realm, _) = try Realm.create(at: directory, unlock: .passphrase(passphrase), cost: .test)
        _ = try realm.createFolder(name: folder, members: [], storage: nil, ownerUID: getuid())
        return TestRealm(path: directory, masterKey: realm.exportMasterKey())
    }

    func at(_ path: String) -> TestRealm { TestRealm(path: path, masterKey: masterKey) }

    func open() throws -> Realm { try Realm.open(at: path, unlock: .masterKey(masterKey)) }

    func auditKeys(_ realm: Realm) -> JournalAuditKeys { .derive(masterKey: masterKey, realm: realm.id) }
}

/// A folder in use in this process.
final class OpenedFolder {
    let folder: OpenFolder
    let volume: Volume

    /// Small bounds, so that everything that happens now and then happens often.
    private static var limits: VolumeLimits {
        var limits = VolumeLimits()
        limits.inodeLease = 48
        limits.cookieLease = 192
        limits.batchDelayMilliseconds = 1
        limits.dirtyMilliseconds = 5
        limits.dirtyBytesPerFile = 64 << 10
        limits.reserveBytes = 1 << 20
        return limits
    }

    init(_ realm: Realm, named name: String = TestRealm.folder, bootID: [UInt8], barrierSeconds: Int = 5) throws {
        folder = try realm.openFolder(named: name, mode: .mount)
        var configuration = VolumeConfiguration(sharing: .personal(supplementaryGroups: []))
        configuration.bootID = bootID
        configuration.limits = Self.limits
        configuration.barrierIntervalSeconds = barrierSeconds
        do {
            volume = try Volume(parts: folder.parts, configuration: configuration)
        } catch {
            try? folder.close(isClean: false)
            throw error
        }
    }

    func close() throws {
        do {
            try volume.shutDown()
        } catch {
            try? folder.close(isClean: false)
            throw error
        }
        try folder.close()
    }
}
