import ArgusMountKit
import Glibc
import Testing

@Suite("argusfs move", .tags(.fuse))
struct MoveTests {
    private static let tree = """
        mkdir -p tree/deep; head -c 3000000 /dev/urandom > tree/big; echo hello > tree/deep/small; : > tree/empty
        ln tree/big tree/deep/second; ln -s ../big tree/deep/link; mkfifo tree/pipe; touch -a -d 2002-02-02 tree/pipe
        truncate -s 50M tree/sparse; echo end >> tree/sparse
        setfattr -n user.colour -v blue tree/big; setfacl -m u:games:r tree/deep/small
        chmod 2751 tree/deep; chmod 4711 tree/deep/small; touch -d '1999-12-31 23:59:59.123456789' tree/big tree/deep/small
        chown -h 12:34 tree/deep/small tree/deep/link
        """

    /// A realm with the folders docs, mounted, and plans, whose storage lies where `storage` says.
    private func folders(
        as person: Person = .current, storage: String? = nil, members: [String] = []
    ) throws -> MountedFolder {
        let folder = try MountedFolder(as: person)
        let place =
            try storage
            ?? { () -> String in
                let place = folder.scratch.path + "/other"
                try folder.shell("mkdir \"$1\"", place, in: folder.home).required()
                return place
            }()
        try folder.argusfs(["folder", "create", "plans", "--storage", place] + members.flatMap { ["--member", $0] })
            .required()
        return folder
    }

    private func mount(_ name: String, _ folder: MountedFolder) throws {
        try folder.argusfs("mount", name, folder.mountPoint).required()
    }

    /// Of each file and directory, without inode numbers and the time of change, which rename(2) changes as well.
    private func fingerprint(_ folder: MountedFolder, _ directory: String) throws -> String {
        try folder.fingerprint(of: folder.mountPoint + "/" + directory)
            + folder.shell(
                "getfacl -Rnp \"$1\" | grep -v '^# file'; stat -c '%W' \"$1\"/big; stat -c %X \"$1\"/pipe", directory
            ).required().output
    }

    private func requireClean(_ folder: MountedFolder) throws {
        for name in ["docs", "plans"] {
            let check = try folder.argusfs("check", name)
            #expect(check.output == "\(name): clean\n" && check.status == 0, "\(check.output)\(check.error)")
        }
        let verified = try folder.verifyJournal()
        #expect(verified.status == 0, "\(verified.output)\(verified.error)")
    }

    @Test(
        "keeps all that rename(2) keeps, there and back, on one filesystem and between two", arguments: [false, true])
    func keeps(isElsewhere: Bool) throws {
        let elsewhere = "/dev/shm/argus-move-\(getpid())-\(isElsewhere)"
        defer { _ = try? Program(["rm", "-rf", elsewhere], as: .root).wait() }
        if isElsewhere { mkdir(elsewhere, 0o700) }
        let folder = try folders(as: .root, storage: isElsewhere ? elsewhere : nil)
        try folder.shell(Self.tree).required()
        let before = try fingerprint(folder, "tree")
        try folder.unmount()
        try folder.argusfs("move", "docs:/tree", "plans:/").required()
        try requireClean(folder)
        try mount("plans", folder)
        #expect(try fingerprint(folder, "tree") == before)
        try folder.shell("cp tree/big copy; cat copy >> tree/big; truncate -s 3000000 tree/big; rm copy").required()
        try folder.shell("touch -m -d '1999-12-31 23:59:59.123456789' tree/big").required()
        try folder.unmount()
        try folder.argusfs("move", "plans:tree", "docs:/back").required()
        try requireClean(folder)
        try mount("docs", folder)
        #expect(try fingerprint(folder, "back") == before)
        try folder.unmount()
        let records = try folder.records("--activity", "rename")
        #expect(records.count == 4)
        #expect(records.compactMap { $0["destinationFolderId"]?.string }.count == 2)
        #expect(Set(records.compactMap { $0["fileId"]?.string }).count == 1)
    }

    @Test("opens modes to the members of a shared folder, unless a file has an access list")
    func shared() throws {
        let folder = try folders(as: .root, members: ["root:manage", "games:read"])
        try folder.shell("umask 077; mkdir d; echo x > d/f; echo y > d/g; setfacl -m u:man:r d/g; chmod 640 d/g")
            .required()
        try folder.unmount()
        try folder.argusfs("move", "docs:/d", "plans:/").required()
        try mount("plans", folder)
        #expect(try folder.shell("stat -c %a d d/f d/g").required().output == "777\n666\n640\n")
    }

