import ArgusCore
import ArgusMountKit
import ArgusPolicy
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@Suite struct OpeningTests {
    private let directory = RealmDirectory()
    private let realm: Realm
    private let content = [UInt8]((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    init() throws {
        realm = try directory.create().realm
    }

    @Test("the next process finds every byte")
    func finds() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        try directory.open().use("plans") { session throws in #expect(try session.read("a") == content) }
    }

    @Test("a folder is one process's at a time, and says whose")
    func exclusive() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        for mode in [FolderMode.mount, .mountReadOnly, .inspect] {
            let error = failure { try realm.openFolder(named: "plans", mode: mode) }
            #expect(error?.kind == .folderInUse)
            #expect(error?.holder == getpid())
        }
        #expect(failure { try realm.deleteFolder(named: "plans") }?.kind == .folderInUse)
        #expect(failure { try realm.administration(ofFolder: "plans") }?.holder == getpid())
        #expect(try realm.lockHolder(ofFolder: "plans") == getpid())
        #expect(try realm.folder(named: "plans").holder == getpid())
        try folder.close()
        try folder.close()
        #expect(try realm.lockHolder(ofFolder: "plans") == nil)
        try realm.use("plans") { session throws in #expect(try session.read("a") == content) }
    }

    @Test("many may look at a folder at once, and nobody mounts it meanwhile")
    func inspected() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let first = try realm.openFolder(named: "plans", mode: .inspect)
        let second = try realm.openFolder(named: "plans", mode: .inspect)
        let error = failure { try realm.openFolder(named: "plans", mode: .mount) }
        #expect(error?.kind == .folderInUse)
        #expect(error?.holder == nil)
        try first.close()
        try second.close()
        try realm.use("plans") { _ in }
    }

    @Test("who waits for a folder gets it when it is given up")
    func waits() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        let thread = Thread.start(name: "closer") {
            usleep(150_000)
            try? folder.close()
        }
        let next = try realm.openFolder(named: "plans", mode: .mount, waitMilliseconds: 60_000)
        thread.join()
        try next.close()
    }

    @Test("looking, listing and checking write nothing")
    func readsOnly() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let before = directory.snapshot()
        let folder = try realm.openFolder(named: "plans", mode: .inspect)
        #expect(failure { try folder.listing([]) { _ in true } } == nil)
        try folder.close()
        #expect(try realm.listing("plans").count == 1)
        #expect(try realm.findings("plans").isEmpty)
        var after = directory.snapshot()
        // A check holds the folder for itself and says so while it does.
        for name in after.keys where name.hasSuffix("/lock") { after[name] = before[name] }
        #expect(after == before)
    }

    @Test("a folder mounted read-only is left as it was, but for its journal")
    func readOnly() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let before = directory.snapshot().filter { !$0.key.hasPrefix("realm/journal/") }
        let folder = try realm.openFolder(named: "plans", mode: .mountReadOnly)
        let session = try FolderSession(folder.parts, uid: getuid(), bootID: RealmDirectory.bootID, isReadOnly: true)
        #expect(try session.read("a") == content)
        #expect(throws: (any Error).self) { try session.write([1], to: "b") }
        try session.end()
        try folder.close()
        #expect(directory.snapshot().filter { !$0.key.hasPrefix("realm/journal/") } == before)
    }

    @Test("a listing names each file's capsule, and where it lies")
    func listing() throws {
        let folder = try realm.folder("plans", file: "big", content: content)
        try realm.use("plans") { session throws in
            try session.makeDirectory("below")
            try session.write([], to: "empty")
        }
        let rows = try realm.listing("plans")
        #expect(rows.map { String(decoding: $0.path, as: UTF8.self) } == ["/big", "/below", "/empty"])
        #expect(rows.map(\.kind) == [.file, .directory, .file])
        #expect(rows.map(\.owner).allSatisfy { $0 == "root" || getuid() != 0 })
        #expect(rows.map(\.protection) == [.private, .private, .private])
        let big = try #require(rows.first)
        #expect(big.size == UInt64(content.count))
        #expect(big.keyVersion == 1)
        let location = try #require(big.location)
        #expect(location.hasPrefix(folder.storage + "/"))
        #expect(access(location, R_OK) == 0)
        #expect(try realm.listing("plans", "/below").map(\.path) == [Array("/below".utf8)])
        #expect(failure { try realm.listing("plans", "/none") }?.kind == .failed)
    }

    // MARK: Unclean ends

    @Test("after an unclean end the folder opens again with what was synced")
    func unclean() throws {
        _ = try realm.folder("plans", file: "a", content: content)
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        let session = try FolderSession(folder.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        try session.write(content, to: "synced", synchronizes: true)
        try session.synchronize()
        try session.end()
        try folder.close(isClean: false)
        #expect(try realm.findings("plans").isEmpty)
        try realm.use("plans") { session throws in
            #expect(try session.read("a") == content)
            #expect(try session.read("synced") == content)
        }
        #expect(try realm.findings("plans").isEmpty)
    }

    @Test("an index that was rolled back between two mounts is refused, and a check says so")
    func rolledBack() throws {
        let folder = try realm.folder("plans", file: "a", content: content)
        let index = directory.place(of: folder) + "/index"
        let object = try #require(directory.objects(in: index).first)
        let old = directory.bytes(object)
        try realm.use("plans") { try $0.write(content, to: "b") }
        directory.write(old, to: object)
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .indexDamaged)
        #expect(failure { try realm.listing("plans") }?.kind == .indexDamaged)
        #expect(try realm.findings("plans").map(\.kind).contains(.index))
        #expect(try realm.lockHolder(ofFolder: "plans") == nil)
    }

    @Test("an index that is gone is refused, and a check says so")
    func missingIndex() throws {
        let folder = try realm.folder("plans", file: "a", content: content)
        let object = try #require(directory.objects(in: directory.place(of: folder) + "/index").first)
        unlink(directory.path + "/" + object)
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .indexDamaged)
        #expect(try realm.findings("plans").map(\.kind) == [.index])
    }

    // MARK: Storage

    @Test("storage elsewhere holds capsules, and nothing else does")
    func elsewhere() throws {
        let storage = directory.path + "/elsewhere"
        mkdir(storage, 0o700)
        let folder = try realm.folder("plans", file: "a", content: content, storage: storage)
        #expect(folder.storage == storage + "/" + folder.id.hex)
        #expect(!directory.objects(in: "elsewhere").isEmpty)
        #expect(directory.objects(in: directory.place(of: folder) + "/store").isEmpty)
        try realm.use("plans") { session throws in #expect(try session.read("a") == content) }
    }

    @Test("missing storage is told, and nothing changes")
    func missingStorage() throws {
        let storage = directory.path + "/elsewhere"
        #expect(
            failure { try realm.createFolder(name: "plans", members: [], storage: storage, ownerUID: 0) }?.kind
                == .storageMissing)
        mkdir(storage, 0o700)
        _ = try realm.folder("plans", file: "a", content: content, storage: storage)
        rename(storage, storage + ".away")
        var before = directory.snapshot()
        for mode in [FolderMode.mount, .mountReadOnly, .inspect] {
            #expect(failure { try realm.openFolder(named: "plans", mode: mode) }?.kind == .storageMissing)
        }
        var after = directory.snapshot()
        for name in after.keys where name.hasSuffix("/lock") { (before[name], after[name]) = (nil, nil) }
        #expect(after == before)
        rename(storage + ".away", storage)
        try realm.use("plans") { session throws in #expect(try session.read("a") == content) }
    }

    @Test("read-only storage is told, mounts read-only, and full storage makes no folder")
    func readOnlyStorage() throws {
        let storage = directory.path + "/disk"
        mkdir(storage, 0o700)
        func mount(_ arguments: String...) throws {
            try Program(["mount"] + arguments + [storage], as: .root).wait().required()
        }
        let owner = "uid=\(getuid()),gid=\(getgid())"
        try mount("-t", "tmpfs", "-o", "size=4m,mode=700,\(owner)", "tmpfs")
        defer { _ = try? Program(["umount", "-l", storage], as: .root).wait() }
        _ = try realm.folder("plans", file: "a", content: content, storage: storage)
        try mount("-o", "remount,ro")
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .storageReadOnly)
        #expect(
            failure { try realm.createFolder(name: "other", members: [], storage: storage, ownerUID: 0) }?.kind
                == .storageReadOnly)
        let folder = try realm.openFolder(named: "plans", mode: .mountReadOnly)
        let session = try FolderSession(folder.parts, uid: getuid(), bootID: RealmDirectory.bootID, isReadOnly: true)
        #expect(try session.read("a") == content)
        try session.end()
        try folder.close()
        try mount("-o", "remount,rw")
        run("dd", "if=/dev/zero", "of=\(storage)/fill", "bs=64k", "status=none")
        #expect(
            failure { try realm.createFolder(name: "other", members: [], storage: storage, ownerUID: 0) }?.kind
                == .storageFull)
        #expect(try realm.folders().map(\.name) == ["plans"])
    }

    @Test("storage that a copy of the realm uses is told")
    func storageInUse() throws {
        let storage = directory.path + "/elsewhere"
        mkdir(storage, 0o700)
        _ = try realm.folder("plans", file: "a", content: content, storage: storage)
        try #require(run("cp", "-a", directory.realmPath, directory.path + "/copy"))
        let copy = try Realm.open(
            at: directory.path + "/copy", unlock: .passphrase(secret(RealmDirectory.passphrase)))
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        #expect(failure { try copy.openFolder(named: "plans", mode: .mount) }?.kind == .storageInUse)
        try folder.close()
    }
}
