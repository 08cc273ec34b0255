import ArgusMountKit
import Glibc
import Testing

/// Whether tests run that take longer than CI can wait for (`packaging/test --long`).
private let isLong = getenv("ARGUS_LONG_TESTS") != nil

@Suite("The journal of a mounted folder")
struct JournalMountTests {
    @Test("thousands of operations by 8 processes are as many records, each right")
    func every() throws {
        let folder = try MountedFolder()
        let rounds = isLong ? 2084 : 417
        try folder.shell("mkdir 0 1 2 3 4 5 6 7").required()
        let workers = try (0..<8).map { number in
            try folder.start("exec python3 -c '\(Self.worker)' \"$@\"", [String(number), String(rounds)])
        }
        let finished = workers.map { $0.wait() }
        let processes = try finished.map { try #require(Int($0.required().output.split(separator: "\n").first ?? "")) }
        try folder.unmount()
        let shown = try folder.argusfs("journal", "show", "--json").required().output
        let check = try Program(
            ["python3", "-c", Self.checker, String(rounds)] + processes.map(String.init), input: shown
        ).wait().required()
        #expect(check.output == "\(8 * rounds * 6) records, all right\n")
        #expect(try folder.verifyJournal().status == 0)
    }

    /// Six operations that make a record each, `rounds` times.
    private static let worker = """
        import os, sys
        directory, rounds = sys.argv[1], int(sys.argv[2])
        print(os.getpid())
        for number in range(rounds):
            name = f"{directory}/f{number}"
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(file, b"x" * (number + 1))
            os.close(file)
            os.close(os.open(name, os.O_RDONLY))
            os.rename(name, f"{directory}/g{number}")
            os.unlink(f"{directory}/g{number}")
        """

    private static let checker = """
        import collections, json, os, sys
        rounds, processes = int(sys.argv[1]), [int(word) for word in sys.argv[2:]]
        records = [json.loads(line) for line in sys.stdin]
        streams = collections.defaultdict(list)
        for record in records: streams[record["stream"]].append(record["seq"])
        for numbers in streams.values(): assert numbers == list(range(1, len(numbers) + 1)), "a sequence number"
        own = [record for record in records if record["pid"] in processes]
        program = own[0]["program"]
        assert os.path.basename(program).startswith("python3"), program
        files, seen = {}, collections.Counter()
        for record in own:
            directory = processes.index(record["pid"])
            assert record["status"] == "success" and record["uid"] == os.getuid() and record["program"] == program, record
            assert record["folder"] == "docs" and record["person"] and record["parentPid"] > 0, record
            place, name = record["path"][:3], record["path"][3:]
            assert place == f"/{directory}/" and name[0] in "fg", record
            number = int(name[1:])
            key = (directory, number)
            if record["activity"] == "create": files[key] = record["fileId"]
            assert files[key] == record["fileId"], record
            what = record["activity"]
            if what == "close":
                what += str(record["bytesWritten"])
                assert record["size"] == number + 1, record
            if what in ("create", "open"): assert record["access"] == {"create": "write", "open": "read"}[what], record
            if what in ("create", "open", "rename"): assert name[0] == "f" and record["reason"] == "private:owner", record
            if what == "unlink": assert name[0] == "g", record
            if what == "rename": assert record["secondPath"] == f"/{directory}/g{number}", record
            seen[(what,) + key] += 1
        expected = collections.Counter(
            (what, directory, number) for directory in range(8) for number in range(rounds)
            for what in ("create", f"close{number + 1}", "open", "close0", "rename", "unlink"))
        assert seen == expected, list((seen - expected).items())[:5] + list((expected - seen).items())[:5]
        assert len(own) == 8 * rounds * 6
        print(f"{len(own)} records, all right")
        """

    @Test(
        "after kill -9 of the driver nothing that was answered is missing, and the journal verifies",
        arguments: isLong ? Array(1...20) : [1, 2, 3])
    func killed(moment: Int) throws {
        let folder = try MountedFolder()
        let log = folder.home + "/answered"
        let writer = try folder.start("exec python3 -c '\(Self.answeredWriter)' \"$@\"", [log])
        func hasAnswered() throws -> Bool { try folder.shell("test -s \"$1\"", log, in: "/").succeeded }
        for _ in 0..<6_000 where try !hasAnswered() { usleep(10_000) }
        usleep(UInt32(moment * 37_000 % 200_000))
        try folder.killDriver()
        _ = writer.wait()
        let answered = try #require(Int(try folder.shell("wc -l < \"$1\"", log, in: "/").output.filter(\.isNumber)))
        #expect(answered > 0)
        // Before another driver ends the stream that was left, and after.
        for round in 1...2 {
            let created = Set(try folder.records("--activity", "create").compactMap { $0["path"]?.string })
            let missing = (0..<answered).filter { !created.contains("/f\($0)") }
            #expect(missing.isEmpty, "round \(round)")
            let verified = try folder.verifyJournal()
            #expect(verified.status == 0, "\(verified.error)")
            guard round == 1 else { break }
            _ = try folder.shell("umount -l \"$1\" || fusermount3 -uz \"$1\"", folder.mountPoint, in: "/")
            try folder.mount()
            #expect(try folder.records("--activity", "recover").count >= 1)
        }
    }

    private static let answeredWriter = """
        import os, sys
        log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in range(1000000):
            try: file = os.open(f"f{number}", os.O_WRONLY | os.O_CREAT)
            except OSError: break
            os.write(log, b"%d\\n" % number)
            try: os.close(file)
            except OSError: break
        """

    @Test("copies are recorded with source and destination: exact ones, and those that a program makes itself")
    func copies() throws {
        let folder = try MountedFolder()
        try folder.shell(
            """
            head -c 300000 /dev/urandom > source
            head -c 300000 /dev/urandom > other
            cp source exact
            python3 -c 'open("by-python", "wb").write(open("source", "rb").read())'
            dd if=source of=by-dd bs=64k status=none
            dd if=source of=part bs=64k count=1 status=none
            cat other | cat > elsewhere
            """
        ).required()
        try folder.unmount()
        let copies = try folder.records("--activity", "copy").map {
            [$0["seen"], $0["path"], $0["secondPath"]].map { $0?.string ?? "" } + [
                String(Int($0["bytes"]?.number ?? 0))
            ]
        }
        #expect(
            copies == [
                ["exact", "/source", "/exact", "300000"], ["inferred", "/source", "/by-python", "300000"],
                ["inferred", "/source", "/by-dd", "300000"],
            ])
    }

