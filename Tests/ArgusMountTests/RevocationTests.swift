import ArgusMountKit
import Glibc
import Testing

@Suite("Revocation reaches open files")
struct RevocationTests {
    private static let reads = ["read", "seek", "open", "reopen"]
    private static let writes = ["write", "truncate", "allocate"]

    private func makeFile(in folder: MountedFolder) throws {
        try folder.shell("head -c 65536 /dev/zero | tr '\\0' x > file; chmod 666 file; chmod 777 .").required()
    }

    private func denials(of folder: MountedFolder) throws -> String {
        try folder.argusfs("journal", "show").required().output.split(separator: "\n")
            .filter { $0.contains(" denied ") }.joined(separator: "\n")
    }

    private func expectCut(_ results: [String: String], sourceLine: Int = #line) {
        for name in Self.reads + Self.writes {
            #expect(results[name] == "EACCES", "\(name), line \(sourceLine)")
        }
        #expect(results["map-read"] == "SIGBUS" && results["map-write"] == "SIGBUS", "line \(sourceLine)")
    }

    @Test(
        "on a personal mount: reads, writes, opens and mappings end; what was changed before is kept; a record says who"
    )
    func personal() throws {
        let folder = try MountedFolder(members: ["\(Person.current.name):manage", "\(Person.first.name):manage"])
        try makeFile(in: folder)
        let file = try OpenFile("file", in: folder)
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", Person.current.name).required()
        expectCut(try file.attempt())
        let denied = try denials(of: folder)
        #expect(denied.contains("\(Person.current.name)  ") && denied.contains("/file  (cut-off:shared:not-a-member)"))
        try folder.argusfs(
            "folder", "grant", MountedFolder.name, "--member", "\(Person.current.name):read"
        ).required()
        #expect(try folder.shell("head -c 8 file").required().output == "DIRTYxxx")
    }

    @Test("on a shared mount: one member is cut off, another goes on, and the first comes back only with a new open")
    func shared() throws {
        let folder = try MountedFolder(
            as: .root, members: ["root:manage", "\(Person.first.name):read,write", "\(Person.second.name):read"],
            options: ["-o", "allow_other"])
        try makeFile(in: folder)
        let file = try OpenFile("file", in: folder, as: .first)
        let other = try OpenFile("file", in: folder, as: .second, writes: false)
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", Person.first.name).required()
        expectCut(try file.attempt())
        let rest = try other.attempt()
        for name in Self.reads + ["map-read"] { #expect(rest[name] == "ok", "\(name)") }
        #expect(try folder.shell("head -c 8 file").required().output == "DIRTYxxx")
        #expect(try denials(of: folder).contains("\(Person.first.name)  "))
        #expect(try folder.shell("cat file", as: .first).status != 0)
        try folder.argusfs(
            "folder", "grant", MountedFolder.name, "--member", "\(Person.first.name):read"
        ).required()
        #expect(try folder.shell("head -c 8 file", as: .first).required().output == "DIRTYxxx")
    }

    @Test("whoever loses the right to write keeps reading through other handles, and no change of theirs comes in")
    func writeOnly() throws {
        let folder = try MountedFolder(
            as: .root, members: ["root:manage", "\(Person.first.name):read,write"], options: ["-o", "allow_other"])
        try makeFile(in: folder)
        let writer = try OpenFile("file", in: folder, as: .first)
        let reader = try OpenFile("file", in: folder, as: .first, writes: false)
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", "\(Person.first.name):write").required()
        let results = try writer.attempt()
        for name in ["read", "write", "truncate", "allocate"] { #expect(results[name] == "EACCES", "\(name)") }
        #expect(results["open"] == "ok")
        #expect(try reader.attempt()["read"] == "ok")
        #expect(try folder.shell("tr -d x < file").required().output == "DIRTY")
    }

    @Test("while another member keeps reading the same file, no write of who was cut off comes in, and new opens fail")
    func contended() throws {
        let folder = try MountedFolder(
            as: .root, members: ["root:manage", "\(Person.first.name):read,write", "\(Person.second.name):read"],
            options: ["-o", "allow_other"])
        try makeFile(in: folder)
        let file = try OpenFile("file", in: folder, as: .first)
        let other = try OpenFile("file", in: folder, as: .second, writes: false, keepsReading: true)
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", Person.first.name).required()
        let results = try file.attempt()
        // What is in the cache at that moment for the other member can be read: docs/design/permission.md.
        for name in Self.writes + ["seek", "open", "reopen"] { #expect(results[name] == "EACCES", "\(name)") }
        let rest = try other.attempt()
        #expect(rest["read"] == "ok" && rest["open"] == "ok")
        #expect(Int(rest["count"] ?? "").map { $0 > 0 } == true)
        #expect(try folder.shell("tr -d x < file").required().output == "DIRTY")
    }

    @Test("with -o strict_revocation no read through a descriptor that was cut off is answered, whatever others read")
    func strict() throws {
        let folder = try MountedFolder(
            as: .root, members: ["root:manage", "\(Person.first.name):read,write", "\(Person.second.name):read"],
            options: ["-o", "allow_other,strict_revocation"])
        try makeFile(in: folder)
        let file = try OpenFile("file", in: folder, as: .first)
        let other = try OpenFile("file", in: folder, as: .second, writes: false, keepsReading: true)
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", Person.first.name).required()
        let results = try file.attempt()
        #expect(results["answered"] == "0")
        for name in Self.reads + Self.writes { #expect(results[name] == "EACCES", "\(name)") }
        let rest = try other.attempt()
        for name in Self.reads + ["map-read"] { #expect(rest[name] == "ok", "\(name)") }
        #expect(rest["answered"] == "500" && Int(rest["count"] ?? "").map { $0 > 0 } == true)
        #expect(try folder.shell("tr -d x < file").required().output == "DIRTY")
        // What changed is read as it is, also where the kernel keeps attributes again.
        try folder.shell("cat file > /dev/null; printf new > file; cat file", as: .root).required()
        #expect(try folder.shell("cat file", as: .second).required().output == "new")
    }

    @Test("a person who is cut off from the realm loses open files in every folder at once")
    func person() throws {
        let folder = try MountedFolder(
            members: ["root:manage", "*:read,write"], options: ["-o", "allow_other"])
        try makeFile(in: folder)
        let file = try OpenFile("file", in: folder, as: .first)
        try folder.argusfs("person", "revoke", Person.first.name, "--all").required()
        expectCut(try file.attempt())
        #expect(try denials(of: folder).contains("cut-off:person:revoked"))
        #expect(try folder.shell("cat file > /dev/null", as: .second).succeeded)
    }
}
