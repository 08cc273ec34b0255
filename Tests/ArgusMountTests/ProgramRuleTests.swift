import ArgusMountKit
import Glibc
import Testing

@Suite("Rules for programs")
struct ProgramRulesOnMountsTests {
    private func folder() throws -> MountedFolder {
        let folder = try MountedFolder()
        try folder.shell("head -c 100000 /dev/urandom > file; cp file \"$HOME/plain\"").required()
        return folder
    }

    private func set(_ rules: String, of folder: MountedFolder) throws {
        try folder.argusfs("folder", "set", MountedFolder.name, "programs=\(rules)").required()
    }

    @Test("a program is denied by its file, whatever it is called, and its copy is another program")
    func deny() throws {
        let folder = try folder()
        try folder.shell("cp /usr/bin/head \"$HOME/tool\"; ln -s tool \"$HOME/alias\"").required()
        try set("deny:\(folder.home)/tool", of: folder)
        #expect(try folder.shell("\"$HOME/tool\" -c1 file").status != 0)
        #expect(try folder.shell("\"$HOME/alias\" -c1 file").status != 0)
        #expect(try folder.shell("ln \"$HOME/tool\" \"$HOME/second\"; \"$HOME/second\" -c1 file").status != 0)
        #expect(try folder.shell("head -c1 file").succeeded)
        let journal = try folder.argusfs("journal", "show").required().output
        #expect(journal.contains("denied") && journal.contains("program:deny:\(folder.home)/tool"))
        #expect(journal.contains("programs=deny:\(folder.home)/tool,no-indexers"))
        try set("", of: folder)
        #expect(try folder.shell("\"$HOME/tool\" -c1 file").succeeded)
    }

    @Test("only what is allowed opens files where the last rule denies all; a path forged in a namespace does not help")
    func allowList() throws {
        let folder = try MountedFolder(members: ["*:read,write"], options: ["-o", "allow_other"])
        try folder.shell("echo secret > file").required()
        try set("allow:/usr/bin/cat,deny:*", of: folder)
        #expect(try folder.shell("cat file").output == "secret\n")
        #expect(try folder.shell("head -c1 file").status != 0)
        #expect(try folder.shell("echo more > other").status != 0)
        let forged = try folder.shell(
            "unshare -m sh -c 'mount --bind /usr/bin/head /usr/bin/cat; /usr/bin/cat -c1 file'", as: .root)
        #expect(forged.status != 0)
        #expect(try folder.shell("cat file").output == "secret\n")
    }

    @Test("a program is known by its digest, and by device and inode")
    func digestAndInode() throws {
        let folder = try folder()
        try folder.shell("cp /usr/bin/head \"$HOME/tool\"").required()
        let digest = try folder.shell("sha256sum \"$HOME/tool\" | cut -c1-64").required().output.filter { $0 != "\n" }
        try set("deny:sha256:\(digest)", of: folder)
        #expect(try folder.shell("\"$HOME/tool\" -c1 file").status != 0)
        #expect(try folder.shell("head -c1 file").status != 0, "the same program elsewhere")
        #expect(try folder.shell("cat file > /dev/null").succeeded)
        let key = try folder.shell("stat -c %Hd:%Ld:%i \"$HOME/tool\"").required().output.filter { $0 != "\n" }
        try set("deny:file:\(key)", of: folder)
        #expect(try folder.shell("\"$HOME/tool\" -c1 file").status != 0)
        #expect(try folder.shell("head -c1 file").succeeded)
    }

    @Test("a program that the key is withheld from reads the capsule, cannot write, and nobody else sees ciphertext")
    func withhold() throws {
        let folder = try folder()
        try folder.shell("cp /usr/bin/cat \"$HOME/backup\"; cp /usr/bin/tee \"$HOME/writer\"").required()
        try set("withhold:\(folder.home)/backup,withhold:\(folder.home)/writer", of: folder)
        try folder.shell("\"$HOME/backup\" file > \"$HOME/sealed\"; cmp file \"$HOME/plain\"").required()
        try folder.shell("cp \"$(getfattr --only-values -n user.argus.storage file)\" \"$HOME/capsule\"").required()
        #expect(try folder.shell("cmp \"$HOME/sealed\" \"$HOME/capsule\"").succeeded)
        #expect(try folder.shell("cmp -s \"$HOME/sealed\" \"$HOME/plain\"").status == 1)
        #expect(try folder.shell("echo x | \"$HOME/writer\" file").status != 0)
        let mapped = try folder.shell(
            """
            cp /usr/bin/python3 "$HOME/python"
            """)
        #expect(mapped.succeeded)
        try set("withhold:\(folder.home)/python", of: folder)
        let fault = try folder.shell(
            """
            PYTHONHOME=/usr "$HOME/python" -c 'import mmap
            with open("file", "rb") as f: mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ)[0]'
            """)
        #expect(fault.status == 128 + SIGBUS || fault.status == 135, "\(fault.status) \(fault.error)")
        try folder.shell("cmp file \"$HOME/plain\"").required()
        #expect(try folder.argusfs("journal", "show").required().output.contains("(ciphertext)"))
        try folder.remount()
        try folder.shell("cmp file \"$HOME/plain\"").required()
    }

    @Test("indexers and thumbnailers are kept out until the folder lets them in")
    func indexers() throws {
        let folder = try folder()
        try folder.shell("cp /usr/bin/cat \"$HOME/tumblerd\"; cp /usr/bin/ls \"$HOME/baloo_file\"").required()
        #expect(try folder.shell("\"$HOME/tumblerd\" file > /dev/null").status != 0)
        #expect(try folder.shell("\"$HOME/baloo_file\" .").status != 0)
        #expect(try folder.argusfs("journal", "show").required().output.contains("program:no-indexers"))
        try set("indexers", of: folder)
        #expect(try folder.shell("\"$HOME/tumblerd\" file > /dev/null; \"$HOME/baloo_file\" .").succeeded)
    }

    @Test("what is no rule is refused by name")
    func malformed() throws {
        let folder = try MountedFolder(mounts: false)
        for rules in ["deny", "deny:curl", "forbid:/bin/sh", "deny:sha256:12"] {
            let result = try folder.argusfs("folder", "set", MountedFolder.name, "programs=\(rules)")
            #expect(result.status == 64 && result.error.contains("programs="))
        }
    }
}
