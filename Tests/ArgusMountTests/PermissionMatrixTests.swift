import ArgusMountKit
import Testing

/// Every right, every operation, everybody, on both kinds of mount: the errno of each cell, and the record of it, with the
/// account that logged in: root that acts as somebody shows.
@Suite("The matrix of rights")
struct PermissionMatrixTests {
    private struct Operation {
        var name: String
        var needs: String
        /// What its record says of it where it is permitted.
        var activity: String
        /// Where: of what links and moves, the other name will do.
        var paths: Set<String>

        init(_ name: String, _ needs: String, _ activity: String, _ paths: Set<String>? = nil) {
            self.name = name
            self.needs = needs
            self.activity = activity
            self.paths = paths ?? ["/d/\(name)"]
        }
    }

    private static let operations = [
        Operation("list", "list", "list", ["/d"]), Operation("read", "read", "open"), Operation("map", "read", "open"),
        Operation("write", "write", "open"), Operation("truncate", "write", "truncate"),
        Operation("create", "write", "create"), Operation("mkdir", "write", "create"),
        Operation("symlink", "write", "create"), Operation("link", "write", "link", ["/d/link", "/d/linked"]),
        Operation("rename", "write", "rename", ["/d/rename", "/d/renamed"]),
        Operation("setxattr", "write", "set-attributes"), Operation("utime", "write", "set-attributes"),
        Operation("unlink", "delete", "unlink"), Operation("rmdir", "delete", "unlink"),
    ]

    private static let implied: [String: Set<String>] = [
        "list": ["list"], "read": ["list", "read"], "write": ["list", "read", "write"], "delete": ["delete"],
        "export": ["list", "read"], "manage": ["list", "read", "write", "delete"],
    ]

    private static let script = """
        import errno, mmap, os, sys
        def at(name): return sys.argv[1] + '/' + name
        def attempt(name, body):
            try: body(at(name)); print(name, 'ok')
            except OSError as error: print(name, errno.errorcode[error.errno])
        def opened(path, flags, body=lambda fd: None):
            fd = os.open(path, flags)
            try: body(fd)
            finally: os.close(fd)
        attempt('list', lambda path: os.listdir(at('.')))
        attempt('read', lambda path: opened(path, os.O_RDONLY, lambda fd: os.read(fd, 1)))
        attempt('map', lambda path: opened(path, os.O_RDONLY, lambda fd: mmap.mmap(fd, 1, prot=mmap.PROT_READ)[0]))
        attempt('write', lambda path: opened(path, os.O_WRONLY, lambda fd: os.write(fd, b'x')))
        attempt('truncate', lambda path: os.truncate(path, 1))
        attempt('create', lambda path: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)))
        attempt('mkdir', os.mkdir)
        attempt('symlink', lambda path: os.symlink('read', path))
        attempt('link', lambda path: os.link(at('linked'), path))
        attempt('rename', lambda path: os.rename(at('renamed'), path))
        attempt('setxattr', lambda path: os.setxattr(path, 'user.x', b'y'))
        attempt('utime', os.utime)
        attempt('unlink', os.unlink)
        attempt('rmdir', os.rmdir)
        """

    /// Who tries: an account, and the account that logged in.
    private struct Actor {
        var what: String
        var person: Person
        var login: Person

        init(_ what: String, _ person: Person, login: Person? = nil) {
            self.what = what
            self.person = person
            self.login = login ?? person
        }

        static let member = Actor("member", .first)
        static let groupMember = Actor("member of a group", .third)
        static let stranger = Actor("stranger", .fourth)
        static let root = Actor("root", .root)
        static let suedRoot = Actor("root as the member", .first, login: .root)
    }

