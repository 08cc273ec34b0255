import ArgusCore
import ArgusCrypto
import ArgusRealm
import ArgusSystem
import Glibc
import Testing

@Suite struct UnlockingTests {
    private let directory = RealmDirectory()

    @Test("a realm opens with its passphrase, its recovery key and its master key, and is the same one")
    func opens() throws {
        let (realm, recoveryKey) = try directory.create()
        let ways: [Unlock] = [
            .passphrase(secret(RealmDirectory.passphrase)), .recovery(recoveryKey), .masterKey(realm.exportMasterKey()),
        ]
        for way in ways {
            let opened = try Realm.open(at: directory.realmPath, unlock: way)
            #expect(opened.id == realm.id)
            #expect(opened.exportMasterKey().isEqual(to: realm.exportMasterKey()))
        }
        let summary = try Realm.inspect(at: directory.realmPath)
        #expect(summary.id == realm.id)
        #expect(summary.methods == [.passphrase, .recovery])
        #expect(summary.format == 1)
    }

    @Test(
        "a recovery key is read as people write it",
        arguments: [
            { (key: String) in key.lowercased() }, { $0.filter { $0 != "-" } },
            { " " + $0.split(separator: "-").joined(separator: " ") + "\n" },
            { String($0.map { $0 == "0" ? "O" : $0 }) }, { String($0.map { $0 == "1" ? "l" : $0 }) },
        ] as [@Sendable (String) -> String])
    func recoverySpelling(_ spell: @Sendable (String) -> String) throws {
        let (realm, recoveryKey) = try directory.create()
        #expect(try Realm.open(at: directory.realmPath, unlock: .recovery(spell(recoveryKey))).id == realm.id)
    }

    @Test("a slip in any character of a recovery key is noticed before it is tried")
    func recoverySlip() throws {
        let (_, recoveryKey) = try directory.create()
        #expect(recoveryKey.utf8.count == 56 + 13)
        for (place, character) in recoveryKey.utf8.enumerated() where character != UInt8(ascii: "-") {
            var slipped = Array(recoveryKey.utf8)
            slipped[place] = character == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
            let error = failure {
                try Realm.open(
                    at: directory.realmPath, unlock: .recovery(String(decoding: slipped, as: UTF8.self)))
            }
            #expect(error?.kind == .wrongRecoveryKey)
            #expect(error?.message.contains("mistyped") == true)
        }
    }

    @Test("a missing key file is made, readable by its owner alone, and opens the realm")
    func keyFile() throws {
        let file = directory.path + "/key"
        let (realm, _) = try Realm.create(at: directory.realmPath, unlock: .keyFile(file))
        var status = stat()
        #expect(stat(file, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try Realm.open(at: directory.realmPath, unlock: .keyFile(file)).id == realm.id)
        #expect(try Realm.inspect(at: directory.realmPath).methods == [.keyFile, .recovery])
    }

    @Test("what does not open a realm is refused with its reason, and changes nothing")
    func refusals() throws {
        let (_, recoveryKey) = try directory.create()
        let other = RealmDirectory()
        let (_, otherRecovery) = try other.create()
        let otherKey = try other.open().exportMasterKey()
        directory.write([UInt8](0..<64), to: "key")
        directory.write([UInt8](0..<31), to: "short")
        directory.write([UInt8](repeating: 0, count: 64), to: "blank")
        directory.write([UInt8](repeating: 1, count: 70_000), to: "long")
        let before = directory.snapshot()

        let path = directory.realmPath
        func kind(_ unlock: Unlock) -> RealmError.Kind? { failure { try Realm.open(at: path, unlock: unlock) }?.kind }
        #expect(kind(.passphrase(secret("wrong"))) == .wrongPassphrase)
        #expect(kind(.passphrase(secret(""))) == .emptyPassphrase)
        #expect(kind(.keyFile(directory.path + "/key")) == .noKeyFile)
        #expect(kind(.recovery(otherRecovery)) == .wrongRecoveryKey)
        #expect(kind(.recovery("")) == .wrongRecoveryKey)
        #expect(kind(.masterKey(otherKey)) == .damaged)
        #expect(kind(.masterKey(SecretBytes(count: 32) { _ in })) == .unsuitableKey)
        #expect(kind(.masterKey(.random(count: 16))) == .unsuitableKey)

        let keyed = RealmDirectory()
        _ = try Realm.create(at: keyed.realmPath, unlock: .keyFile(keyed.path + "/key"))
        func keyedKind(_ unlock: Unlock) -> RealmError.Kind? {
            failure { try Realm.open(at: keyed.realmPath, unlock: unlock) }?.kind
        }
        #expect(keyedKind(.keyFile(directory.path + "/key")) == .wrongKeyFile)
        #expect(keyedKind(.keyFile(directory.path + "/none")) == .keyFileMissing)
        #expect(keyedKind(.keyFile(directory.path + "/short")) == .unsuitableKey)
        #expect(keyedKind(.keyFile(directory.path + "/blank")) == .unsuitableKey)
        #expect(keyedKind(.keyFile(directory.path + "/long")) == .unsuitableKey)
        #expect(keyedKind(.passphrase(secret("any"))) == .noPassphrase)

        #expect(failure { try Realm.open(at: path + "/none", unlock: .recovery(recoveryKey)) }?.kind == .notARealm)
        #expect(failure { try Realm.inspect(at: directory.path) }?.kind == .notARealm)
        #expect(directory.snapshot() == before)
    }

