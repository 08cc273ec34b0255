import ArgusMountKit
import Glibc
import Testing

@Suite("A folder that several persons work in")
struct SharedFolderTests {
    private func folder(_ members: String...) throws -> MountedFolder {
        try MountedFolder(members: ["root:manage"] + members, options: ["-o", "allow_other"])
    }

    private let first = Person.first.name
    private let second = Person.second.name

    @Test("members make, edit and replace each other's files whatever the umask", arguments: ["022", "077"])
    func editing(umask: String) throws {
        let folder = try folder("\(first):read,write,delete", "\(second):read,write")
        try folder.shell(
            """
            umask \(umask); mkdir -p dir/sub; echo one > dir/file; t=$(mktemp -p dir); echo two > "$t"; mv "$t" dir/temporary
            install -m 600 dir/file dir/installed; chmod 644 dir/file
            """, as: .first
        ).required()
        try folder.shell(
            """
            umask \(umask); cat dir/temporary dir/installed > /dev/null; for f in file temporary installed; do
            echo more >> dir/$f; echo new > dir/.new; mv dir/.new dir/$f; done; mkdir dir/sub/mine; echo x > dir/sub/mine/y
            """, as: .second
        ).required()
        try folder.shell(
            "test \"$(cat dir/file)\" = new; echo back >> dir/file; rm -r dir/sub; mkdir dir/after", as: .first
        ).required()
        try folder.remount()
        #expect(try folder.shell("cat dir/file", as: .second).required().output == "new\nback\n")
    }

    @Test("git, vim and rsync of two members work on the same files", arguments: ["022", "077"])
    func tools(umask: String) throws {
        let folder = try folder("\(first):write,delete", "\(second):write,delete")
        try folder.shell(
            """
            umask \(umask); git init -q repo; cd repo; git config user.name one; git config user.email one@example.org
            echo one > a; git add a; git commit -qm one; mkdir ../tree; seq 1000 > ../tree/a; chmod 600 ../tree/a
            """, as: .first
        ).required()
        try folder.shell(
            """
            umask \(umask); export HOME=$(mktemp -d -p /var/tmp); git config --global safe.directory '*'; cd repo
            echo two >> a; git commit -qam two; git gc -q; cd ..
            vim -u NONE -N -es -c '1s/^/vim /' -c 'wq' tree/a < /dev/null || true
            mkdir "$HOME/more"; seq 2000 > "$HOME/more/b"; cp tree/a "$HOME/more/a"; echo rsync >> "$HOME/more/a"
            rsync -rltO --checksum "$HOME/more/" tree/; rsync -rl --inplace --checksum "$HOME/more/" tree/; rm -rf "$HOME"
            """, as: .second
        ).required()
        let result = try folder.shell(
            """
            umask \(umask); export HOME=$(mktemp -d -p /var/tmp); git config --global safe.directory '*'; cd repo
            echo three >> a; git commit -qam three; git fsck --full >&2; git log --format=%s
            head -1 ../tree/a; tail -1 ../tree/a; echo end >> ../tree/b; rm -rf "$HOME"
            """, as: .first
        ).required()
        #expect(result.output == "three\ntwo\none\nvim 1\nrsync\n")
    }

    @Test(
        "modes that are copied along close no file to the other members",
        arguments: [
            "cp -p", "cp -a", "rsync -a", "rsync -aA", "install -p -m 600", "tar",
        ])
    func copiedModes(tool: String) throws {
        let folder = try folder("\(first):read,write", "\(second):read,write")
        let copy =
            tool == "tar"
            ? "tar -C \"$s\" -cf - file | tar -C dir -xpf - --acls"
            : "\(tool) \"$s/file\" dir/"
        try folder.shell(
            """
            umask 077; mkdir dir; s=$(mktemp -d -p /var/tmp); echo one > "$s/file"; chmod 600 "$s/file"
            \(copy); rm -r "$s"
            """, as: .first
        ).required()
        try folder.shell("cat dir/file; echo two >> dir/file; cp -p dir/file dir/again", as: .second).required()
        #expect(try folder.shell("echo three >> dir/again; cat dir/again", as: .first).output == "one\ntwo\nthree\n")
    }

