import ArgusMountKit
import Glibc
import Testing

@Suite("The command line", .tags(.fuse))
struct CommandTests {
    /// A person's whole way through the commands, as root and as an ordinary user.
    @Test("does its work while the folder is mounted and while it is not", arguments: [Person.root, .first])
    func walk(person: Person) throws {
        let folder = try MountedFolder(as: person, mounts: false)
        let name = MountedFolder.name
        #expect(try folder.argusfs("--version").required().output.hasPrefix("argusfs "))
        #expect(try folder.argusfs("status", "--json").required().output == "[]\n")
        try folder.mount()
        try folder.shell("echo 'to be kept' > file; mkdir dir; ln -s file dir/link; mkfifo pipe; : > empty").required()

        let status = try JSON(text: folder.argusfs("status", "--json").required().output).array
        #expect(status.count == 1 && status[0]["folder"]?.string == name)
        #expect(status[0]["mountPoint"]?.string == folder.mountPoint)
        #expect(try Tree.drivers(of: folder.mountPoint) == [folder.driver()])

        let mounted = try rows(folder)
        try folder.argusfs("sync", folder.mountPoint + "/dir").required()
        #expect(try folder.argusfs("folder", "delete", name).status == 1)
        try folder.unmount()
        #expect(Tree.drivers(of: folder.mountPoint).isEmpty && Tree.mounts(below: folder.mountPoint).isEmpty)
        #expect(try rows(folder) == mounted)
        #expect(mounted.map(\.["path"]?.string) == ["/file", "/dir", "/pipe", "/empty", "/dir/link"])
        #expect(mounted.map(\.["kind"]?.string) == ["file", "directory", "fifo", "file", "symlink"])
        for row in mounted {
            #expect(row.keys == Self.fields)
            #expect(row["owner"]?.string == person.name && row["protection"]?.string == "private")
        }
        let location = try #require(mounted[0]["location"]?.string)
        #expect(location.hasPrefix(folder.storage + "/"))
        #expect(mounted[0]["size"]?.number == 11 && mounted[1]["location"] == .null)
        #expect(try folder.shell("test -f \"$1\"", location, in: "/").succeeded)

        #expect(try folder.argusfs("index", "ls", name, "/dir").required().output.contains("/dir/link"))
        #expect(try folder.argusfs("index", "ls", name, "/none").status == 1)
        try folder.argusfs("folder", "delete", name).required()
        #expect(try JSON(text: folder.argusfs("folder", "list", "--json").required().output).array.isEmpty)
    }

    private static let fields: Set = [
        "path", "fileId", "inode", "kind", "size", "capsule", "location", "owner", "protection", "keyVersion",
        "modified",
    ]

    private func rows(_ folder: MountedFolder) throws -> [JSON] {
        try JSON(text: folder.argusfs("index", "ls", MountedFolder.name, "--json").required().output).array
    }

    @Test("shares a folder, changes its members and its key, mounted and not")
    func members() throws {
        let folder = try MountedFolder(members: ["\(Person.current.name):manage", "@staff:read,write", "*:list"])
        let name = MountedFolder.name
        func show() throws -> JSON {
            try JSON(text: folder.argusfs("folder", "show", name, "--json").required().output)
        }
        func rights(of who: String) throws -> [JSON]? {
            try show()["members"]?.array.first { $0["who"]?.string == who }?["rights"]?.array
        }
        #expect(try show()["protection"]?.string == "shared")
        for isMounted in [true, false] {
            if !isMounted { try folder.unmount() }
            try folder.argusfs("folder", "grant", name, "--member", "games:read,write").required()
            #expect(try rights(of: "games")?.contains(.string("write")) == true)
            try folder.argusfs("folder", "revoke", name, "--member", "games:write").required()
            #expect(try rights(of: "games")?.contains(.string("write")) == false)
            try folder.argusfs("folder", "revoke", name, "--member", "games").required()
            #expect(try rights(of: "games") == nil)
            let before = try show()["keyVersion"]?.number ?? 0
            try folder.argusfs("folder", "rotate-key", name).required()
            #expect(try show()["keyVersion"]?.number == before + 1)
        }
        try folder.argusfs("check", name).required()
    }