    @Test("a copy from one folder into another is in both journals")
    func copiesBetweenFolders() throws {
        let folder = try MountedFolder()
        let other = folder.home + "/other"
        try folder.argusfs("folder", "create", "other").required()
        try folder.shell("mkdir \"$1\"", other, in: "/").required()
        try folder.argusfs("mount", "other", other).required()
        try folder.shell(
            """
            head -c 300000 /dev/urandom > source
            head -c 300000 /dev/urandom > unrelated
            cp source "$1/by-cp"
            python3 -c 'import sys; open(sys.argv[1], "wb").write(open("source", "rb").read())' "$1/by-python"
            cat unrelated > /dev/null; head -c 300000 /dev/urandom > "$1/new"
            """, other
        ).required()
        try folder.argusfs("umount", other).required()
        try folder.unmount()
        func copies(_ name: String, _ end: String) throws -> [String] {
            // The kernel tells of a close after close(2) has returned: two programs' may come in either order.
            try folder.records("--folder", name, "--activity", "copy").map { record -> String in
                #expect(record["seen"]?.string == "inferred" && record[end]?.string?.count == 32)
                #expect(record["person"]?.string == Person.current.name && (record["pid"]?.number ?? 0) > 0)
                return "\(record["path"]?.string ?? "") \(record["secondPath"]?.string ?? "")"
            }.sorted()
        }
        let expected = ["/source /by-cp", "/source /by-python"]
        #expect(try copies("other", "sourceFolderId") == expected)
        #expect(try copies(MountedFolder.name, "destinationFolderId") == expected)
        #expect(try folder.verifyJournal().status == 0)
    }

