import ArgusMountKit
import Glibc
import Testing

@Suite("The journal of a mounted folder keeps within its bounds, and nothing goes untold")
struct JournalBoundsTests {
    // MARK: Bounds that the configuration sets

    private static let spoolBytes = 2 << 20

    /// A folder, not mounted, and the environment that bounds its journal.
    private func bounded(_ settings: String, strict: Bool = false) throws -> (
        folder: MountedFolder, environment: [String: String]
    ) {
        let folder = try MountedFolder(mounts: false)
        if strict { try folder.argusfs("folder", "set", MountedFolder.name, "audit=strict").required() }
        return (folder, try configure(folder, settings))
    }

    /// Writes the configuration anew.
    private func configure(_ folder: MountedFolder, _ settings: String) throws -> [String: String] {
        try folder.shell(
            "mkdir -p \"$1\"; printf '[journal]\n%s\n' \"$2\" > \"$1/argusfs.toml\"", folder.home + "/etc", settings,
            in: "/"
        ).required()
        return ["ARGUS_CONFIG": folder.home + "/etc"]
    }

    private func mount(_ folder: MountedFolder, _ environment: [String: String]) throws {
        try folder.argusfs(["mount", MountedFolder.name, folder.mountPoint], environment: environment).required()
    }

    private func spoolByteCount(_ folder: MountedFolder) throws -> Int {
        let total = try folder.shell("cat */*.segment | wc -c", in: folder.realm + "/journal").required().output
        return try #require(Int(total.filter(\.isNumber)))
    }

