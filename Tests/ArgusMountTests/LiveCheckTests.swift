import ArgusMountKit
import Testing

@Suite("check, while the folder is mounted and in use")
struct LiveCheckTests {
    private func check(_ folder: MountedFolder, _ options: String...) throws -> Finished {
        try folder.argusfs(["check", MountedFolder.name] + options)
    }

    private func location(_ folder: MountedFolder, _ path: String) throws -> String {
        let rows = try JSON(text: try folder.argusfs("index", "ls", MountedFolder.name, "--json").required().output)
            .array
        return try #require(rows.first { $0["path"]?.string == path }?["location"]?.string)
    }

    @Test("takes no change that comes in between for damage")
    func load() throws {
        let folder = try MountedFolder()
        try folder.shell("mkdir kept; for n in $(seq 200); do head -c 9000 /dev/urandom > kept/$n; done").required()
        let load = try folder.start("exec python3 -c \"$1\"", [Self.work])
        defer {
            load.signal(9)
            _ = load.wait()
        }
        for round in 0..<8 {
            let result = try check(folder)
            #expect(result.status == 0 && result.output == "docs: clean\n", "\(round): \(result)")
        }
        #expect(try folder.shell("cat progress").output.split(separator: "\n").count > 1, "nothing was done meanwhile")
    }

    /// Files that grow, shrink, are replaced, removed, held open without a name, and synced, until it is killed.
    private static let work = """
        import os, random
        held, data = os.open('held', os.O_RDWR | os.O_CREAT), os.urandom(1 << 20)
        gone = os.open('gone', os.O_RDWR | os.O_CREAT); os.unlink('gone')
        unnamed = os.open('.', os.O_TMPFILE | os.O_RDWR)
        log = os.open('progress', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for round in range(1 << 30):
            for fd in (held, gone, unnamed):
                os.pwrite(fd, data[:random.randrange(1, 90000)], random.randrange(3 << 20))
                if random.random() < 0.2: os.ftruncate(fd, random.randrange(2 << 20))
                if random.random() < 0.3: os.fsync(fd)
            name = 'f%d' % random.randrange(40)
            with open(name + '.new', 'wb') as new: new.write(data[:random.randrange(200000)])
            os.rename(name + '.new', name)
            if random.random() < 0.3: os.unlink(name)
            os.write(log, b'.\\n')
        """

    @Test("names what was altered on storage, and nothing else")
    func findings() throws {
        let folder = try MountedFolder()
        try folder.shell(
            "for n in a b c d; do head -c 50000 /dev/urandom > $n; done; exec 3>> open; head -c 90000 /dev/zero >&3; sync"
        ).required()
        let reader = try OpenFile("open", in: folder)
        defer { _ = try? reader.attempt() }
        let (a, b, open) = (try location(folder, "/a"), try location(folder, "/b"), try location(folder, "/open"))
        #expect(try check(folder).status == 0)
        try folder.shell(
            """
            for f in "$1" "$3"; do printf xyz | dd of="$f" bs=1 seek=50000 conv=notrunc status=none; done
            mv "$2" kept; touch "$(dirname "$1")/stray"
            """, a, b, open, in: folder.scratch.path
        ).required()
        let result = try check(folder, "--json")
        #expect(result.status == 1)
        let found = Set(
            try JSON(text: result.output).array.map {
                "\($0["kind"]?.string ?? "") \($0["path"]?.string ?? "")"
            })
        #expect(found == ["damaged /a", "missing /b", "damaged /open", "stray "], "\(result.output)")
        #expect(try folder.shell("cat c d | wc -c").output == "100000\n")
        #expect(try check(folder).output.contains(a))
    }

    @Test("finds the capsule of a deleted file that was brought back, and removes it when told to")
    func orphan() throws {
        let folder = try MountedFolder()
        try folder.shell("head -c 50000 /dev/urandom > a; echo b > b").required()
        let place = try location(folder, "/a")
        try folder.shell("cp \"$1\" kept", place, in: folder.scratch.path).required()
        try folder.shell("rm a").required()
        try folder.argusfs("sync", folder.mountPoint).required()
        try folder.argusfs("sync", folder.mountPoint).required()
        #expect(try check(folder).status == 0)
        try folder.shell("cp kept \"$1\"", place, in: folder.scratch.path).required()
        let found = try check(folder)
        #expect(found.status == 1 && found.output.hasPrefix("orphan: \(place) "), "\(found.output)")
        let repaired = try check(folder, "--repair")
        #expect(repaired.status == 1 && repaired.output.contains("(repaired)"))
        #expect(try check(folder).output == "docs: clean\n")
        #expect(try folder.shell("cat b").output == "b\n")
    }

    @Test("names an index that was altered beneath the mount")
    func index() throws {
        let folder = try MountedFolder()
        try folder.shell("for n in $(seq 500); do echo $n > file-$n; done").required()
        try folder.argusfs("sync", folder.mountPoint).required()
        #expect(try check(folder).output == "docs: clean\n")
        try folder.shell(
            """
            index=$(find . -path '*/index/??/*' -type f)
            for n in $(seq 2 40); do printf xyz | dd of="$index" bs=1 seek=$((n * 4096 + 99)) conv=notrunc status=none; done
            """, in: folder.realm
        ).required()
        let found = try check(folder)
        #expect(found.status == 1 && found.output.hasPrefix("index: "), "\(found.output)\(found.error)")
        #expect(found.output.contains("/index/"))
    }

    @Test("looks at a folder mounted for reading alone, and changes nothing there")
    func readOnly() throws {
        let folder = try MountedFolder()
        try folder.shell("head -c 50000 /dev/urandom > a").required()
        let place = try location(folder, "/a")
        try folder.unmount()
        try folder.mount(options: ["-o", "ro"])
        #expect(try check(folder, "--repair").output == "docs: clean\n")
        try folder.shell("cp \"$1\" kept; truncate -s +4096 \"$1\"", place, in: folder.scratch.path).required()
        let found = try check(folder, "--repair")
        #expect(found.status == 1 && found.output.contains("/a: ") && !found.output.contains("(repaired)"))
    }

    @Test("gives way to unmounting")
    func unmounting() throws {
        let folder = try MountedFolder()
        try folder.shell("for n in $(seq 60); do head -c 3000000 /dev/urandom > $n; done").required()
        let running = try Program(
            [MountedFolder.program, "check", MountedFolder.name], as: folder.person, environment: folder.environment)
        try folder.shell("sleep 0.3", in: "/").required()
        try folder.unmount()
        let result = running.wait()
        // Over already, or told that it was ended; on a fast machine the folder is at rest by then.
        #expect(result.status == 0 || result.status == 2, "\(result)")
        #expect(result.status == 0 || result.error.contains("ended early") || result.error.contains("in use"))
        #expect(try check(folder).output == "docs: clean\n")
    }
}
