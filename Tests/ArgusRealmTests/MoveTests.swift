import ArgusCore
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@Suite("Moving between folders at rest")
struct MoveTests {
    private let directory = RealmDirectory()
    private let realm: Realm
    private let content = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) })

    init() throws {
        realm = try directory.create().realm
        _ = try realm.folder("drafts", file: "a", content: content)
        _ = try realm.folder("plans", file: "here", content: [1])
    }

    private func place(_ folder: String, _ path: String) -> FolderPlace {
        FolderPlace(folder: folder, path: Array(path.utf8))
    }

    private func row(_ folder: String, _ path: String) throws -> ListingRow {
        try #require(try realm.listing(folder).first { $0.path == Array(path.utf8) })
    }

    private func paths(_ folder: String) throws -> Set<String> {
        Set(try realm.listing(folder).map { String(decoding: $0.path, as: UTF8.self) })
    }

    private func requireClean(_ folders: [String] = ["drafts", "plans"]) throws {
        for folder in folders { #expect(try realm.findings(folder) == []) }
    }

    private func requireContent(_ name: String, in folder: String) throws {
        try realm.use(folder) { session throws in
            let found = try session.read(name)
            #expect(found == content)
        }
    }

    /// Blocks are told by stat(2) in units of 512 bytes.
    private func storage(_ location: String) -> (inode: UInt64, blocks: Int, pages: [UInt8]) {
        var status = stat()
        stat(location, &status)
        return (UInt64(status.st_ino), Int(status.st_blocks), Array(readFile(location).dropFirst(2 * 4096)))
    }

    @Test("no page of the content is written: the object is renamed, and two slots differ")
    func notRewritten() throws {
        let old = try row("drafts", "/a")
        let before = storage(try #require(old.location))
        try realm.move(place("drafts", "/a"), to: place("plans", "/"))
        let new = try row("plans", "/a")
        let after = storage(try #require(new.location))
        #expect(before.inode == after.inode && before.pages == after.pages)
        // The second slot is a page of 8 blocks.
        #expect(after.blocks <= before.blocks + 8)
        #expect(new.fileID == old.fileID && new.capsule != old.capsule)
        #expect(access(try #require(old.location), F_OK) != 0)
        #expect(try paths("drafts") == [])
        try requireClean()
        try requireContent("a", in: "plans")
    }

    @Test("between two filesystems the object is copied as it is, and goes from the first")
    func copied() throws {
        let old = try row("drafts", "/a")
        let before = storage(try #require(old.location))
        try realm.move(place("drafts", "/a"), to: place("plans", "/b"), copies: true)
        let after = storage(try #require(try row("plans", "/b").location))
        #expect(before.inode != after.inode && before.pages == after.pages)
        #expect(access(try #require(old.location), F_OK) != 0)
        try requireClean()
        // And back: what the first folder lists as garbage is not the file that returned.
        try realm.move(place("plans", "/b"), to: place("drafts", "/b"), copies: true)
        for folder in ["drafts", "plans"] { try realm.use(folder) { _ in } }
        try requireContent("b", in: "drafts")
        try requireClean()
    }

    @Test("the source's key opens the capsule no more, and pages written later open for the destination alone")
    func keys() throws {
        try realm.move(place("drafts", "/a"), to: place("plans", "/"))
        _ = try realm.rotateKey(ofFolder: "plans")
        try realm.use("plans") { session throws in
            let found = try session.read("a")
            #expect(found == content)
            try session.write([7], to: "b")
        }
        for _ in 0..<3 {
            try realm.move(place("plans", "/a"), to: place("drafts", "/"))
            try realm.move(place("drafts", "/a"), to: place("plans", "/"))
        }
        try requireContent("a", in: "plans")
        try requireClean()
        let now = try row("plans", "/a")
        #expect(now.keyVersion == 2)
        // Back under its old name in the source's store it is nobody's.
        let orphan = try #require(now.location)
        let elsewhere = try realm.folder("third", file: "x", content: [1])
        let target = directory.path + "/" + directory.place(of: elsewhere) + "/store/" + orphan.suffix(33)
        mkdir(String(target.dropLast(31)), 0o700)
        writeFile(target, readFile(orphan))
        #expect(try realm.findings("third").map(\.kind) == [.orphan])
    }

    @Test(
        "refused before anything changes",
        arguments: [
            ("drafts:/nothing", "plans:/", "nothing at that path"), ("drafts:/", "plans:/", "the folder itself"),
            ("drafts:/a", "drafts:/b", "use mv(1)"), ("drafts:/a", "plans:/here", "of that name"),
            ("drafts:/a", "plans:/none/b", "no directory"), ("drafts:/a", "plans:/b/", "no directory"),
            ("drafts:/a", "none:/", "no such folder"), ("drafts:/a/b", "plans:/", "nothing at that path"),
        ])
    func refused(source: String, destination: String, message: String) throws {
        func place(_ text: String) -> FolderPlace {
            let parts = text.split(separator: ":").map(String.init)
            return self.place(parts[0], parts[1])
        }
        let error = try #require(failure { try realm.move(place(source), to: place(destination)) })
        #expect(error.message.contains(message))
        #expect(try paths("drafts") == ["/a"])
        #expect(try paths("plans") == ["/here"])
        #expect(access(directory.realmPath + "/move", F_OK) != 0)
        try requireClean()
    }

    @Test("a folder that is in use takes no part, and what moves is not lost when storage is missing")
    func inUse() throws {
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        let error = try #require(failure { try realm.move(place("drafts", "/a"), to: place("plans", "/")) })
        #expect(error.kind == .folderInUse && error.folder == "plans")
        try folder.close()
        let capsule = try #require(try row("drafts", "/a").location)
        rename(capsule, capsule + "x")
        let second = try #require(failure { try realm.move(place("drafts", "/a"), to: place("plans", "/")) })
        #expect(second.kind == .storageMissing)
        rename(capsule + "x", capsule)
        #expect(try paths("drafts") == ["/a"])
        #expect(try paths("plans") == ["/here"])
        try requireClean()
        try realm.move(place("drafts", "/a"), to: place("plans", "/"))
        try requireContent("a", in: "plans")
    }

    @Test("many at once wait for each other, in both directions")
    func oneAtATime() throws {
        for number in 0..<4 {
            try realm.use(number % 2 == 0 ? "drafts" : "plans") { try $0.write([UInt8(number)], to: "\(number)") }
        }
        let realm = realm
        let threads = (0..<4).map { number in
            let (from, to) = number % 2 == 0 ? ("drafts", "plans") : ("plans", "drafts")
            return Thread.start(name: "mover") {
                _ = try? realm.move(
                    FolderPlace(folder: from, path: Array("/\(number)".utf8)), to: FolderPlace(folder: to, path: []))
            }
        }
        for thread in threads { thread.join() }
        #expect(try paths("drafts") == ["/a", "/1", "/3"])
        #expect(try paths("plans") == ["/here", "/0", "/2"])
        try requireClean()
    }

    @Test("nothing is moved while the realm is backed up")
    func backup() throws {
        // The progress of a backup comes while it is being written.
        nonisolated(unsafe) var wasLocked: [Bool] = []
        let run = directory.realmPath + "/run"
        _ = try realm.backup(to: directory.path + "/backup", includesCapsules: true) { _ in
            let descriptor = open(run, O_RDONLY | O_DIRECTORY)
            wasLocked.append(flock(descriptor, LOCK_EX | LOCK_NB) != 0)
            close(descriptor)
        }
        #expect(!wasLocked.isEmpty && wasLocked.allSatisfy { $0 })
    }
}

@Suite("Who may move between folders")
struct MovePermissionTests {
    private let directory = RealmDirectory()
    private let account = String(cString: getpwuid(getuid()).pointee.pw_name)

    private func member(_ rights: String) throws -> MemberSpec {
        try #require(MemberSpec(text: "\(account):\(rights)"))
    }

    private func records(_ realm: Realm, _ folder: String) throws -> [JournalRecord] {
        let key = realm.exportMasterKey()
        var records: [JournalRecord] = []
        let spool = try DirectoryHandle(path: directory.realmPath + "/journal")
        try JournalReader(directory: spool, keys: .derive(masterKey: key, realm: realm.id)).read(
            folder: try realm.folder(named: folder).id
        ) {
            records.append($0)
            return true
        }
        return records
    }

    @Test(
        "read and delete at the source and write at the destination, and no program that is refused or has no key",
        arguments: [
            ("read,delete", "write", "", "", nil as String?), ("write,delete", "manage", "", "", nil),
            ("read", "write", "", "", "drafts shared:right-missing"),
            ("write", "write", "", "", "drafts shared:right-missing"),
            ("delete,list", "write", "", "", "drafts shared:right-missing"),
            ("read,delete", "read,delete", "", "", "plans shared:right-missing"),
            ("read,delete", "list", "", "", "plans shared:right-missing"),
            ("read,delete", "write", "deny:*", "", "drafts program:deny:*"),
            ("read,delete", "write", "withhold:*", "", "drafts program:withhold:*"),
            ("read,delete", "write", "", "deny:*", "plans program:deny:*"),
        ])
    func rights(source: String, destination: String, sourcePrograms: String, programs: String, refusal: String?) throws
    {
        let realm = try directory.create().realm
        for (name, rights, rules) in [
            ("drafts", source, sourcePrograms), ("plans", destination, programs),
        ] {
            _ = try realm.createFolder(
                name: name, members: [try member("manage")], storage: nil, ownerUID: getuid())
            try realm.use(name) { try $0.write([1, 2, 3], to: "in \(name)") }
            _ = try realm.revoke(try member("manage"), inFolder: name)
            _ = try realm.grant(try member(rights), inFolder: name)
            let setting = try #require(FolderSetting(text: "programs=\(rules)"))
            _ = try realm.set([setting], ofFolder: name)
        }
        let move = {
            try realm.move(
                FolderPlace(folder: "drafts", path: Array("/in drafts".utf8)),
                to: FolderPlace(folder: "plans", path: Array("/".utf8)))
        }
        guard let refusal else {
            _ = try move()
            for name in ["drafts", "plans"] {
                let moved = try records(realm, name).filter { $0.activity == .rename }
                #expect(moved.count == 1 && moved[0].status == .success && moved[0].actor.uid == getuid())
                #expect(
                    moved.first?.path == Array("/in drafts".utf8) && moved.first?.secondPath == Array("/in drafts".utf8)
                )
                #expect((moved.first?.sourceFolder == nil) == (name == "drafts"))
                #expect((moved.first?.destinationFolder == nil) == (name == "plans"))
                #expect(moved.first?.reason.hasPrefix("member:") == true)
            }
            return
        }
        let error = try #require(failure { try move() })
        let (folder, rule) = (String(refusal.prefix { $0 != " " }), String(refusal.drop { $0 != " " }.dropFirst()))
        #expect(error.kind == .notPermitted && error.folder == folder, "\(error)")
        let denied = try records(realm, folder).filter { $0.activity == .denied }
        #expect(denied.map(\.reason) == [rule])
        #expect(try realm.listing("drafts").count == 1)
        #expect(try realm.listing("plans").count == 1)
    }
}
