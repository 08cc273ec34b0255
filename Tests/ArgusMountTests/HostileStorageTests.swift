import ArgusMountKit
import Glibc
import Testing

/// What a person sees through the mount while somebody else changes the storage beneath it.
@Suite("Storage that lies gives EIO for what it changed, and for nothing else")
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

    /// The sums of all files but the victim.
    private func others(_ folder: MountedFolder) throws -> String {
        try folder.shell("sha256sum empty one inline f.* sparse other").required().output
    }

    /// What is done to the victim's capsule `$1`; `$2` is another file's, `$3` an older version of its own.
    static let attacks: [(String, String)] = [
        ("zeroed", "dd if=/dev/zero of=\"$1\" bs=4096 seek=2 count=20 conv=notrunc status=none"),
        ("random", "dd if=/dev/urandom of=\"$1\" bs=4096 count=8 conv=notrunc status=none"),
        ("emptied", ": > \"$1\""),
        ("cut", "truncate -s 9000 \"$1\""),
        ("removed", "rm \"$1\""),
        ("another's", "cp \"$2\" \"$1\""),
        ("older", "cp \"$3\" \"$1\""),
        ("link", "rm \"$1\"; ln -s \"$3\" \"$1\""),
        ("hard link", "rm \"$1\"; ln \"$2\" \"$1\""),
        ("directory", "rm \"$1\"; mkdir \"$1\""),
        ("fifo", "rm \"$1\"; mkfifo \"$1\""),
    ]

    @Test("the capsule of a closed file, in a folder in use", arguments: attacks.map(\.0))
    func closed(attack: String) throws {
        let script = try #require(Self.attacks.first { $0.0 == attack }?.1)
        let folder = try filled()
        let (victim, other) = (try capsule(folder, "/victim"), try capsule(folder, "/other"))
        let (older, newest) = (folder.home + "/older", folder.home + "/newest")
        try folder.shell("cp \"$1\" older", victim, in: folder.home).required()
        try folder.shell("head -c 20000 /dev/urandom > victim; sync; sleep 0.1; sync").required()
        let sum = try folder.shell("sha256sum victim").required().output
        try folder.remount()
        let expected = try others(folder)
        try folder.shell("cp \"$1\" newest", victim, in: folder.home).required()
        try folder.shell(script, victim, other, older, in: folder.home).required()

        let read = try folder.shell("timeout 20 cat victim")
        #expect(read.status == 1 && read.error.contains("Input/output error"), "\(read)")
        // A file with two names gives neither: storage has no business to make one.
        if attack != "hard link" { #expect(try others(folder) == expected) }
        let record = try folder.argusfs("journal", "show", "--activity", "integrity", "--json").required().output
        #expect(record.contains("victim"), "\(record)")

        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 1)
        let line = try #require(
            check.output.split(separator: "\n").first { $0.contains("/victim: ") }, "\(check.output)")
        #expect(line.contains(victim))

        // Whole again, it is read again.
        try folder.shell("rm -rf \"$1\"; cp newest \"$1\"", victim, in: folder.home).required()
        let again = try folder.argusfs("check", MountedFolder.name)
        #expect(again.output == "docs: clean\n", "\(again.output)")
        try folder.mount()
        #expect(try folder.shell("sha256sum victim").required().output == sum)
        #expect(newest != older)
    }

    @Test("the capsule of a file that is open: what is read from storage then is authentic, or EIO")
    func open() throws {
        let folder = try filled()
        let victim = try capsule(folder, "/f.300000")
        let expected = try others(folder).split(separator: "\n").filter { !$0.hasSuffix("f.300000") }
        try folder.remount()
        let reader = try folder.start(
            """
            exec 5<f.300000; head -c 4096 <&5 | sha256sum; touch "$1/ready"
            while [ ! -e "$1/altered" ]; do sleep 0.02; done
            dd bs=4096 skip=60 count=1 status=none <&5 | sha256sum; echo "status $?"
            dd if=f.300000 bs=4096 skip=60 count=1 status=none || echo failed
            """, [folder.home])
        try folder.shell("while [ ! -e ready ]; do sleep 0.02; done", in: folder.home).required()
        try folder.shell(
            "dd if=/dev/zero of=\"$1\" bs=4096 seek=40 count=60 conv=notrunc status=none; touch altered", victim,
            in: folder.home
        ).required()
        let read = reader.wait()
        #expect(read.error.contains("Input/output error"), "\(read)")
        #expect(read.output.contains("failed"))
        let sums = try folder.shell("sha256sum empty one inline f.4* f.2* sparse other").required().output
        #expect(Set(sums.split(separator: "\n")) == Set(expected.filter { !$0.hasSuffix("victim") }))
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 1 && check.output.contains("/f.300000") && check.output.contains("Page(page: "))
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

    @Test("index, anchor and capsules rolled back together are given away by the journal")
    func rolledBackTogether() throws {
        let folder = try filled()
        try folder.unmount()
        try folder.shell("cp -a realm/folders folders; cp -a ../storage storage", in: folder.home).required()
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
        try folder.mount()
        try folder.shell("echo secret > victim; rm other").required()
        try folder.unmount()
        #expect(try folder.argusfs("check", MountedFolder.name).output == "docs: clean\n")
        try folder.shell(
            "rm -rf realm/folders; mv folders realm/folders; rm -rf ../storage/*; cp -a storage/* ../storage/",
            in: folder.home
        ).required()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.status == 1 && check.output.hasPrefix("rolled-back: "), "\(check)")
        #expect(check.output.split(separator: "\n").count == 1)
    }
}
