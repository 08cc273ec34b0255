import ArgusMountKit
import Glibc
import Testing

@Suite("All folders on one mount")
struct MountAllTests {
    /// A realm with the folders docs, alpha and beta, mounted as directories.
    private func folders(options: [String] = []) throws -> MountedFolder {
        let folder = try MountedFolder(mounts: false)
        for name in ["alpha", "beta"] { try folder.argusfs("folder", "create", name).required() }
        try mountAll(folder, options)
        return folder
    }

    @discardableResult
    private func mountAll(
        _ folder: MountedFolder, _ options: [String] = [], as person: Person? = nil
    ) throws -> Finished {
        try folder.argusfs(["mount", "--all", folder.mountPoint] + options, as: person).required()
    }

    private func journal(_ folder: MountedFolder, of name: String) throws -> [String] {
        try folder.argusfs("journal", "show", "--folder", name).required().output.split(separator: "\n").map(
            String.init)
    }

    @Test("each is a directory; files move between them by copy and delete, which the journals of both tell")
    func moving() throws {
        let folder = try folders()
        #expect(try folder.shell("ls").required().output == "alpha\nbeta\ndocs\n")
        try folder.shell("mkdir -p alpha/d/e; echo hello > alpha/d/f; mv alpha/d/f beta/g; mv alpha/d docs/").required()
        #expect(try folder.shell("cat beta/g; ls -A alpha docs").required().output == "hello\nalpha:\n\ndocs:\nd\n")
        let (source, target) = (try journal(folder, of: "alpha"), try journal(folder, of: "beta"))
        for lines in [source, target] {
            #expect(lines.contains { $0.contains(" copy ") && $0.contains("/d/f → /g") })
        }
        #expect(source.contains { $0.contains(" unlink ") && $0.contains("/d/f") })
        #expect(target.contains { $0.contains(" create ") && $0.contains("/g") })
    }