    @Test("a changed passphrase opens the realm, and the old one does not")
    func changePassphrase() throws {
        let (realm, recoveryKey) = try directory.create()
        try realm.changePassphrase(to: secret("new"), cost: .test)
        #expect(try directory.open("new").id == realm.id)
        #expect(failure { try directory.open() }?.kind == .wrongPassphrase)
        #expect(try Realm.open(at: directory.realmPath, unlock: .recovery(recoveryKey)).id == realm.id)
        #expect(failure { try realm.changePassphrase(to: secret("")) }?.kind == .emptyPassphrase)
    }

    @Test("recovery replaces everything that opened the realm but the recovery key")
    func recover() throws {
        let (realm, recoveryKey) = try directory.create()
        let file = directory.path + "/key"
        _ = try Realm.recover(at: directory.realmPath, recoveryKey: recoveryKey, newUnlock: .keyFile(file))
        #expect(try Realm.open(at: directory.realmPath, unlock: .keyFile(file)).id == realm.id)
        #expect(failure { try directory.open() }?.kind == .noPassphrase)
        #expect(try Realm.open(at: directory.realmPath, unlock: .recovery(recoveryKey)).id == realm.id)
    }

    @Test("a recovery that fails leaves no key file and the realm as it was")
    func failedRecovery() throws {
        try directory.create()
        let before = directory.snapshot()
        let error = failure {
            try Realm.recover(
                at: directory.realmPath, recoveryKey: "wrong", newUnlock: .keyFile(directory.path + "/key"))
        }
        #expect(error?.kind == .wrongRecoveryKey)
        #expect(directory.snapshot() == before)
    }
}

@Suite struct CreatingTests {
    private let directory = RealmDirectory()

    @Test("parents are made, and everything is its owner's alone")
    func parents() throws {
        let path = directory.path + "/a/b/realm"
        _ = try Realm.create(at: path, unlock: .passphrase(secret("x")), cost: .test)
        for name in ["", "/folders", "/journal", "/run", "/log"] {
            var status = stat()
            #expect(stat(path + name, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o700, "\(name)")
        }
    }

    @Test("a realm that cannot be made leaves nothing behind")
    func nothingStays() throws {
        directory.write(Array("hello".utf8), to: "file")
        directory.write([1], to: "short")
        mkdir(directory.path + "/full", 0o755)
        directory.write([1], to: "full/other")
        let before = directory.snapshot()
        func kind(_ name: String, _ unlock: Unlock) -> RealmError.Kind? {
            failure { try Realm.create(at: directory.path + "/" + name, unlock: unlock, cost: .test) }?.kind
        }
        let passphrase = Unlock.passphrase(secret("x"))
        #expect(kind("full", passphrase) == .directoryNotEmpty)
        #expect(kind("file", passphrase) == .directoryNotEmpty)
        #expect(kind("file/below", passphrase) != nil)
        #expect(kind("a/b", .passphrase(secret(""))) == .emptyPassphrase)
        #expect(kind("a/b", .keyFile(directory.path + "/short")) == .unsuitableKey)
        #expect(kind("full", .keyFile(directory.path + "/made")) == .directoryNotEmpty)
        #expect(kind("a/b", .masterKey(.random(count: 32))) == .failed)
        #expect(directory.snapshot() == before)
        #expect(access(directory.path + "/a", F_OK) != 0)
    }

    @Test("a realm is not made over another")
    func already() throws {
        try directory.create()
        let before = directory.snapshot()
        #expect(failure { try directory.create() }?.kind == .alreadyARealm)
        #expect(directory.snapshot() == before)
    }