    @Test("a strict folder opens nothing more from 85 % on, each refusal is recorded, and the rest goes on")
    func nearlyFull() throws {
        let (folder, environment) = try bounded("max-size = '2MiB'\nkeep-all = true", strict: true)
        try mount(folder, environment)
        try folder.shell("head -c 1000000 /dev/urandom > large; echo one > a; echo > c").required()
        let opened = try #require(
            Int(try folder.shell("exec python3 -c '\(Self.strictOpener)'").required().output.filter(\.isNumber)))
        let used = try spoolByteCount(folder)
        #expect(used >= Self.spoolBytes / 100 * 85 && used <= Self.spoolBytes)
        try folder.unmount()
        // What was there before counts from the first open on.
        try mount(folder, environment)
        #expect(try folder.shell("cat a").error.contains("No space left"))
        try folder.unmount()
        let all = try folder.records("--folder", MountedFolder.name)
        let opens = all.filter { $0["activity"]?.string == "open" && $0["path"]?.string == "/a" }
        #expect(opens.count == opened)
        let refused = all.filter { $0["reason"]?.string == "journal:nearly-full" }
        #expect(refused.allSatisfy { $0["activity"]?.string == "denied" && $0["status"]?.string == "failure" })
        #expect(refused.allSatisfy { $0["person"]?.string == Person.current.name })
        func count(_ path: String) -> Double {
            refused.filter { $0["path"]?.string == path }.reduce(0) { $0 + ($1["count"]?.number ?? 1) }
        }
        #expect(count("/a") == 42)
        #expect(count("/new") == 2)
        let others = Set(all.map { "\($0["activity"]?.string ?? "") \($0["path"]?.string ?? "")" })
        #expect(others.isSuperset(of: ["set-attributes /a", "rename /a", "unlink /c", "close /large"]))
        #expect(try folder.verifyJournal().status == 0)
        // With more room it goes on.
        try mount(folder, try configure(folder, "max-size = '16MiB'\nkeep-all = true"))
        #expect(try folder.shell("cat a").required().output == "one\n")
        #expect(try folder.shell("tail -c 6 large").required().output == "xxxxxx")
        try folder.unmount()
    }

    private static let strictOpener = """
        import errno, os
        large = os.open("large", os.O_RDWR)
        def refused(call):
            try: call()
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
                return True
            return False
        opened = 0
        while opened < 100000 and not refused(lambda: os.close(os.open("a", os.O_RDONLY))): opened += 1
        for _ in range(40): assert refused(lambda: os.open("a", os.O_RDONLY))
        assert refused(lambda: os.open("new", os.O_WRONLY | os.O_CREAT))
        assert not os.path.exists("new")
        assert refused(lambda: os.mkdir("new"))
        # What opens and makes nothing goes on, and so does what is open.
        os.chmod("a", 0o640); os.rename("a", "b"); os.rename("b", "a"); os.unlink("c")
        assert len(os.pread(large, 500000, 500000)) == 500000
        assert os.pwrite(large, b"x" * 100000, 900000) == 100000
        os.fsync(large)
        os.close(large)
        print(opened)
        """

    @Test("other folders go on to the last byte; then what is refused is counted, and administrators can still act")
    func full() throws {
        let (folder, environment) = try bounded("max-size = '2MiB'\nkeep-all = true")
        try mount(folder, environment)
        try folder.shell("head -c 1000000 /dev/urandom > large; echo one > a").required()
        let counts = try folder.shell("exec python3 -c '\(Self.opener)'").required().output
            .split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(counts.count == 2)
        // Less than a segment and its reserves is left.
        let used = try spoolByteCount(folder)
        #expect(used > Self.spoolBytes / 100 * 93 && used <= Self.spoolBytes)
        try folder.argusfs("folder", "rotate-key", MountedFolder.name).required()
        try folder.unmount()
        let all = try folder.records("--folder", MountedFolder.name)
        let opens = all.filter { $0["activity"]?.string == "open" && $0["path"]?.string == "/a" }
        #expect(opens.count == counts[0])
        let refused = all.filter { $0["reason"]?.string == "journal:full" }
        #expect(refused.map { $0["count"]?.number } == [Double(counts[1])])
        #expect(all.suffix(5).contains { $0["activity"]?.string == "key-rotated" })
        #expect(all.last { $0["activity"]?.string == "unmount" }?["status"]?.string == "success")
        #expect(all.filter { $0["activity"]?.string == "close" && $0["path"]?.string == "/a" }.count == counts[0] + 1)
        #expect(try folder.verifyJournal().status == 0)
        try mount(folder, try configure(folder, "max-size = '16MiB'\nkeep-all = true"))
        #expect(try folder.shell("cat a; tail -c 6 large").required().output == "one\nxxxxxx")
        try folder.unmount()
    }

    /// Prints how many opens succeeded, and how many operations were refused.
    private static let opener = """
        import errno, os
        large = os.open("large", os.O_RDWR)
        opened, refusals, in_row = 0, 0, 0
        def succeeds(call):
            global refusals
            try: call()
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
                refusals += 1
                return False
            return True
        # The close records of files closed a moment ago still come, and take less than was kept for them.
        while opened < 100000 and in_row < 50:
            if succeeds(lambda: os.close(os.open("a", os.O_RDONLY))): opened, in_row = opened + 1, 0
            else: in_row += 1
        assert not succeeds(lambda: os.rename("a", "b"))
        assert os.pwrite(large, b"x" * 100000, 900000) == 100000
        os.fsync(large)
        os.close(large)
        print(opened, refusals)
        """

    @Test("without keep-all the oldest records go behind a signed checkpoint, and nobody is refused")
    func oldestGo() throws {
        let (folder, environment) = try bounded("max-size = '2MiB'")
        try mount(folder, environment)
        try folder.shell("echo one > a").required()
        let opener = "import os\nfor _ in range(8000): os.close(os.open('a', os.O_RDONLY))"
        try folder.shell("exec python3 -c \"\(opener)\"").required()
        try folder.unmount()
        #expect(try spoolByteCount(folder) <= Self.spoolBytes)
        // What went is told, by the command and in the records.
        let verified = try folder.verifyJournal()
        #expect(verified.status == 0)
        #expect(verified.output.contains("docs: removed: stream "), "\(verified.output)")
        #expect(verified.output.contains(" removal"))
        #expect(try folder.argusfs("journal", "show").required().output.contains("(removed: stream "))
        let all = try folder.records("--folder", MountedFolder.name)
        let removals = all.flatMap { $0["removed"]?.array ?? [] }
        #expect(removals.contains { $0["throughSeq"]?.number ?? 0 > 0 && $0["throughTime"]?.string != nil })
        let numbers = all.compactMap { $0["seq"]?.number }
        #expect(try #require(numbers.first) > 1)
        #expect(numbers == (0..<numbers.count).map { numbers[0] + Double($0) })
        #expect(all.contains { $0["checkpoint"]?.string == "removal" })
        #expect(all.count { $0["activity"]?.string == "open" } >= 1000)
        // Their absence is told, not taken for granted.
        try folder.shell("rm *.removed", in: folder.realm + "/journal").required()
        #expect(try folder.verifyJournal().status == 1)
    }

    @Test("files that are made to look older than keep-days take no records with them")
    func age() throws {
        let (folder, environment) = try bounded("keep-days = 1")
        try mount(folder, environment)
        try folder.shell("echo one > a").required()
        try folder.unmount()
        try folder.shell("touch -d '3 days ago' */*.segment", in: folder.realm + "/journal").required()
        let streams = Tree.names(folder.realm + "/journal")
        try mount(folder, environment)
        try folder.shell("cat a; sync .").required()
        // What is too old goes behind the first commit of a writer.
        try folder.unmount()
        #expect(Set(streams).isSubset(of: Tree.names(folder.realm + "/journal")))
        let verified = try folder.verifyJournal()
        #expect(verified.status == 0 && !verified.output.contains("removed"), "\(verified.output)")
    }

    // MARK: Storage that is full

    /// A journal with no room left on its storage.
    private func fullStorage(_ options: String...) throws -> (folder: MountedFolder, disk: String) {
        let folder = try MountedFolder()
        if !options.isEmpty { try folder.argusfs(["folder", "set", MountedFolder.name] + options).required() }
        try folder.shell("head -c 1000000 /dev/urandom > large; echo one > a; mkdir d").required()
        try folder.unmount()
        let journal = folder.realm + "/journal"
        try folder.shell(
            "mv journal before; mkdir -m 700 journal; mount -t tmpfs -o size=9400k,mode=700 argus-test journal; cp -a before/. journal/",
            as: .root, in: folder.realm
        ).required()
        try folder.mount()
        return (folder, journal)
    }

    @Test(
        "a full journal refuses what it could not record, and lets what is open go on; it recovers by itself",
        arguments: [false, true])
    func fullSpool(isStrict: Bool) throws {
        let (folder, disk) = try fullStorage(isStrict ? "audit=strict" : "audit=normal")
        defer { _ = try? Program(["umount", "-l", disk], as: .root).wait() }
        let done = try folder.shell("exec python3 -c '\(Self.filler)' \"$@\"", isStrict ? "strict" : "normal")
            .required()
        let made = try #require(Int(done.output.split(separator: "\n").last ?? ""))
        // Others than the program that found it full are refused too.
        let refused = try folder.shell(
            "i=0; while [ $i -lt 200 ] && cat a > /dev/null; do i=$((i+1)); done; [ $i -lt 200 ]"
        )
        .required()
        #expect(refused.error.contains("No space left"))
        #expect(try !folder.shell("echo two > b").succeeded, "nor anything else")
        #expect(try folder.shell("mount -o remount,size=64m \"$1\"", disk, as: .root, in: "/").succeeded)
        var isBack = false
        for _ in 0..<600 where !isBack {
            isBack = try folder.shell("cat a").succeeded
            if !isBack { usleep(100_000) }
        }
        #expect(isBack)
        try folder.shell("echo two > b").required()
        #expect(try folder.shell("ls d | wc -l").required().output.filter(\.isNumber) == String(made))
        try folder.unmount()
        let all = try folder.records()
        let created = all.filter { $0["activity"]?.string == "create" && $0["path"]?.string?.hasPrefix("/d/") == true }
        let closed = all.filter { $0["activity"]?.string == "close" && $0["path"]?.string?.hasPrefix("/d/") == true }
        #expect(created.count == made && closed.count == made)
        let large = all.filter { $0["path"]?.string == "/large" && $0["program"]?.string?.contains("python") == true }
        // A strict folder refuses before it is full, and so can say it.
        #expect(large.map { $0["activity"]?.string } == (isStrict ? ["open", "denied", "close"] : ["open", "close"]))
        #expect(all.last { $0["activity"]?.string == "unmount" }?["status"]?.string == "success")
        #expect(try folder.verifyJournal().status == 0)
    }

    /// Makes files until the journal is full, with another file open all the time.
    private static let filler = """
        import errno, os, sys
        large = os.open("large", os.O_RDWR)
        os.read(large, 4096)
        made = 0
        try:
            while made < 100000:
                os.close(os.open(f"d/{made}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                made += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        else: raise AssertionError("it never came to be full")
        assert not os.path.exists(f"d/{made}"), "what was refused is there"
        # The close records of files closed a moment ago still come, and take less than was kept for them.
        tries, in_row = 0, 0
        while in_row < 50:
            tries += 1
            assert tries < 10000, "it never came to be full"
            try: os.close(os.open("a", os.O_RDONLY)); in_row = 0
            except OSError as error: assert error.errno == errno.ENOSPC, error; in_row += 1
        try: os.open("large", os.O_RDONLY)
        except OSError as error: assert error.errno == errno.ENOSPC, error
        else: raise AssertionError("an open that was not recorded")
        if sys.argv[1] == "strict":
            # Opens are refused first: what changes names still has room.
            os.rename("d/0", "d/renamed"); os.rename("d/renamed", "d/0")
        # What is open goes on, to its end.
        assert len(os.pread(large, 500000, 500000)) == 500000
        assert os.pwrite(large, b"x" * 100000, 900000) == 100000
        os.fsync(large)
        os.close(large)
        print(made)
        """
}