    private func attempts(in folder: MountedFolder, as actor: Actor) throws -> [String: String] {
        let finished = try Program(
            [
                "/bin/sh", "-euc",
                "echo $1 > /proc/self/loginuid; shift; exec setpriv --reuid=$1 --regid=$2 --clear-groups "
                    + "python3 -c \"$3\" \"$4\"",
                "sh", String(actor.login.uid), String(actor.person.uid), String(actor.person.gid), Self.script,
                folder.mountPoint + "/d",
            ], as: .root
        ).wait().required()
        var results: [String: String] = [:]
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
            rm -rf d; mkdir d; cd d; for f in read map write truncate linked renamed setxattr utime unlink; do
            echo x > $f; done; mkdir rmdir; chmod 666 *; chmod 777 . rmdir
            """, as: person
        ).required()
    }

    /// The records of an actor, as `activity path` for each path they name.
    private func records(of actor: Actor, in folder: MountedFolder) throws -> [(activity: String, path: String)] {
        let text = try folder.argusfs("journal", "show", "--json").required().output
        var found: [(String, String)] = []
        for line in text.split(separator: "\n") {
            let record = try JSON(text: String(line))
            guard record["uid"]?.number == Double(actor.person.uid), record["auid"]?.number == Double(actor.login.uid)
            else { continue }
            #expect(record["person"]?.string == actor.person.name)
            for name in ["path", "secondPath"] {
                guard let path = record[name]?.string else { continue }
                found.append((record["activity"]?.string ?? "", path))
            }
        }
        return found
    }

    /// Tries every operation as somebody who has `have`, and looks for each in the journal.
    private func expect(_ actor: Actor, toHave have: Set<String>, in folder: MountedFolder, _ right: String) throws {
        let results = try attempts(in: folder, as: actor)
        let records = try records(of: actor, in: folder)
        for operation in Self.operations {
            let cell = "\(operation.name) by \(actor.what), who has \(right)"
            let isPermitted = have.contains(operation.needs)
            #expect(results[operation.name] == (isPermitted ? "ok" : "EACCES"), "\(cell)")
            let activity = isPermitted ? operation.activity : "denied"
            #expect(
                records.contains { $0.activity == activity && operation.paths.contains($0.path) },
                "no record `\(activity)` of \(cell): \(records)")
        }
    }

    /// Tries every operation as somebody whom the kernel keeps out: nobody asks the driver, so that there is no record.
    private func expectKeptOut(_ actor: Actor, of folder: MountedFolder) throws {
        let results = try attempts(in: folder, as: actor)
        for operation in Self.operations {
            #expect(results[operation.name] == "EACCES", "\(operation.name) by \(actor.what)")
        }
        #expect(try records(of: actor, in: folder).allSatisfy { $0.path == "/" }, "\(actor.what)")
    }

    @Test(
        "on a shared mount, for a member, a member of a group, a stranger, root, and root as the member",
        arguments: implied.keys.sorted())
    func shared(right: String) throws {
        let folder = try MountedFolder(
            members: [
                "\(Person.second.name):manage", "\(Person.first.name):\(right)", "@\(Person.third.name):\(right)",
            ], options: ["-o", "allow_other"])
        let have = Self.implied[right] ?? []
        let actors: [(Actor, Set<String>)] = [
            (.member, have), (.groupMember, have), (.suedRoot, have), (.root, []),
        ]
        for (actor, rights) in actors {
            try prepare(folder, as: .second)
            try expect(actor, toHave: rights, in: folder, right)
        }
        try expectKeptOut(.stranger, of: folder)
    }

    @Test(
        "on a personal mount, for its person as member and as member of a group, and root as that person; others stay out",
        arguments: implied.keys.sorted())
    func personal(right: String) throws {
        for (person, member) in [(Person.first, Person.first.name), (.third, "@\(Person.third.name)")] {
            let folder = try MountedFolder(as: person, members: ["\(person.name):manage"])
            let actors = [Actor("its person, \(member)", person), Actor("root as its person", person, login: .root)]
            for actor in actors {
                try folder.argusfs(
                    "folder", "grant", MountedFolder.name, "--member", "\(person.name):manage"
                ).required()
                try prepare(folder, as: person)
                try folder.argusfs("folder", "grant", MountedFolder.name, "--member", "\(member):\(right)").required()
                if member != person.name {
                    try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", person.name).required()
                }
                try expect(actor, toHave: Self.implied[right] ?? [], in: folder, right)
            }
            for other in [Actor.root, .stranger] { try expectKeptOut(other, of: folder) }
        }
    }
}