    @Test("a folder that is mounted, a link that would stay behind, and a wrong place are told in one line")
    func refusals() throws {
        let folder = try folders()
        try folder.shell("echo x > f; mkdir d; ln f d/other; echo y > g").required()
        let mounted = try folder.argusfs("move", "docs:/g", "plans:/")
        #expect(mounted.status == 1 && mounted.error.hasPrefix("argusfs: docs: is in use by process "))
        let path = try folder.argusfs("move", folder.mountPoint + "/g", "plans:/")
        #expect(path.error.contains("is a path of this machine; unmount the folder"))
        try folder.unmount()
        for (source, message) in [
            ("docs:/f", "would stay behind"), ("docs:/d", "would stay behind"), ("nope:/f", "FOLDER:PATH"),
        ] {
            let refused = try folder.argusfs("move", source, "plans:/")
            #expect(
                refused.status == 1 && refused.error.contains(message)
                    && refused.error.split(separator: "\n").count == 1)
        }
        #expect(try folder.argusfs("move", "docs:/f").status == 64)
        let slash = try folder.argusfs("move", "docs:/g/", "plans:/")
        #expect(slash.status == 1 && slash.error.contains("is no directory"))
        // Bytes that an argument cannot carry are not taken for the character that stands for them.
        let bytes = try folder.shell(
            "\"$1\" move \"$(printf 'docs:/\\377')\" plans:/", MountedFolder.program, in: folder.home)
        #expect(bytes.status == 1 && bytes.error.contains("bytes that are not UTF-8"), "\(bytes)")
        try requireClean(folder)
        try mount("docs", folder)
        #expect(try folder.shell("cat f d/other g").required().output == "x\nx\ny\n")
    }

    @Test("the note of a move that was given back moves nothing when it is put there again")
    func replayed() throws {
        let folder = try folders()
        try folder.shell("mkdir t; for i in $(seq 60); do echo $i > t/$i; done").required()
        try folder.unmount()
        let (note, kept) = (folder.realm + "/move", folder.home + "/kept")
        var isGivenBack = false
        for _ in 0..<40 where !isGivenBack {
            let mover = try Program(
                [MountedFolder.program, "move", "docs:/t", "plans:/"], environment: folder.environment)
            var copy: [UInt8]?
            while copy == nil, Tree.names("/proc/\(mover.pid)").contains("stat"),
                !Tree.ends(mover.pid, withinSeconds: 0)
            {
                copy = Tree.bytes(note)
            }
            if copy != nil { try folder.shell("cp \"$1\" \"$2\" || :", note, kept, in: "/").required() }
            mover.signal(9)
            _ = mover.wait()
            try requireClean(folder)
            isGivenBack = try folder.argusfs("index", "ls", "docs", "/t").succeeded
            if !isGivenBack { try folder.argusfs("move", "plans:/t", "docs:/").required() }
        }
        try #require(isGivenBack && Tree.bytes(kept) != nil, "no move was cut short in time")

        try mount("plans", folder)
        try folder.shell("for i in $(seq 80); do echo $i > $i; done").required()
        try folder.argusfs("umount", folder.mountPoint).required()
        try folder.shell("cp \"$1\" \"$2\"", kept, note, in: "/").required()
        try requireClean(folder)
        try mount("docs", folder)
        #expect(try folder.shell("cat t/* | wc -l").required().output == "60\n")
        try folder.argusfs("umount", folder.mountPoint).required()
        try mount("plans", folder)
        #expect(try folder.shell("ls | wc -l").required().output == "80\n")
    }

    @Test("killed at any moment, all of a tree is in one of both folders after the next mount")
    func killed() throws {
        let folder = try folders()
        try folder.shell("mkdir t; for i in $(seq 200); do echo $i > t/$i; done; cat t/* | sha256sum > sum").required()
        try folder.unmount()
        var (home, other) = ("docs", "plans")
        func begin() throws -> Program {
            try Program([MountedFolder.program, "move", "\(home):/t", "\(other):/"], environment: folder.environment)
        }
        // How long a whole one takes, so that the kills come all over it.
        let clock = ContinuousClock()
        let duration = try clock.measure { try begin().wait().required() }
        swap(&home, &other)
        var moves = 0
        let rounds = TestRun.isLong ? 200 : 10
        for round in 0..<rounds {
            let mover = try begin()
            let parts = (duration * (round + 1) / rounds).components
            let delay = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
            try folder.shell("sleep \(delay)", in: folder.home).required()
            mover.signal(9)
            _ = mover.wait()
            // Whichever is mounted first settles it.
            let first = round % 2 == 0 ? home : other
            try mount(first, folder)
            let count = try folder.shell("ls t 2>/dev/null | wc -l").required().output
            let isThere = count == "200\n"
            #expect(isThere || count == "0\n", "\(count)")
            #expect(access(folder.realm + "/move", F_OK) != 0)
            if isThere { #expect(try folder.shell("cat t/* | wc -l").required().output == "200\n") }
            try folder.unmount()
            let isMoved = isThere == (first == other)
            if isMoved {
                moves += 1
                swap(&home, &other)
            }
            let listing = try folder.argusfs("index", "ls", other).required().output
            #expect(!listing.contains(" /t"))
        }
        print("moves killed: \(moves) had been made")
        try requireClean(folder)
    }
}