    @Test(
        "tells wrong use with status 64",
        arguments: [
            ["frob"], ["mount", "docs"], ["init", "--key-file", "a", "--passphrase-file", "b"], ["folder", "create"],
            ["folder", "create", "x", "--member", "root:fly"], ["folder", "create", "x", "--member", "root"],
            ["folder", "grant", "x"], ["index", "ls"], ["check"], ["umount"], ["sync"],
            ["mount", "docs", "/", "-o", "frob"],
        ])
    func usage(arguments: [String]) throws {
        let folder = try MountedFolder(mounts: false)
        let result = try folder.argusfs(arguments)
        #expect(result.status == 64 && result.output.isEmpty && !result.error.isEmpty)
    }

    @Test("a list of folders shows those that can be read, and names those that cannot")
    func damagedFolder() throws {
        let folder = try MountedFolder(mounts: false)
        let place = try folder.shell("echo realm/folders/*", in: folder.home).required().output.dropLast()
        let id = try #require(place.split(separator: "/").last)
        try folder.argusfs("folder", "create", "sound").required()
        try folder.shell(
            "printf x | dd of=\"$1/folder\" bs=1 seek=100 conv=notrunc status=none", String(place), in: folder.home
        )
        .required()
        let list = try folder.argusfs("folder", "list")
        #expect(list.status == 1 && list.output.contains("\nsound "), "\(list)")
        #expect(list.error.hasPrefix("argusfs: folder \(id): the folder's record was altered or damaged; "), "\(list)")
        #expect(list.error.split(separator: "\n").count == 1)
        #expect(try folder.argusfs("folder", "show", MountedFolder.name).error.contains(id))
    }

    @Test("check says what it found with status 1, and that it could not look with 2")
    func check() throws {
        let folder = try MountedFolder()
        let name = MountedFolder.name
        try folder.shell("head -c 100000 /dev/urandom > file").required()
        try folder.unmount()
        #expect(try folder.argusfs("check", name).required().output == "docs: clean\n")
        let location = try #require(try rows(folder)[0]["location"]?.string)
        try folder.shell("printf x | dd of=\"$1\" bs=1 seek=50000 conv=notrunc 2> /dev/null", location, in: "/")
            .required()
        let found = try folder.argusfs("check", name)
        #expect(found.status == 1 && found.output.contains("/file"), "\(found.output)")
        let findings = try JSON(text: folder.argusfs("check", name, "--json").output).array
        #expect(findings.count == 1 && findings[0]["kind"]?.string == "damaged")
        #expect(try folder.argusfs("check", name, "--repair").status == 1)
        #expect(try folder.argusfs("check", "none").status == 2)
        try folder.shell("mv storage away", in: folder.scratch.path).required()
        #expect(try folder.argusfs("check", name).status == 2)
        // On a terminal it shows how far it is, on one line that goes away.
        try folder.shell("mv away storage", in: folder.scratch.path).required()
        let shown = try folder.terminal(["check", name], answers: [])
        #expect(shown.status == 1 && shown.output.contains("\r"), "\(shown.output)")
    }

    @Test("asks twice for a new passphrase, without echo, and changes it")
    func passphrase() throws {
        let folder = try MountedFolder(mounts: false)
        let realm = ["--realm", folder.home + "/second"]
        let made = try folder.terminal(["init"] + realm, answers: ["first secret", "first secret"]).required()
        #expect(!made.output.contains("secret") && made.output.contains("Recovery key"))
        let recovery = made.output.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }
            .first { $0.split(separator: "-").count > 10 }
        let differing = try folder.terminal(
            ["init", "--realm", folder.home + "/third"], answers: ["first secret", "other secret"])
        #expect(differing.status == 1 && differing.output.contains("differ"))
        #expect(try folder.shell("test ! -e third", in: folder.home).succeeded)

