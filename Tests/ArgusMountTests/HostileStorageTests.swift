import ArgusMountKit
import Glibc
import Testing

/// What is done to a folder's storage as a whole; what is done to single capsules is for `AttackMatrixTests`.
@Suite("What storage brings back, and an index that is not the one that was left, is given away", .tags(.fuse))
struct HostileStorageTests {
    /// Where the capsule of a file lies.
    private func capsule(_ folder: MountedFolder, _ path: String) throws -> String {
        let rows = try JSON(text: try folder.argusfs("index", "ls", MountedFolder.name, "--json").required().output)
            .array
        return try #require(rows.first { $0["path"]?.string == path }?["location"]?.string)
    }

    private func filled() throws -> MountedFolder {
        let folder = try MountedFolder()
        try folder.shell(
            """
            : > empty; printf x > one; head -c 2000 /dev/urandom > inline
            for n in 4095 4096 4097 20000 300000; do head -c $n /dev/urandom > f.$n; done
            truncate -s 40M sparse; printf end | dd of=sparse bs=1 seek=30000000 conv=notrunc status=none
            head -c 20000 /dev/urandom > victim; cp victim other; sync
            """
        ).required()
        return folder
    }

    @Test("the capsule of a deleted file that comes back belongs to no file")
    func resurrected() throws {
        let folder = try filled()
        let victim = try capsule(folder, "/victim")
        try folder.shell("cp \"$1\" kept", victim, in: folder.home).required()
        try folder.shell("rm victim; sync").required()
        try folder.unmount()
        try folder.shell("[ ! -e \"$1\" ]; mkdir -p \"${1%/*}\"; cp kept \"$1\"", victim, in: folder.home).required()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 1 && check.output.contains("orphan") && check.output.contains(victim))
        try folder.mount()
        #expect(try folder.shell("ls").output.contains("victim") == false)
    }

    @Test("an index that is not the one that was left does not mount, and check says so")
    func index() throws {
        let folder = try filled()
        try folder.unmount()
        let index = try folder.shell("find realm/folders -path '*/index/*/*' -type f", in: folder.home).required()
            .output.dropLast()
        try folder.shell("cp \"$1\" old", String(index), in: folder.home).required()
        try folder.mount()
        try folder.shell("echo more > more").required()
        try folder.unmount()
        try folder.shell("cp \"$1\" new", String(index), in: folder.home).required()
        for script in [
            "cp old \"$1\"", "dd if=/dev/zero of=\"$1\" bs=4096 count=2 conv=notrunc status=none",
            "rm \"$1\"; mkfifo \"$1\"",
        ] {
            try folder.shell(script, String(index), in: folder.home).required()
            let mount = try folder.argusfs("mount", MountedFolder.name, folder.mountPoint)
            #expect(mount.status == 1 && mount.error.split(separator: "\n").count == 1, "\(mount)")
            let check = try folder.argusfs("check", MountedFolder.name)
            #expect(check.status == 1 && check.output.hasPrefix("index: "), "\(check)")
            try folder.shell("rm -f \"$1\"; cp new \"$1\"", String(index), in: folder.home).required()
        }
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
    }

    /// What is put back to an older state, and what gives it away: a check, or the refusal to mount.
    static let rollbacks: [(parts: [String], finding: String, mounts: Bool)] = [
        (["storage"], "rolled-back: /victim: ", true),
        (["storage", "index"], "index: ", false),
        (["storage", "index", "anchor"], "rolled-back: the index is older than the journal knows: ", false),
        (["index", "anchor"], "rolled-back: the index is older than the journal knows: ", false),
    ]

    @Test("what is rolled back together is given away by what is not", arguments: rollbacks.indices)
    func rolledBackTogether(number: Int) throws {
        let (parts, finding, mounts) = Self.rollbacks[number]
        let folder = try filled()
        try folder.unmount()
        let places = try places(folder)
        for place in places { try folder.shell("cp -a \"$1\" .", place, in: folder.home).required() }
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
        try folder.mount()
        try folder.shell("head -c 20000 /dev/urandom > victim; echo newer > later").required()
        try folder.unmount()
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
        try putBack(places, parts, folder)
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 1)
        #expect(check.output.split(separator: "\n").contains { $0.hasPrefix(finding) }, "\(check.output)")
        let mount = try folder.argusfs("mount", MountedFolder.name, folder.mountPoint)
        #expect(mount.succeeded == mounts, "\(mount)")
    }

    /// Index, anchor and storage of the folder.
    private func places(_ folder: MountedFolder) throws -> [String] {
        try folder.shell(
            "cd realm/folders/*; echo \"$PWD/index\"; echo \"$PWD/anchor\"; echo \"$1\"", folder.storage,
            in: folder.home
        ).required().output.split(separator: "\n").map(String.init)
    }

    private func putBack(_ places: [String], _ parts: [String], _ folder: MountedFolder) throws {
        for place in places where parts.contains(where: { place.hasSuffix("/\($0)") }) {
            try folder.shell("rm -rf \"$1\"; cp -a \"${1##*/}\" \"$1\"", place, in: folder.home).required()
        }
    }

    /// What is put back to a state in the middle of a mount, and whether that mount was killed and another came after it.
    static let midMount: [(parts: [String], isKilled: Bool)] = [
        (["index", "anchor", "storage"], false), (["index", "anchor"], false),
        (["index", "anchor", "storage"], true), (["index", "anchor"], true),
    ]

    @Test("a state of the middle of a mount is not taken for the newest", arguments: midMount.indices)
    func rolledBackMidMount(number: Int) throws {
        let (parts, isKilled) = Self.midMount[number]
        let folder = try MountedFolder()
        try folder.shell("echo version 1 > v; echo secret > del").required()
        try folder.argusfs("sync", folder.mountPoint).required()
        let places = try places(folder)
        for place in places { try folder.shell("cp -a \"$1\" .", place, in: folder.home).required() }
        try folder.shell("echo version 2 > v; sync v; rm del").required()
        try folder.argusfs("sync", folder.mountPoint).required()
        if isKilled {
            try folder.killDriver()
            try folder.argusfs("umount", folder.mountPoint)
            try folder.mount()
            #expect(try folder.shell("cat v").output == "version 2\n")
        }
        try folder.unmount()
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
        #expect(try folder.argusfs("journal", "show", "--activity", "integrity", "--json").required().output == "")
        try putBack(places, parts, folder)
        for count in 1...2 {
            let check = try folder.argusfs("check", MountedFolder.name)
            #expect(check.status == 1)
            #expect(check.output.contains("rolled-back: the index is older than the journal knows: "), "\(check)")
            let mount = try folder.argusfs("mount", MountedFolder.name, folder.mountPoint)
            #expect(
                mount.status == 1 && mount.error.contains("the index is older than the journal knows: it has commit"))
            #expect(mount.error.split(separator: "\n").count == 1, "\(mount)")
            for command in [["index", "ls"], ["why"]] {
                let told = try folder.argusfs(
                    command + [MountedFolder.name]
                        + (command == ["why"] ? ["/v", "--person", "root", "--right", "read"] : []))
                #expect(told.status == 1 && told.error.contains("older than the journal knows"), "\(told)")
            }
            let shown = try folder.argusfs("journal", "show", "--activity", "integrity", "--json").required().output
            #expect(shown.split(separator: "\n").count == count, "\(shown)")
        }
        #expect(try folder.argusfs("journal", "verify").status == 0)
        let accepted = try folder.argusfs("check", MountedFolder.name, "--accept")
        #expect(
            accepted.status == 1 && accepted.output.contains("; accepted as it is, as the journal tells (repaired)"))
        try folder.mount()
        #expect(try folder.shell("cat del").output == (parts.contains("storage") ? "secret\n" : ""))
        let shown = try folder.argusfs("journal", "show", "--activity", "recover", "--json").required().output
        #expect(shown.contains("accepted as it is: the index is older than the journal knows"), "\(shown)")
        try folder.unmount()
        #expect(try folder.argusfs("journal", "verify").status == 0)
    }

    @Test("a journal that is older than the index knows is recorded at mount, and verify names it")
    func journalRolledBack() throws {
        let folder = try filled()
        try folder.unmount()
        try folder.shell("cp -a realm/journal older", in: folder.home).required()
        try folder.mount()
        try folder.shell("echo secret > victim").required()
        try folder.unmount()
        #expect(try folder.argusfs("journal", "verify").status == 0)
        try folder.shell("rm -rf realm/journal; mv older realm/journal", in: folder.home).required()
        #expect(try folder.argusfs("journal", "verify").status == 1)
        try folder.mount()
        let shown = try folder.argusfs("journal", "show", "--activity", "integrity", "--json").required().output
        #expect(shown.contains("the newest record that the index knew is not in the spool"), "\(shown)")
    }
}