    @Test("every kind of change is recorded, with what was refused")
    func activities() throws {
        let folder = try MountedFolder(as: .first)
        try folder.shell(
            """
            echo one > a; mkdir d; ln a b; mv a d/c; truncate -s 100 b; chmod 640 b; ls d > /dev/null; rm b
            chmod 000 d/c; ! cat d/c 2> /dev/null
            """
        ).required()
        try folder.unmount()
        let seen = Set(
            try folder.records().map { "\($0["activity"]?.string ?? "") \($0["path"]?.string ?? "")" })
        for wanted in [
            "mount ", "create /a", "close /a", "create /d", "link /a", "rename /a", "open /d/c", "truncate /d/c",
            "set-attributes /d/c", "list /d", "unlink /b", "denied /d/c", "unmount ",
        ] { #expect(seen.contains(wanted), "\(wanted) of \(seen.sorted())") }
        let denied = try #require(try folder.records("--activity", "denied").first)
        #expect(denied["reason"]?.string == "posix:r" && denied["status"]?.string == "failure")
        #expect(denied["person"]?.string == Person.first.name)
    }

    @Test("a process whose program the driver may not look at is recorded with all else that is known of it")
    func closedProgram() throws {
        let folder = try MountedFolder(as: .first)
        try folder.shell("echo one > a").required()
        // A process that lets itself not be looked at, as one that changed its user is, and every one of other users.
        try Program(
            [
                "/bin/sh", "-euc",
                "echo $1 > /proc/self/loginuid; shift; exec setpriv --reuid=$1 --regid=$2 --clear-groups "
                    + "python3 -c \"$3\" \"$4\"",
                "sh", String(Person.second.uid), String(Person.first.uid), String(Person.first.gid),
                "import ctypes, sys; assert ctypes.CDLL(None).prctl(4, 0) == 0; open(sys.argv[1])",
                folder.mountPoint + "/a",
            ], as: .root
        ).wait().required()
        let opened = try #require(try folder.records().last { $0["activity"]?.string == "open" })
        #expect(opened["path"]?.string == "/a" && opened["program"]?.string == "")
        #expect(opened["auid"]?.number == Double(Person.second.uid))
        #expect(try #require(opened["parentPid"]?.number) > 0)
    }

    @Test("records name the program's digest as soon as it is known")
    func digest() throws {
        let folder = try MountedFolder()
        let digest = try folder.shell("sha256sum \"$(readlink -f \"$(command -v cat)\")\"", in: "/").required()
            .output.prefix(64)
        try folder.shell("echo one > a").required()
        var known: [String] = []
        for _ in 0..<600 where known.isEmpty {
            try folder.shell("cat a").required()
            known = try folder.records("--program", "cat", "--activity", "open").compactMap {
                $0["programSha256"]?.string
            }
        }
        #expect(known == [String(digest)])
        // A folder that asks for digests waits for them: none of its records is without.
        let tail = try folder.shell("sha256sum \"$(readlink -f \"$(command -v tail)\")\"", in: "/").required()
            .output.prefix(64)
        try folder.argusfs("folder", "set", MountedFolder.name, "programs=deny:sha256:\(tail)").required()
        try folder.shell("! tail a; cat a").required()
        try folder.unmount()
        let denied = try #require(try folder.records("--activity", "denied").last)
        #expect(denied["programSha256"]?.string == String(tail))
        let opened = try #require(try folder.records("--program", "cat", "--activity", "open").last)
        #expect(opened["programSha256"]?.string == String(digest))
    }

    @Test("the making and the end of a folder are recorded, and what is done to the realm")
    func administration() throws {
        let folder = try MountedFolder()
        try folder.unmount()
        try folder.argusfs("folder", "create", "shared", "--member", "\(Person.first.name):read").required()
        try folder.argusfs("folder", "set", "shared", "audit=strict").required()
        try folder.argusfs("folder", "grant", "shared", "--member", "\(Person.second.name):write").required()
        try folder.argusfs("folder", "revoke", "shared", "--member", Person.second.name).required()
        try folder.argusfs("folder", "rotate-key", "shared").required()
        let id = try #require(
            try folder.records("--folder", "shared").first?["folderId"]?.string)
        try folder.argusfs("folder", "delete", "shared").required()
        try folder.argusfs("person", "revoke", Person.first.name, "--all").required()
        try folder.argusfs("person", "add", Person.first.name).required()
        #expect(try !folder.argusfs("person", "add", "no such account").succeeded)
        try folder.argusfs("realm", "backup", folder.home + "/backup").required()
        func acts(_ all: [JSON]) -> [String] {
            all.filter { $0["activity"]?.string != "checkpoint" }.map { record in
                #expect(record["person"]?.string == Person.current.name && record["uid"]?.number == Double(getuid()))
                #expect(record["program"]?.string?.hasSuffix("argusfs") == true)
                return ["activity", "status", "path", "reason"].map { record[$0]?.string ?? "" }.joined(separator: " ")
            }
        }
        let all = try folder.records()
        #expect(
            try acts(folder.records("--folder", id)) == [
                "create success / folder made, shared", "member-added success  \(Person.first.name):read",
                "policy-applied success  audit=strict", "member-added success  \(Person.second.name):write",
                "member-removed success  \(Person.second.name):list,read,write", "key-rotated success  key version 2",
                "unlink success / folder deleted",
            ])
        #expect(
            try acts(folder.records("--folder", "-")) == [
                "create success / realm made", "create success / folder made, private: \(MountedFolder.name)",
                "create success / folder made, shared: shared", "unlink success / folder deleted: shared",
                "member-removed success  \(Person.first.name)",
                "member-added success  \(Person.first.name)",
                "member-added failure  no such account", "export success  backup of the realm",
            ])
        #expect(
            acts(all.filter { $0["folder"]?.string == MountedFolder.name }).first
                == "create success / folder made, private")
        #expect(try folder.verifyJournal().status == 0)
        // What was done to the realm cannot be taken away again.
        try folder.shell(
            "for stream in */; do case $(\"$1\" journal show --json | grep '\"folder\":\"-\"') in *${stream%/}*) rm -r \"$stream\";; esac; done",
            MountedFolder.program, in: folder.realm + "/journal"
        ).required()
        #expect(try folder.verifyJournal().status == 1)
    }

    @Test("changes of what opens the realm are recorded, and who was refused where a key is at hand")
    func credentials() throws {
        let folder = try MountedFolder(mounts: false)
        for word in ["one", "two", "three", "wrong"] {
            try folder.shell("echo \"secret $1\" > \"$1\"", word, in: folder.home).required()
        }
        func run(_ words: String, opening: String?, in realm: String = "second") throws -> Finished {
            let option = opening.map { ["--passphrase-file", folder.home + "/" + $0] } ?? []
            return try folder.argusfs(
                words.split(separator: " ").map(String.init) + option + ["--realm", folder.home + "/" + realm],
                environment: ["ARGUS_KEY_FILE": "", "HOME": folder.home])
        }
        func acts(opening word: String, in realm: String = "second") throws -> [String] {
            try run("journal show --json --folder -", opening: word, in: realm).required().output
                .split(separator: "\n").map { try JSON(text: String($0)) }
                .filter { $0["activity"]?.string != "checkpoint" }.map { record in
                    #expect(record["person"]?.string == Person.current.name)
                    #expect(record["program"]?.string?.hasSuffix("argusfs") == true)
                    return ["activity", "status", "reason"].map { record[$0]?.string ?? "" }.joined(separator: " ")
                }
        }
        let made = try run("init", opening: "one").required().output
        let recovery = try #require(
            made.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace } }
                .first { $0.split(separator: "-").count > 10 })
        try folder.shell("printf '%s\n' \"$1\" > recovery", String(recovery), in: folder.home).required()
        var expected = ["create success realm made"]
        #expect(try acts(opening: "one") == expected)

        let change = "passphrase change --new-passphrase-file \(folder.home)/two"
        let recover = "recover --recovery-key-file \(folder.home)"
        // Without a key nobody can write to the journal.
        #expect(try run(change, opening: "wrong").status == 1)
        #expect(try run("\(recover)/wrong", opening: "three").status == 1)
        #expect(try acts(opening: "one") == expected)
        try run("unlock", opening: "one").required()
        #expect(try run(change, opening: "wrong").status == 1)
        #expect(try run("folder list", opening: "wrong").status == 1)
        expected += Array(repeating: "denied failure realm:wrong-passphrase", count: 2)
        #expect(try acts(opening: "one") == expected)
        try run("lock", opening: nil).required()

        try run(change, opening: "one").required()
        expected.append("key-rotated success the realm's passphrase changed")
        #expect(try acts(opening: "two") == expected)
        try run("\(recover)/recovery", opening: "three").required()
        expected.append("key-rotated success realm recovered: all passphrases and key files replaced")
        #expect(try acts(opening: "three") == expected)
        try run("realm backup \(folder.home)/backup", opening: "three").required()
        try run("realm restore \(folder.home)/backup", opening: "three", in: "third").required()
        let restored = try acts(opening: "three", in: "third")
        #expect(Array(restored.prefix(expected.count)) == expected)
        #expect(restored.last == "import success realm restored from a backup")
        #expect(try run("journal verify", opening: "three", in: "third").status == 0)
        expected.append("export success backup of the realm")
        #expect(try acts(opening: "three") == expected)
    }

    @Test("strict opens of 8 processes are each on disk before they are answered")
    func strict() throws {
        let folder = try MountedFolder()
        try folder.argusfs("folder", "set", MountedFolder.name, "audit=strict").required()
        try folder.shell("echo one > a").required()
        let rounds = 100
        let workers = try (0..<8).map { _ in
            try folder.start(
                "exec python3 -c 'import os, sys\nfor _ in range(int(sys.argv[1])): os.close(os.open(\"a\", os.O_RDONLY))' \"$@\"",
                [String(rounds)])
        }
        for worker in workers { try worker.wait().required() }
        try folder.unmount()
        let opens = try folder.records("--activity", "open", "--program", "python3*")
        #expect(opens.count == 8 * rounds)
        #expect(try folder.verifyJournal().status == 0)
    }

    @Test("what members may not do is recorded, and equal refusals are counted exactly")
    func denials() throws {
        let folder = try MountedFolder(
            members: [
                "\(Person.current.name):manage", "\(Person.first.name):read", "\(Person.second.name):list",
            ], options: ["-o", "allow_other"])
        try folder.shell("umask 0; echo one > a; mkdir d").required()
        try folder.shell("cat a; ! echo two > a", as: .first).required()
        try folder.shell("i=0; while [ $i -lt 200 ]; do ! cat a; i=$((i+1)); done", as: .second).required()
        try folder.unmount()
        let denied = try folder.records("--activity", "denied")
        let write = denied.filter { $0["person"]?.string == Person.first.name }
        #expect(write.map { $0["reason"]?.string } == ["shared:right-missing"])
        let reads = denied.filter { $0["person"]?.string == Person.second.name }
        #expect(reads.allSatisfy { $0["reason"]?.string == "shared:right-missing" })
        #expect(reads.reduce(0) { $0 + ($1["count"]?.number ?? 1) } == 200)
        #expect(reads.count < 10)
        let opened = try folder.records("--activity", "open", "--person", Person.first.name)
        #expect(opened.contains { $0["reason"]?.string?.hasPrefix("member:") == true })
    }

    @Test("filters choose records by person, program, activity, path and time")
    func filters() throws {
        let folder = try MountedFolder()
        try folder.shell("echo one > a; mkdir 2026; cat a > /dev/null; cp a 2026/b").required()
        try folder.unmount()
        let all = try folder.records()
        func places(_ filters: String...) throws -> [String] {
            try folder.argusfs(["journal", "show", "--json"] + filters).required().output.split(separator: "\n")
                .map { try JSON(text: String($0)) }.map {
                    "\($0["activity"]?.string ?? "") \($0["path"]?.string ?? "")"
                }
        }
        #expect(try places("--program", "cat") == ["open /a", "close /a"])
        #expect(try places("--program", "/*/cp", "--activity", "copy") == ["copy /a"])
        #expect(try places("--path", "/2026/*", "--activity", "create") == ["create /2026/b"])
        #expect(try places("--person", "nobody").isEmpty)
        #expect(
            try places("--person", Person.current.name, "--folder", "docs").count
                == all.count { $0["activity"]?.string != "checkpoint" && $0["folder"]?.string == "docs" })
        #expect(try places("--until", "2000-01-01").isEmpty)
        #expect(try places("--since", "1h").count == all.count)
        for field in ["time", "seq", "activity", "status", "person", "uid", "program", "path", "folder", "fileId"] {
            #expect(all.allSatisfy { $0.keys.contains(field) }, "\(field)")
        }
        #expect(try folder.argusfs("journal", "export").required().output.split(separator: "\n").count == all.count)
        #expect(try folder.argusfs("journal", "tail", "-n", "3", "--json").output.split(separator: "\n").count == 3)
        let columns = try folder.argusfs("journal", "show").required().output
        #expect(columns.split(separator: "\n").count == all.count + 1)
        #expect(!columns.contains("\u{1b}"), "no colour where no terminal is")
    }

    @Test("tail -f shows what happens from then on")
    func follow() throws {
        let folder = try MountedFolder()
        let output = folder.home + "/tail"
        let tail = try folder.start(
            "exec \"$1\" journal tail -f --json --activity create > \"$2\"", [MountedFolder.program, output], in: "/")
        for name in ["first", "second"] {
            try folder.shell("echo > \"$1\"", name).required()
            var isShown = false
            for _ in 0..<600 where !isShown {
                usleep(50_000)
                isShown = try folder.shell("cat \"$1\"", output, in: "/").output.contains("\"path\":\"/\(name)\"")
            }
            #expect(isShown)
        }
        tail.signal(SIGTERM)
        _ = tail.wait()
    }

    @Test("what is changed, cut, removed or brought back at rest is named by verify")
    func tampering() throws {
        let folder = try MountedFolder()
        let journal = folder.realm + "/journal"
        try folder.shell("echo one > a").required()
        try folder.unmount()
        try folder.shell("cp -a \"$1\" older", journal, in: folder.home).required()
        try folder.mount()
        try folder.shell("cat a > /dev/null").required()
        try folder.unmount()
        try folder.shell("cp -a \"$1\" newest", journal, in: folder.home).required()
        #expect(try folder.verifyJournal().status == 0)
        func refuses(_ what: String, _ script: String) throws {
            try folder.shell("rm -rf \"$1\"; cp -a newest \"$1\"; cd \"$1\"; \(script)", journal, in: folder.home)
                .required()
            let verified = try folder.verifyJournal()
            #expect(verified.status == 1, "\(what)")
            #expect(verified.error.hasPrefix("argusfs: "), "\(what): \(verified.error)")
            for line in verified.error.split(separator: "\n") {
                #expect(line.hasPrefix("argusfs: "), "\(what): \(line)")
            }
        }
        // The newest stream is the one whose directory was made last.
        let newest = "new=$(ls -dt */ | head -1); s=$new/00000001.segment"
        try refuses("a flipped bit", "\(newest); printf x | dd of=$s bs=1 seek=4200 conv=notrunc status=none")
        try refuses("the end cut off", "\(newest); truncate -s -300 $s")
        try refuses("the newest stream removed", "\(newest); rm -r $new")
        try refuses("the oldest stream removed", "\(newest); rm -r $(ls -dt */ | tail -1)")
        try refuses("the whole spool removed", "rm -r *")
        try refuses("an older spool brought back", "rm -r *; cp -a ../../older/. .")
        try folder.shell("rm -rf \"$1\"; cp -a newest \"$1\"", journal, in: folder.home).required()
        #expect(try folder.verifyJournal().status == 0)
    }

    @Test("who cannot open the realm reads none of its records, with its files or through its driver")
    func strangers() throws {
        let folder = try MountedFolder(
            members: ["\(Person.current.name):manage", "\(Person.first.name):read"], options: ["-o", "allow_other"])
        try folder.shell("umask 0; echo one > secret-name").required()
        let shown = try folder.argusfs(["journal", "show"], as: .first, environment: ["ARGUS_KEY_FILE": "/dev/null"])
        #expect(shown.status != 0)
        #expect(!shown.output.contains("secret-name"))
        let found = try folder.shell("grep -rl secret-name \"$1\" || :", folder.realm, in: "/").output
        #expect(found.isEmpty, "names lie readable in \(found)")
    }
}
