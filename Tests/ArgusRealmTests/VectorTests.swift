import ArgusCore
import ArgusRealm
import ArgusSystem
import Glibc
import Testing

/// The realm under `Tests/Vectors/realm` was made once; `Tests/Vectors/realm_reader.py` reads it as well.
@Suite("The realm's format stays what it was, and its document is complete")
struct VectorTests {
    private static let vectors = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Vectors"
    private let directory = RealmDirectory()

    private func copy() throws -> String {
        try #require(run("cp", "-r", Self.vectors + "/realm/realm", directory.realmPath))
        for name in ["run", "log", "journal"] { mkdir(directory.realmPath + "/" + name, 0o700) }
        for folder in directory.files("realm/folders") where folder.hasSuffix("/anchor") {
            directory.write([], to: folder.dropLast(6) + "lock")
        }
        return directory.realmPath
    }

    @Test("it opens with passphrase, key file and recovery key, and every byte of it verifies")
    func opens() throws {
        let path = try copy()
        func line(_ name: String) -> String {
            String(decoding: readFile(Self.vectors + "/realm/" + name).prefix { $0 != 10 }, as: UTF8.self)
        }
        let ways: [Unlock] = [
            .passphrase(secret(line("passphrase"))), .keyFile(Self.vectors + "/realm/key-file"),
            .recovery(line("recovery-key")),
        ]
        for unlock in ways {
            let realm = try Realm.open(at: path, unlock: unlock)
            #expect(try realm.folders().map(\.name) == ["empty one", "plans"])
            #expect(try realm.folder(named: "plans").keyGeneration == 3)
            #expect(try realm.findings("plans").isEmpty)
            let rows = try realm.listing("plans").filter { $0.capsule != nil }
            let expected = String(decoding: readFile(Self.vectors + "/realm/expected.ndjson"), as: UTF8.self)
            #expect(rows.count == expected.split(separator: "\n").count)
            for row in rows where row.path.allSatisfy({ $0 < 0x80 }) {
                let path = String(decoding: row.path, as: UTF8.self)
                #expect(expected.contains("\"path\": \"\(path)\", \"size\": \(row.size),"), "\(path)")
            }
        }
    }

    @Test(
        "a reader that was written from the document alone finds the same files", arguments: ["key-file", "passphrase"])
    func independentReader(method: String) throws {
        let secret = method == "key-file" ? Self.vectors + "/realm/key-file" : "correct horse battery staple"
        let output = directory.path + "/found"
        let script = "python3 \"$1\" \"$2\" \"$3\" \"$4\" > \"$5\""
        try #require(
            run(
                "sh", "-c", script, "sh", Self.vectors + "/realm_reader.py", Self.vectors + "/realm/realm", method,
                secret,
                output))
        #expect(readFile(output) == readFile(Self.vectors + "/realm/expected.ndjson"))
    }

    @Test("what is altered opens for that reader no more than for the program")
    func altered() throws {
        let path = try copy()
        for file in directory.files("realm") where !file.hasSuffix("lock") && !file.contains("argus-store") {
            let original = directory.bytes(file)
            guard !original.isEmpty, !file.contains("04ee4dfccae146fddbd05f7dca7c2ab6/index") else { continue }
            var bytes = original
            bytes[bytes.count - 30] ^= 1
            directory.write(bytes, to: file)
            #expect(
                !run(
                    "sh", "-c", "python3 \"$1\" \"$2\" key-file \"$3\" >/dev/null 2>&1", "sh",
                    Self.vectors + "/realm_reader.py", path, Self.vectors + "/realm/key-file"),
                "\(file)")
            directory.write(original, to: file)
        }
    }
}