    @Test("what is copied onto the top directory leaves it the members'; a list of one's own counts below it")
    func topDirectory() throws {
        let folder = try folder("\(first):read,write", "\(second):read,write")
        let before = try folder.shell("getfacl -c .", as: .root).required().output
        try folder.shell(
            """
            s=$(mktemp -d -p /var/tmp); echo x > "$s/file"; mkdir "$s/dir"; chmod 700 "$s"
            rsync -aA "$s/" ./; cp -a "$s/." .; chmod 700 .; setfacl -b .; setfacl -m u:lp:rwx .; rm -r "$s"
            """, as: .root
        ).required()
        #expect(try folder.shell("getfacl -c .", as: .root).required().output == before)
        #expect(try folder.shell("stat -c %A .", as: .root).required().output == "drwxrws---\n")
        try folder.shell("echo y >> file; echo z > new; echo z > dir/new", as: .first).required()
        try folder.shell("setfacl -m o::-,g::-,u:lp:r new", as: .first).required()
        #expect(try folder.shell("cat new", as: .second).status != 0)
        try folder.shell("setfacl -b new; chmod 600 new", as: .first).required()
        #expect(try folder.shell("cat new", as: .second).output == "z\n")
    }

    @Test("who may read only reads, deleting is a right of its own, strangers and root see nothing inside")
    func rights() throws {
        let folder = try MountedFolder(
            members: ["\(first):read", "\(second):write"], options: ["-o", "allow_other"])
        try folder.shell("mkdir dir; echo x > dir/file", as: .second).required()
        #expect(try folder.shell("cat dir/file; ls dir", as: .first).required().output == "x\nfile\n")
        for script in [
            "echo y >> dir/file", "echo y > dir/other", "mkdir dir/new", "rm dir/file", "mv dir/file dir/moved",
            "ln dir/file dir/link", "chmod 777 dir/file", "touch dir/file", "setfattr -n user.x -v y dir/file",
            ": > dir/file",
        ] {
            #expect(try folder.shell(script, as: .first).status != 0, "\(script)")
        }
        #expect(try folder.shell("rm dir/file", as: .second).status != 0)
        #expect(try folder.shell("echo z > dir/.n; mv dir/.n dir/file; cat dir/file", as: .second).output == "z\n")
        #expect(try folder.shell("cat dir/file", as: .root).status != 0)
        #expect(try folder.shell("ls \"$1/dir\"", folder.mountPoint, as: .fourth, in: "/").status != 0)
    }

    @Test("the list of the top directory follows the members, at once and without a driver")
    func list() throws {
        let folder = try folder("\(first):read", "@\(second):write")
        func acl() throws -> [String] {
            try folder.shell("getfacl -cp . | grep -v '^$'").required().output.split(separator: "\n").map(String.init)
        }
        #expect(
            try acl() == [
                "user::rwx", "user:root:rwx", "user:\(first):r-x", "group::---", "group:\(second):rwx", "mask::rwx",
                "other::---",
            ])
        #expect(try folder.shell("stat -c %A .").required().output == "drwxrws---\n")
        try folder.argusfs("folder", "grant", MountedFolder.name, "--member", "\(first):write").required()
        #expect(try acl().contains("user:\(first):rwx"))
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", first).required()
        #expect(try !acl().contains { $0.hasPrefix("user:\(first):") })
        try folder.unmount()
        try folder.argusfs("folder", "grant", MountedFolder.name, "--member", "*:read").required()
        try folder.mount()
        #expect(try acl().contains("other::r-x"))
    }

    @Test("modes stay exact in private folders, and in those that are shared with everyone alone")
    func exactModes() throws {
        for folder in [try MountedFolder(), try MountedFolder(members: ["*:manage"], options: ["-o", "allow_other"])] {
            try folder.shell("umask 077; echo x > f; mkdir d; test \"$(stat -c %a f d | tr '\\n' ' ')\" = '600 700 '")
                .required()
        }
    }
}
