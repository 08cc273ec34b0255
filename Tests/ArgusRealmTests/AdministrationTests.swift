import ArgusCore
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

@Suite struct CheckTests {
    private let directory = RealmDirectory()
    private let realm: Realm
    private let folder: FolderSummary
    private let content = [UInt8]((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    init() throws {
        realm = try directory.create().realm
        folder = try realm.folder("plans", file: "a", content: content)
    }

    private func location(_ name: String) throws -> String {
        let row = try realm.listing("plans").first { $0.path == Array("/\(name)".utf8) }
        return try #require(row?.location)
    }

    @Test("a folder at rest is clean, and progress reaches its end")
    func clean() throws {
        try realm.use("plans") { session throws in
            for number in 0..<20 { try session.write(content, to: "file \(number)") }
        }
        var steps: [CheckProgress] = []
        let administration = try realm.administration(ofFolder: "plans")
        #expect(try administration.check(repair: false) { steps.append($0) }.isEmpty)
        administration.close()
        let last = try #require(steps.last)
        #expect(last.phase == .objects)
        #expect(last.doneFiles == last.totalFiles)
        #expect(last.doneBytes >= UInt64(20 * content.count))
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.doneBytes <= $1.doneBytes })
    }

    @Test("a changed byte in each page of a capsule is found, with the file's path")
    func damaged() throws {
        let capsule = try location("a")
        let original = readFile(capsule)
        for place in stride(from: 100, to: original.count, by: 1024) {
            var bytes = original
            bytes[place] ^= 4
            writeFile(capsule, bytes)
            let findings = try realm.findings("plans")
            #expect(findings.contains { $0.kind == .damaged && $0.path == Array("/a".utf8) }, "byte \(place)")
            #expect(findings.allSatisfy { !$0.isRepaired && !$0.advice.isEmpty && !$0.detail.contains("\n") })
        }
        writeFile(capsule, original)
        #expect(try realm.findings("plans").isEmpty)
    }

    @Test("a changed byte in each page of the index is found")
    func damagedIndex() throws {
        let object = try #require(directory.objects(in: directory.place(of: folder) + "/index").first)
        let original = directory.bytes(object)
        for place in stride(from: 100, to: original.count, by: 2048) {
            var bytes = original
            bytes[place] ^= 4
            directory.write(bytes, to: object)
            let found = try realm.findings("plans").filter { $0.kind == .index }
            #expect(!found.isEmpty, "byte \(place)")
            #expect(
                found.allSatisfy { !$0.detail.contains("restore") && $0.advice.hasPrefix("restore ") },
                "advice is told once: \(found)")
        }
        directory.write(original, to: object)
        #expect(try realm.findings("plans").isEmpty)
    }

    @Test("a changed byte of the anchor or of a store's marker is a finding, format numbers among them")
    func damagedRecords() throws {
        let place = directory.place(of: folder)
        for (name, kind) in [
            ("anchor", CheckFinding.Kind.index), ("index/argus-store", .index), ("store/argus-store", .damaged),
        ] {
            let original = directory.bytes(place + "/" + name)
            for byte in original.indices {
                var bytes = original
                bytes[byte] ^= 1
                directory.write(bytes, to: place + "/" + name)
                let found = try realm.findings("plans")
                #expect(found.first?.kind == kind, "\(name), byte \(byte): \(found)")
                #expect(found.allSatisfy { !$0.advice.isEmpty && !$0.detail.contains(";") })
            }
            directory.write(original, to: place + "/" + name)
        }
        #expect(try realm.findings("plans").isEmpty)
    }

    @Test("a missing capsule is found, and repair does not make it up")
    func missing() throws {
        unlink(try location("a"))
        #expect(try realm.findings("plans").map(\.kind) == [.missing])
        #expect(try realm.findings("plans", repair: true).map(\.isRepaired) == [false])
        #expect(try realm.findings("plans").map(\.kind) == [.missing])
    }

    @Test("a capsule that was rolled back is found")
    func rolledBack() throws {
        let capsule = try location("a")
        let old = readFile(capsule)
        try realm.use("plans") { try $0.write([9, 9, 9], to: "a") }
        writeFile(capsule, old)
        #expect(try realm.findings("plans").map(\.kind) == [.rolledBack])
        #expect(try realm.findings("plans", repair: true).map(\.kind) == [.rolledBack])
        #expect(readFile(capsule) == old)
    }

    @Test("a capsule in another's place is found")
    func swapped() throws {
        try realm.use("plans") { try $0.write(content, to: "b") }
        let (first, second) = (try location("a"), try location("b"))
        let (one, other) = (readFile(first), readFile(second))
        writeFile(first, other)
        writeFile(second, one)
        #expect(try realm.findings("plans").filter { $0.kind == .damaged }.count == 2)
    }

    @Test("a stray file is told and never touched")
    func stray() throws {
        let stray = folder.storage + "/note.txt"
        writeFile(stray, [1, 2, 3])
        #expect(try realm.findings("plans").map(\.kind) == [.stray])
        #expect(try realm.findings("plans", repair: true).map(\.kind) == [.stray])
        #expect(readFile(stray) == [1, 2, 3])
    }

    @Test("a capsule that no file refers to is told, and removed by repair alone")
    func orphan() throws {
        let capsule = try location("a")
        let bytes = readFile(capsule)
        try realm.use("plans") { try $0.remove("a") }
        #expect(access(capsule, F_OK) != 0)
        mkdir(String(capsule.dropLast(31)), 0o700)
        writeFile(capsule, bytes)
        #expect(try realm.findings("plans").map(\.kind) == [.orphan])
        #expect(access(capsule, F_OK) == 0)
        #expect(try realm.findings("plans", repair: true).map(\.isRepaired) == [true])
        #expect(access(capsule, F_OK) != 0)
        #expect(try realm.findings("plans").isEmpty)
    }

    @Test("an object that is no capsule of the folder is told and never removed")
    func foreign() throws {
        let shard = folder.storage + "/ab"
        mkdir(shard, 0o700)
        writeFile(shard + "/" + String(repeating: "c", count: 30), [UInt8](repeating: 5, count: 8192))
        #expect(try realm.findings("plans").map(\.kind) == [.orphan])
        #expect(try realm.findings("plans", repair: true).map(\.isRepaired) == [false])
        #expect(try realm.findings("plans").map(\.kind) == [.orphan])
    }

    @Test("repair after an unclean end leaves a folder that is clean and whole")
    func repairsUnclean() throws {
        let open = try realm.openFolder(named: "plans", mode: .mount)
        let session = try FolderSession(open.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        try session.write(content, to: "b", synchronizes: true)
        try session.synchronize()
        try session.end()
        try open.close(isClean: false)
        #expect(try realm.findings("plans", repair: true).isEmpty)
        #expect(try realm.findings("plans").isEmpty)
        try realm.use("plans") { session throws in
            #expect(try session.read("a") == content)
            #expect(try session.read("b") == content)
        }
    }
}

