import ArgusMountKit
import Testing

@Suite("A mounted folder")
struct MountedFolderTests {
    @Test("keeps what is written to it, and the next mount finds every byte")
    func remount() throws {
        let folder = try MountedFolder()
        try folder.shell("mkdir -p a/b; echo one > a/b/c; ln -s b a/d; setfattr -n user.note -v x a/b/c").required()
        let before = try folder.fingerprint()
        #expect(before.contains("a/b/c|f|") && before.contains("user.note"))
        try folder.remount()
        #expect(try folder.fingerprint() == before)
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.output == "docs: clean\n" && check.status == 0)
    }

    @Test("is clean after a mount in which nothing was done")
    func idle() throws {
        let folder = try MountedFolder()
        for _ in 0..<2 {
            try folder.unmount()
            let check = try folder.argusfs("check", MountedFolder.name)
            #expect(check.output == "docs: clean\n" && check.status == 0, "\(check.error)")
            try folder.mount()
        }
    }

    @Test("is an ordinary user's own", arguments: [Person.first])
    func ordinaryUser(person: Person) throws {
        let folder = try MountedFolder(as: person)
        try folder.shell("echo one > file").required()
        try folder.remount()
        #expect(try folder.shell("cat file; id -un").output == "one\n\(person.name)\n")
    }
}
