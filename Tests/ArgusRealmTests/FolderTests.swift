import ArgusCore
import ArgusPolicy
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@Suite struct FolderTests {
    private let directory = RealmDirectory()
    private let realm: Realm

    init() throws {
        realm = try directory.create().realm
    }

    private func members(_ texts: String...) throws -> [MemberSpec] {
        try texts.map { try #require(MemberSpec(text: $0)) }
    }

    @Test("a folder is shown as it was made, by this process and the next")
    func shown() throws {
        let made = try realm.createFolder(
            name: "plans", members: try members("daemon:read,write", "@daemon:list", "*:export"), storage: nil,
            ownerUID: 0)
        _ = try realm.createFolder(name: "another", members: [], storage: nil, ownerUID: 0)
        for realm in [realm, try directory.open()] {
            let shown = try realm.folder(named: "plans")
            #expect(shown == made)
            #expect(shown.protection == .shared)
            #expect(shown.owner == "root")
            #expect(shown.members.map(\.who) == ["daemon", "@daemon", "*"])
            #expect(shown.members.map(\.rights) == [[.read, .write], .list, .export])
            #expect(shown.storage == directory.path + "/" + directory.place(of: shown) + "/store")
            #expect(shown.keyGeneration == 1)
            #expect(shown.holder == nil)
            #expect(try realm.folders().map(\.name) == ["another", "plans"])
            #expect(try realm.folder(named: "another").protection == .private)
        }
    }

    @Test("a name is taken once", arguments: [("plans", "plans"), ("caf\u{E9}", "cafe\u{301}")])
    func taken(_ first: String, _ second: String) throws {
        _ = try realm.createFolder(name: first, members: [], storage: nil, ownerUID: 0)
        let before = directory.snapshot()
        let error = failure { try realm.createFolder(name: second, members: [], storage: nil, ownerUID: 0) }
        #expect(error?.kind == .folderExists)
        #expect(directory.snapshot() == before)
    }

    @Test(
        "what is no name for a folder is refused",
        arguments: ["", "a/b", "-x", ".x", " x", "x ", "a\nb", "\u{7}", String(repeating: "x", count: 256)])
    func names(_ name: String) {
        let error = failure { try realm.createFolder(name: name, members: [], storage: nil, ownerUID: 0) }
        #expect(error?.kind == .invalidFolderName)
    }

    @Test("a folder for somebody unknown is not made")
    func unknown() throws {
        let before = directory.snapshot()
        func kind(_ member: String) throws -> RealmError.Kind? {
            let specs = try members(member)
            return failure { try realm.createFolder(name: "x", members: specs, storage: nil, ownerUID: 0) }?.kind
        }
        #expect(try kind("argus-no-such-account:read") == .unknownAccount)
        #expect(try kind("@argus-no-such-group:read") == .unknownGroup)
        #expect(try kind("daemon") == .failed)
        let error = failure { try realm.createFolder(name: "x", members: [], storage: nil, ownerUID: 4_000_000_001) }
        #expect(error?.kind == .unknownAccount)
        #expect(try realm.folders().isEmpty)
        #expect(Set(directory.snapshot().keys) == Set(before.keys))
    }

    @Test("a deleted folder is gone with its storage")
    func deleted() throws {
        let storage = directory.path + "/elsewhere"
        mkdir(storage, 0o700)
        _ = try realm.folder("plans", file: "a", content: [1, 2, 3], storage: storage)
        #expect(!directory.files("elsewhere").isEmpty)
        try realm.deleteFolder(named: "plans")
        #expect(failure { try realm.folder(named: "plans") }?.kind == .noSuchFolder)
        #expect(directory.files("elsewhere").isEmpty)
        #expect(directory.files("realm/folders").isEmpty)
        #expect(failure { try realm.deleteFolder(named: "plans") }?.kind == .noSuchFolder)
    }

    @Test("what was left by a process that ended halfway is removed at the next opening")
    func leftovers() throws {
        let storage = directory.path + "/elsewhere"
        mkdir(storage, 0o700)
        let kept = try realm.createFolder(name: "kept", members: [], storage: nil, ownerUID: 0)
        for (name, prefix) in [("made", ".new-"), ("removed", ".deleted-")] {
            let folder = try realm.createFolder(name: name, members: [], storage: storage, ownerUID: 0)
            let folders = directory.realmPath + "/folders/"
            rename(folders + folder.id.hex, folders + prefix + folder.id.hex)
        }
        directory.write([1], to: "realm/\(DirectoryHandle.temporaryPrefix)1")
        let opened = try directory.open()
        #expect(try opened.folders().map(\.name) == ["kept"])
        #expect(directory.files("elsewhere").isEmpty)
        #expect(try DirectoryHandle(path: directory.realmPath + "/folders").names() == [kept.id.hex])
        #expect(!directory.files().contains { $0.contains(DirectoryHandle.temporaryPrefix) })
    }

    @Test("what is kept of a realm on storage names nothing that a person chose")
    func secrecy() throws {
        let marks = ["Xylophon-folder", "quokka-file", "wombat-directory", "The capybara's content", "daemon"]
        let mine = String(cString: try #require(getpwuid(getuid())).pointee.pw_name)
        _ = try realm.createFolder(
            name: marks[0], members: try members("\(marks[4]):read", "\(mine):manage"), storage: nil, ownerUID: 0)
        try realm.use(marks[0]) { session in
            try session.write(Array(marks[3].utf8), to: marks[1])
            try session.makeDirectory(marks[2])
            try session.write(Array(String(repeating: marks[3], count: 1000).utf8), to: "big " + marks[1])
        }
        _ = try realm.rotateKey(ofFolder: marks[0])
        _ = try realm.grant(try #require(MemberSpec(text: "@\(marks[4]):list")), inFolder: marks[0])
        for file in directory.files() {
            let bytes = directory.bytes(file)
            for mark in marks {
                #expect(!bytes.contains(bytes: Array(mark.utf8)), "\(mark) in \(file)")
                #expect(!file.contains(mark))
            }
        }
    }

    // MARK: Members

    @Test("a member is granted, changed and revoked")
    func grant() throws {
        _ = try realm.createFolder(name: "plans", members: try members("root:manage"), storage: nil, ownerUID: 0)
        func granted(_ text: String) throws -> [String: Rights] {
            let folder = try realm.grant(try #require(MemberSpec(text: text)), inFolder: "plans")
            return Dictionary(uniqueKeysWithValues: folder.members.map { ($0.who, $0.rights) })
        }
        func revoked(_ text: String) throws -> [String: Rights] {
            let folder = try realm.revoke(try #require(MemberSpec(text: text)), inFolder: "plans")
            return Dictionary(uniqueKeysWithValues: folder.members.map { ($0.who, $0.rights) })
        }
        #expect(try granted("daemon:read") == ["root": .manage, "daemon": .read])
        #expect(try granted("daemon:write,delete") == ["root": .manage, "daemon": [.write, .delete]])
        #expect(try granted("@daemon:list") == ["root": .manage, "daemon": [.write, .delete], "@daemon": .list])
        #expect(try revoked("daemon:delete")["daemon"] == [.list, .read, .write])
        #expect(try revoked("@daemon") == ["root": .manage, "daemon": [.list, .read, .write]])
        #expect(try revoked("root:manage")["root"] == Rights.all.subtracting(.manage))
        #expect(try revoked("daemon:list") == ["root": Rights.all.subtracting(.manage)])
        #expect(failure { try revoked("daemon") }?.kind == .notAMember)
        #expect(failure { try granted("daemon") }?.kind == .failed)
        #expect(try directory.open().folder(named: "plans").members.map(\.who) == ["root"])
    }

    @Test("a private folder has no members")
    func privateMembers() throws {
        _ = try realm.createFolder(name: "own", members: [], storage: nil, ownerUID: 0)
        let spec = try #require(MemberSpec(text: "daemon:read"))
        #expect(failure { try realm.grant(spec, inFolder: "own") }?.kind == .privateFolder)
        #expect(failure { try realm.revoke(spec, inFolder: "own") }?.kind == .privateFolder)
    }

    @Test("a member that another process grants counts in a folder in use after it was told to reload")
    func reload() throws {
        _ = try realm.createFolder(name: "plans", members: try members("root:manage"), storage: nil, ownerUID: 0)
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        defer { try? folder.close() }
        let session = try FolderSession(folder.parts, uid: 1, bootID: RealmDirectory.bootID)
        #expect(try !session.isListed())
        let other = try directory.open()
        _ = try other.grant(try #require(MemberSpec(text: "daemon:read")), inFolder: "plans")
        try folder.reload()
        #expect(try session.isListed())
        _ = try other.revoke(try #require(MemberSpec(text: "daemon")), inFolder: "plans")
        try folder.reload()
        #expect(try !session.isListed())
        try session.end()
    }

    @Test(
        "members are spelled WHO or WHO:RIGHTS",
        arguments: [
            ("alice", "alice", nil), ("@staff:list", "@staff", .list), ("*:read,write", "*", [.read, .write]),
        ] as [(String, String, Rights?)])
    func spelling(_ text: String, _ who: String, _ rights: Rights?) throws {
        let spec = try #require(MemberSpec(text: text))
        #expect(spec.who.text == who)
        #expect(spec.rights == rights)
    }

    @Test(
        "what is no member is not read",
        arguments: ["", ":read", "@", "@:read", "alice:", "alice:fly", "a/b", "alice:read,"])
    func misspelled(_ text: String) {
        #expect(MemberSpec(text: text) == nil)
    }

    // MARK: Damage

    @Test("a changed byte anywhere in a folder's record is refused")
    func tamperedRecord() throws {
        let folder = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: 0)
        try refusesEveryFlip(directory.place(of: folder) + "/folder") {
            failure { try realm.folder(named: "plans") }
        }
    }

    @Test("a changed byte anywhere in an index's anchor is refused")
    func tamperedAnchor() throws {
        let folder = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: 0)
        try refusesEveryFlip(directory.place(of: folder) + "/anchor") { failure { try realm.listing("plans") } }
    }

    @Test("a changed byte anywhere in the table of persons is refused")
    func tamperedPersons() throws {
        _ = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: 0)
        let key = realm.exportMasterKey()
        try refusesEveryFlip("realm/persons") {
            failure { try Realm.open(at: directory.realmPath, unlock: .masterKey(key)) }
        }
    }

    private func refusesEveryFlip(_ file: String, _ attempt: () -> RealmError?) throws {
        let original = directory.bytes(file)
        #expect(!original.isEmpty)
        for place in original.indices {
            var bytes = original
            bytes[place] ^= 1 << UInt8(place % 8)
            directory.write(bytes, to: file)
            #expect(attempt() != nil, "byte \(place)")
        }
        for count in [0, 8, 16, original.count - 1] {
            directory.write(Array(original[..<count]), to: file)
            #expect(attempt() != nil, "cut at \(count)")
        }
        directory.write(original, to: file)
        #expect(attempt() == nil)
    }

    @Test("one folder's record does not stand in for another's")
    func swapped() throws {
        let first = try realm.createFolder(name: "first", members: [], storage: nil, ownerUID: 0)
        let second = try realm.createFolder(name: "second", members: [], storage: nil, ownerUID: 0)
        for name in ["folder", "anchor"] {
            let original = directory.bytes(directory.place(of: first) + "/" + name)
            directory.write(
                directory.bytes(directory.place(of: second) + "/" + name), to: directory.place(of: first) + "/" + name)
            #expect(failure { try realm.listing("first") } != nil)
            directory.write(original, to: directory.place(of: first) + "/" + name)
        }
        #expect(try realm.listing("first").isEmpty)
    }

    @Test("a damaged folder does not stand in the way of the others")
    func damagedNeighbour() throws {
        let damaged = try realm.createFolder(name: "damaged", members: [], storage: nil, ownerUID: 0)
        _ = try realm.createFolder(name: "sound", members: [], storage: nil, ownerUID: 0)
        directory.write([1, 2, 3], to: directory.place(of: damaged) + "/folder")
        #expect(try realm.folder(named: "sound").name == "sound")
        #expect(failure { try realm.folder(named: "damaged") }?.kind == .damaged)
        #expect(failure { try realm.folders() }?.kind == .damaged)
    }

    @Test("a folder's record of a newer format is refused for that reason")
    func newerRecord() throws {
        let folder = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: 0)
        var bytes = directory.bytes(directory.place(of: folder) + "/folder")
        bytes[8] = 2
        directory.write(bytes, to: directory.place(of: folder) + "/folder")
        #expect(failure { try realm.folder(named: "plans") }?.kind == .newerFormat)
    }
}