    @Test("where making a realm was cut short, one can be made")
    func cutShort() throws {
        mkdir(directory.realmPath, 0o700)
        mkdir(directory.realmPath + "/folders", 0o700)
        directory.write([1, 2, 3], to: "realm/persons")
        directory.write([1], to: "realm/\(DirectoryHandle.temporaryPrefix)0")
        directory.write([], to: "realm/\(DirectoryHandle.temporaryPrefix)making")
        #expect(failure { try Realm.inspect(at: directory.realmPath) }?.kind == .notARealm)
        let (realm, _) = try directory.create()
        #expect(try realm.folders().isEmpty)
        #expect(access("\(directory.realmPath)/\(DirectoryHandle.temporaryPrefix)making", F_OK) != 0)
    }

    @Test(
        "what somebody else keeps under a name of a realm's is never taken for ours",
        arguments: ["log", "journal", "run"])
    func foreign(name: String) throws {
        mkdir(directory.realmPath, 0o700)
        mkdir(directory.realmPath + "/folders", 0o700)
        mkdir(directory.realmPath + "/" + name, 0o700)
        directory.write([1, 2, 3], to: "realm/\(name)/mine")
        let before = directory.snapshot()
        #expect(failure { try directory.create() }?.kind == .directoryNotEmpty)
        #expect(directory.snapshot() == before)
    }
}

@Suite struct TamperedRealmTests {
    private let directory = RealmDirectory()

    @Test("a changed byte anywhere in realm.json is refused")
    func flips() throws {
        let key = try directory.create().realm.exportMasterKey()
        let original = directory.bytes("realm/realm.json")
        for place in original.indices {
            for change in [UInt8(1), 0x20, 0x80] {
                var bytes = original
                bytes[place] ^= change
                directory.write(bytes, to: "realm/realm.json")
                #expect(
                    failure { try Realm.open(at: directory.realmPath, unlock: .masterKey(key)) } != nil,
                    "byte \(place) ^ \(change)")
            }
        }
        directory.write(original, to: "realm/realm.json")
        _ = try Realm.open(at: directory.realmPath, unlock: .masterKey(key))
    }

    @Test("realm.json cut anywhere, or with something behind it, is refused")
    func cuts() throws {
        let key = try directory.create().realm.exportMasterKey()
        let original = directory.bytes("realm/realm.json")
        let others =
            original.indices.map { Array(original[..<$0]) } + [original + [UInt8(ascii: " ")], original + original]
        for bytes in others {
            directory.write(bytes, to: "realm/realm.json")
            #expect(failure { try Realm.open(at: directory.realmPath, unlock: .masterKey(key)) } != nil)
        }
    }

    @Test("the wrap of a cheaper derivation, or of another realm, opens nothing")
    func movedWraps() throws {
        try directory.create()
        let text = String(decoding: directory.bytes("realm/realm.json"), as: UTF8.self)
        directory.write(
            Array(text.split(separator: "\"logN\" : 10").joined(separator: "\"logN\" : 9").utf8), to: "realm/realm.json"
        )
        #expect(failure { try directory.open() }?.kind == .wrongPassphrase)
        directory.write(
            Array(text.split(separator: "\"logN\" : 10").joined(separator: "\"logN\" : 30").utf8),
            to: "realm/realm.json")
        #expect(failure { try directory.open() }?.kind == .damaged)
        let other = RealmDirectory()
        try other.create()
        let id = try Realm.inspect(at: directory.path + "/realm").id
        let foreign = String(decoding: other.bytes("realm/realm.json"), as: UTF8.self)
        let otherID = try Realm.inspect(at: other.realmPath).id
        directory.write(
            Array(foreign.split(separator: otherID.hex).joined(separator: id.hex).utf8), to: "realm/realm.json")
        #expect(failure { try directory.open() }?.kind == .wrongPassphrase)
    }

    @Test("a realm of a newer format is refused for that reason")
    func newerFormat() throws {
        try directory.create()
        let text = String(decoding: directory.bytes("realm/realm.json"), as: UTF8.self)
        directory.write(
            Array(text.split(separator: "\"format\" : 1").joined(separator: "\"format\" : 2").utf8),
            to: "realm/realm.json")
        #expect(failure { try directory.open() }?.kind == .newerFormat)
        #expect(failure { try Realm.inspect(at: directory.realmPath) }?.kind == .newerFormat)
    }

    @Test("a link or a device in place of realm.json is not followed", arguments: ["link", "fifo", "directory"])
    func otherKinds(_ kind: String) throws {
        try directory.create()
        let file = directory.realmPath + "/realm.json"
        rename(file, directory.path + "/moved")
        switch kind {
        case "link": symlink(directory.path + "/moved", file)
        case "fifo": mkfifo(file, 0o600)
        default: mkdir(file, 0o700)
        }
        #expect(failure { try directory.open() }?.kind == .damaged)
    }
}
