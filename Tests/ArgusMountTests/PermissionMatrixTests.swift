import ArgusMountKit
import Testing

/// Every right, every operation, everybody, on both kinds of mount: the errno of each cell, and the record of a refusal.
@Suite("The matrix of rights")
struct PermissionMatrixTests {
    private static let operations: [(name: String, needs: String)] = [
        ("list", "list"), ("read", "read"), ("map", "read"), ("write", "write"), ("truncate", "write"),
        ("create", "write"), ("mkdir", "write"), ("symlink", "write"), ("link", "write"), ("rename", "write"),
        ("setxattr", "write"), ("unlink", "delete"), ("rmdir", "delete"),
    ]

    private static let implied: [String: Set<String>] = [
        "list": ["list"], "read": ["list", "read"], "write": ["list", "read", "write"], "delete": ["delete"],
        "export": ["list", "read"], "manage": ["list", "read", "write", "delete"],
    ]

    private static let script = """
        import errno, mmap, os, sys
        os.chdir(sys.argv[1])
        def attempt(name, body):
            try: body(); print(name, 'ok')
            except OSError as error: print(name, errno.errorcode[error.errno])
        def opened(flags, body=lambda fd: None):
            fd = os.open('file', flags)
            try: body(fd)
            finally: os.close(fd)
        attempt('list', lambda: os.listdir('.'))
        attempt('read', lambda: opened(os.O_RDONLY, lambda fd: os.read(fd, 1)))
        attempt('map', lambda: opened(os.O_RDONLY, lambda fd: mmap.mmap(fd, 1, prot=mmap.PROT_READ)[0]))
        attempt('write', lambda: opened(os.O_WRONLY, lambda fd: os.write(fd, b'x')))
        attempt('truncate', lambda: os.truncate('file', 1))
        attempt('create', lambda: os.close(os.open('new', os.O_CREAT | os.O_EXCL | os.O_WRONLY)))
        attempt('mkdir', lambda: os.mkdir('newdir'))
        attempt('symlink', lambda: os.symlink('file', 'newlink'))
        attempt('link', lambda: os.link('file', 'newname'))
        attempt('rename', lambda: os.rename('moves', 'moved'))
        attempt('setxattr', lambda: os.setxattr('file', 'user.x', b'y'))
        attempt('unlink', lambda: os.unlink('goes'))
        attempt('rmdir', lambda: os.rmdir('dirgoes'))
        """

    private func attempts(in folder: MountedFolder, as person: Person) throws -> [String: String] {
        try results(
            folder.start("exec python3 -c \"$1\" \"$2\"", [Self.script, folder.mountPoint + "/d"], as: person, in: "/"))
    }

    private func results(_ program: Program) throws -> [String: String] {
        var results: [String: String] = [:]
        let finished = program.wait()
        guard finished.succeeded else { return ["": finished.error] }
        for line in finished.output.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            results[words[0]] = words[1]
        }
        return results
    }

    /// Lays the things out that the operations need, as somebody who may.
    private func prepare(_ folder: MountedFolder, as person: Person) throws {
        try folder.shell(
            """
            rm -rf d; mkdir d; cd d; echo x > file; echo x > moves; echo x > goes; mkdir dirgoes; chmod 666 *; \
            chmod 777 . dirgoes
            """, as: person
        ).required()
    }

    private func expect(_ results: [String: String], to have: Set<String>, _ what: String) {
        for (name, needs) in Self.operations {
            #expect(results[name] == (have.contains(needs) ? "ok" : "EACCES"), "\(name): \(what)")
        }
    }

    @Test(
        "on a shared mount, for a member, a member of a group, a stranger, and root", arguments: implied.keys.sorted())
    func shared(right: String) throws {
        let folder = try MountedFolder(
            members: ["man:manage", "\(Person.first.name):\(right)", "@mail:\(right)"], options: ["-o", "allow_other"])
        let have = Self.implied[right] ?? []
        let member = Person.first
        try prepare(folder, as: .second)
        expect(try attempts(in: folder, as: member), to: have, "member with \(right)")
        try prepare(folder, as: .second)
        // Debian's account mail is in the group mail by its primary group.
        expect(
            try results(
                Program(
                    [
                        "setpriv", "--reuid=mail", "--regid=mail", "--init-groups", "python3", "-c", Self.script,
                        folder.mountPoint + "/d",
                    ])), to: have, "member of a group with \(right)")
        // Root passes POSIX, and the folder refuses it; as the member it is the member, and the journal knows the login.
        try prepare(folder, as: .second)
        expect(try attempts(in: folder, as: .root), to: [], "root")
        // A stranger does not get past the top directory: the kernel says so, and nobody is asked.
        let stranger = try results(
            Program(
                [
                    "setpriv", "--reuid=lp", "--regid=lp", "--init-groups", "python3", "-c", Self.script,
                    folder.mountPoint + "/d",
                ]))
        #expect(stranger[""]?.contains("Permission denied") == true)
        let journal = try folder.argusfs("journal", "show").required().output.split(separator: "\n")
        let denied = journal.filter { $0.contains(" denied ") }
        #expect(denied.contains { $0.contains("  root  ") && $0.contains("shared:not-a-member") })
        if right != "manage" {
            for person in [member.name, "mail"] {
                #expect(
                    denied.contains { $0.contains("  \(person)  ") && $0.contains("shared:right-missing") }, "\(person)"
                )
            }
        }
    }

    @Test("on a personal mount, for a member; nobody else comes in, root included", arguments: implied.keys.sorted())
    func personal(right: String) throws {
        let folder = try MountedFolder(as: .first, members: ["\(Person.first.name):manage"])
        try prepare(folder, as: .first)
        try folder.argusfs(
            "folder", "grant", MountedFolder.name, "--member", "\(Person.first.name):\(right)"
        ).required()
        expect(try attempts(in: folder, as: .first), to: Self.implied[right] ?? [], "member with \(right)")
        for other in [Person.root, .second] {
            #expect(try attempts(in: folder, as: other)[""]?.contains("Permission denied") == true)
        }
        if right != "manage" {
            let journal = try folder.argusfs("journal", "show").required().output
            #expect(journal.contains("shared:right-missing"))
        }
    }
}