        let list = ["folder", "list"] + realm
        #expect(try folder.terminal(list, answers: ["wrong"]).status == 1)
        try folder.terminal(list, answers: ["first secret"]).required()
        try folder.terminal(
            ["passphrase", "change"] + realm, answers: ["first secret", "second secret", "second secret"]
        ).required()
        #expect(try folder.terminal(list, answers: ["first secret"]).status == 1)
        try folder.terminal(list, answers: ["second secret"]).required()
        let key = try #require(recovery)
        try folder.terminal(["recover"] + realm, answers: [String(key), "third secret", "third secret"]).required()
        try folder.terminal(list, answers: ["third secret"]).required()
    }

    @Test("unlock lets later commands in until lock or the timeout", arguments: [Person.current, .first])
    func unlock(person: Person) throws {
        let folder = try MountedFolder(as: person, mounts: false)
        let nothing = ["ARGUS_KEY_FILE": ""]
        let list = ["folder", "list"]
        #expect(try folder.argusfs(list, environment: nothing).status == 1)
        try folder.argusfs("unlock").required()
        try folder.argusfs(list, environment: nothing).required()
        try folder.argusfs(["mount", MountedFolder.name, folder.mountPoint], environment: nothing).required()
        try folder.unmount()
        try folder.argusfs(["lock"], environment: nothing).required()
        #expect(try folder.argusfs(list, environment: nothing).status == 1)
        try folder.argusfs("unlock", "--timeout", "1s").required()
        // The kernel forgets it within a second or two; only never would be wrong.
        try folder.shell("sleep 1", in: "/").required()
        var tries = 0
        while try folder.argusfs(list, environment: nothing).succeeded, tries < 60 {
            try folder.shell("sleep 0.5", in: "/").required()
            tries += 1
        }
        #expect(tries < 60)
    }

    @Test("mount returns when the mount is ready, and the driver keeps no descriptor and no directory of the caller")
    func descriptors() throws {
        let folder = try MountedFolder(mounts: false)
        // The pipe ends only when nobody holds its other end any more.
        let result = try folder.shell(
            """
            exec 7> held 8< /etc/passwd
            "$1" mount docs "$2" 2>&1 | cat
            echo after > "$2/file"; cat "$2/file"
            """, MountedFolder.program, folder.mountPoint, in: folder.home)
        #expect(try result.required().output == "after\n")
        let pid = try folder.driver()
        let open = try folder.shell(
            "ls -l /proc/\(pid)/fd /proc/\(pid)/cwd /proc/\(pid)/root", as: .root, in: "/"
        ).required().output
        for foreign in ["held", "/etc/passwd", "pipe:", "argus-output"] {
            #expect(!open.contains(foreign), "\(open)")
        }
        #expect(open.contains("cwd -> /\n") && open.contains("root -> /\n"))
        #expect(try !folder.shell("tr '\\0' '\\n' < /proc/\(pid)/environ | grep ARGUS", as: .root, in: "/").succeeded)
    }

    @Test("umount names the processes that keep the mount busy, and changes nothing")
    func busy() throws {
        let folder = try MountedFolder()
        let reader = try folder.start("exec tail -f /dev/null")
        for _ in 0..<6_000 where Tree.text("/proc/\(reader.pid)/comm") != "tail\n" { usleep(10_000) }
        let result = try folder.argusfs("umount", folder.mountPoint)
        #expect(result.status == 1 && result.error.contains("tail (\(reader.pid)) works in it"), "\(result.error)")
        try folder.shell("echo still > here").required()
        reader.signal(9)
        _ = reader.wait()
        try folder.unmount()
        #expect(try folder.argusfs("umount", folder.mountPoint).status == 1)
    }

    @Test("a mount after umount(8) waits for the driver before")
    func afterPlainUnmount() throws {
        let folder = try MountedFolder(as: .root)
        for round in 0..<3 {
            try folder.shell("head -c 3000000 /dev/urandom > file\(round)").required()
            try folder.shell("umount \"$1\"", folder.mountPoint, in: "/").required()
            try folder.mount()
            #expect(try folder.shell("stat -c %s file\(round)").required().output == "3000000\n")
        }
    }

    @Test("the journal names who mounted and who unmounted")
    func mounter() throws {
        let folder = try MountedFolder(as: .first)
        try folder.unmount()
        let lines = try folder.argusfs("journal", "show").required().output.split(separator: "\n")
        for activity in ["mount", "unmount"] {
            let line = lines.first { $0.contains(" \(activity) ") }
            #expect(line?.contains(Person.first.name) == true, "\(lines)")
        }
    }
}