@Suite struct KeyRotationTests {
    private let directory = RealmDirectory()
    private let realm: Realm
    private let content = [UInt8]((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    init() throws {
        realm = try directory.create().realm
        _ = try realm.folder("plans", file: "a", content: content)
    }

    @Test("a new key is every file's, and no content is written anew")
    func rotates() throws {
        try realm.use("plans") { session throws in
            for number in 0..<10 { try session.write(content, to: "file \(number)") }
        }
        let before = try realm.listing("plans")
        for generation in KeyGeneration(2)...4 {
            #expect(try realm.rotateKey(ofFolder: "plans").keyGeneration == generation)
            let rows = try realm.listing("plans")
            #expect(rows.map(\.capsule) == before.map(\.capsule))
            #expect(rows.compactMap(\.keyVersion).allSatisfy { $0 == generation })
            #expect(rows.count == 11)
            #expect(try realm.findings("plans").isEmpty)
        }
        try directory.open().use("plans") { session throws in #expect(try session.read("a") == content) }
    }

    @Test("the key of a folder in use changes in its record, and its files are rewrapped by the next rotation at rest")
    func rotatesInUse() throws {
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        let session = try FolderSession(folder.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        #expect(try directory.open().rotateKey(ofFolder: "plans").keyGeneration == 2)
        try folder.reload()
        try session.write(content, to: "b")
        try session.end()
        try folder.close()
        #expect(try realm.findings("plans").isEmpty)
        try realm.use("plans") { session throws in
            #expect(try session.read("a") == content)
            #expect(try session.read("b") == content)
        }
        #expect(try realm.rotateKey(ofFolder: "plans").keyGeneration == 3)
        #expect(try realm.listing("plans").map(\.keyVersion) == [3, 3])
    }

    @Test("a damaged capsule does not keep the others from the new key")
    func damaged() throws {
        try realm.use("plans") { try $0.write(content, to: "b") }
        let rows = try realm.listing("plans")
        let location = try #require(rows.first?.location)
        unlink(location)
        _ = try realm.rotateKey(ofFolder: "plans")
        #expect(try realm.listing("plans").map(\.keyVersion) == [1, 2])
        #expect(try realm.findings("plans").map(\.kind) == [.missing])
    }
}