    @Test("nothing else goes from one to another, and nothing changes in the directory above")
    func boundaries() throws {
        let folder = try folders()
        let text = try folder.shell(
            """
            echo x > alpha/f; exec python3 - <<'END'
            import errno, os
            def attempt(name, body):
                try: body(); print(name, 'ok')
                except OSError as error: print(name, errno.errorcode[error.errno])
            attempt('rename', lambda: os.rename('alpha/f', 'beta/f'))
            attempt('link', lambda: os.link('alpha/f', 'beta/f'))
            source, target = os.open('alpha/f', os.O_RDONLY), os.open('beta/t', os.O_CREAT | os.O_RDWR)
            attempt('copy', lambda: os.copy_file_range(source, target, 2))
            print(os.pread(target, 9, 0).decode().strip())
            attempt('create', lambda: os.open('new', os.O_CREAT | os.O_WRONLY))
            attempt('mkdir', lambda: os.mkdir('new'))
            attempt('rmdir', lambda: os.rmdir('beta'))
            attempt('move', lambda: os.rename('beta', 'gamma'))
            attempt('up', lambda: os.rename('alpha/f', 'f'))
            attempt('down', lambda: os.rename('beta', 'alpha/beta'))
            attempt('chmod', lambda: os.chmod('.', 0o777))
            attempt('setxattr', lambda: os.setxattr('.', 'user.x', b'y'))
            attempt('absent', lambda: os.stat('gamma'))
            attempt('writable', lambda: print(os.access('.', os.W_OK), os.access('.', os.R_OK | os.X_OK)))
            END
            """
        ).required().output
        #expect(
            text == """
                rename EXDEV
                link EXDEV
                copy ok
                x
                create EROFS
                mkdir EROFS
                rmdir EROFS
                move EROFS
                up EXDEV
                down EROFS
                chmod EROFS
                setxattr EROFS
                absent ENOENT
                False True
                writable ok

                """)
    }

    @Test("all have one device, and inode numbers that differ between folders and stay the same at the next mount")
    func numbers() throws {
        let folder = try folders()
        try folder.shell("for d in *; do mkdir $d/a; echo x > $d/a/b; ln $d/a/b $d/c; done").required()
        let list = "find . -printf '%D %i %p\\n' | sort -k3; stat -c %h alpha/c"
        let before = try folder.shell(list).required().output
        let lines = before.split(separator: "\n").dropLast().map { $0.split(separator: " ") }
        #expect(Set(lines.map { $0[0] }).count == 1)
        // The two names of each of three files share a number.
        #expect(lines.count == 13 && Set(lines.map { $0[1] }).count == 10)
        #expect(before.hasSuffix("\n2\n"))
        #expect(try folder.shell("cd alpha/a; ls ../..; pwd -P").required().output.hasSuffix("/mount/alpha/a\n"))
        try folder.unmount()
        try mountAll(folder)
        let after = try folder.shell(list).required().output
        let numbers = { (text: String) in text.split(separator: "\n").map { $0.drop { $0 != " " } } }
        #expect(numbers(after) == numbers(before))
    }

    @Test("commands reach each of them, changes of members hold at once, and umount ends them all")
    func commands() throws {
        let me = Person.current.name
        let folder = try MountedFolder(members: ["\(me):manage"], mounts: false)
        try folder.argusfs("folder", "create", "alpha").required()
        try mountAll(folder)
        try folder.shell("echo x > docs/one; echo y > alpha/two").required()
        let status = try JSON(text: try folder.argusfs("status", "--json").required().output).array
        #expect(status.compactMap { $0["folder"]?.string } == ["alpha", "docs"])
        #expect(Set(status.compactMap { $0["mountPoint"]?.string }) == [folder.mountPoint])
        #expect(status.first?["path"]?.string == folder.mountPoint + "/alpha")
        #expect(Set(status.compactMap { $0["pid"]?.number }).count == 1)
        for (name, path) in [("docs", "/one"), ("alpha", "/two")] {
            #expect(try folder.argusfs("index", "ls", name).required().output.contains(path))
        }
        for place in [folder.mountPoint, folder.mountPoint + "/alpha"] {
            try folder.argusfs("sync", place).required()
        }
        try folder.argusfs("check", "alpha").required()
        mkdir(folder.home + "/other", 0o755)
        let second = try folder.argusfs("mount", "alpha", folder.home + "/other")
        #expect(second.status != 0 && second.error.contains("on \(folder.mountPoint)"), "\(second.error)")
        try folder.argusfs("folder", "revoke", "docs", "--member", me).required()
        #expect(try folder.shell("cat docs/one").status != 0)
        #expect(try folder.shell("ls; cat alpha/two").required().output == "alpha\ny\n")
        try folder.argusfs("folder", "grant", "docs", "--member", "\(me):read").required()
        #expect(try folder.shell("cat docs/one").required().output == "x\n")
        try folder.argusfs("mount", "-o", "remount,ro", "alpha", folder.mountPoint).required()
        #expect(try folder.shell("echo z > alpha/three").status != 0)
        try folder.unmount()
        #expect(try folder.argusfs("status", "--json").required().output == "[]\n")
        for name in ["docs", "alpha"] { try folder.argusfs("check", name).required() }
    }

    @Test("what is mounted elsewhere or cannot be opened is left out, with a line that says so")
    func leftOut() throws {
        let folder = try folders()
        try folder.unmount()
        let (other, storage) = (folder.home + "/other", folder.home + "/storage")
        for place in [other, storage] { mkdir(place, 0o755) }
        try folder.argusfs("folder", "create", "gone", "--storage", storage).required()
        try Program(["rm", "-r", storage]).wait().required()
        try folder.argusfs("mount", "beta", other).required()
        let mounted = try mountAll(folder)
        #expect(mounted.error.contains("left out: beta: is mounted already, on \(other)"))
        #expect(mounted.error.contains("left out: gone: "))
        #expect(try folder.shell("ls").required().output == "alpha\ndocs\n")
        try folder.unmount()
        try folder.argusfs("umount", other).required()
        for words in [["--all", "docs", folder.mountPoint], ["docs"]] {
            #expect(try folder.argusfs(["mount"] + words).status == 64)
        }
    }

    @Test("a personal mount has the folders that its person may list; a shared one lists each to those who may")
    func persons() throws {
        let (first, second) = (Person.first, Person.second)
        let folder = try MountedFolder(as: first, mounts: false)
        for (name, member) in [("both", "\(first.name):read"), ("theirs", "root:manage")] {
            try folder.argusfs(
                "folder", "create", name, "--member", "\(second.name):manage", "--member", member
            ).required()
        }
        try mountAll(folder)
        #expect(try folder.shell("ls").required().output == "both\ndocs\n")
        try folder.unmount()
        try mountAll(folder, ["-o", "allow_other"], as: .root)
        func seen(by person: Person) throws -> String { try folder.shell("ls; true", as: person).required().output }
        #expect(try seen(by: first) == "both\ndocs\n")
        #expect(try seen(by: second) == "both\ntheirs\n")
        #expect(try seen(by: .root) == "theirs\n")
        try folder.shell("echo x > both/f", as: second).required()
        #expect(try folder.shell("cat both/f", as: first).required().output == "x\n")
        #expect(try folder.shell("ls docs", as: second).status != 0)
        #expect(try folder.shell("ls docs", as: .root).status != 0)
        try folder.argusfs("umount", folder.mountPoint, as: .root).required()
    }

    @Test("a driver that is killed loses nothing that was made durable, in any of them")
    func killed() throws {
        let folder = try folders()
        try folder.shell("for d in *; do echo $d > $d/f; done").required()
        try folder.argusfs("sync", folder.mountPoint).required()
        try folder.killDriver()
        try mountAll(folder)
        #expect(try folder.shell("cat */f").required().output == "alpha\nbeta\ndocs\n")
        try folder.unmount()
        for name in ["alpha", "beta", "docs"] { try folder.argusfs("check", name).required() }
    }
}
