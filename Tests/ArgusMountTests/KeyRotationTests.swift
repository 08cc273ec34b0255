import ArgusMountKit
import Testing

@Suite("A folder that gets a new key while it is mounted")
struct KeyRotationTests {
    /// Generations of the keys of all files, as the mapping tells them.
    private func generations(_ folder: MountedFolder) throws -> [Double] {
        let rows = try JSON(text: try folder.argusfs("index", "ls", MountedFolder.name, "--json").required().output)
            .array
        return rows.compactMap { $0["keyVersion"]?.number }
    }

    /// Waits until every file has the key; the test's own time limit ends it.
    private func waitForKey(_ generation: Double, _ folder: MountedFolder) throws {
        while try !generations(folder).allSatisfy({ $0 == generation }) {
            try folder.shell("sleep 0.1").required()
        }
    }

    @Test("has it for every file, old, open and being written, and no content is written anew")
    func inUse() throws {
        let folder = try MountedFolder()
        try folder.shell(
            "for i in $(seq 150); do head -c $((i * 300)) /dev/urandom > old.$i; done; head -c 3000000 /dev/urandom > big; sync"
        ).required()
        let writer = try folder.start(
            "exec 9>>growing; for i in $(seq 400); do echo line $i >&9; [ $((i % 40)) -ne 0 ] || sleep 0.05; done; wc -l < growing"
        )
        let reader = try folder.start("exec 8<big; sleep 1; sha256sum <&8; sha256sum < big")
        try folder.argusfs("folder", "rotate-key", MountedFolder.name).required()
        try folder.shell("echo new > new; sync").required()
        #expect(writer.wait().output == "400\n")
        let sums = reader.wait().output.split(separator: "\n")
        #expect(sums.count == 2 && sums.first == sums.last)
        try waitForKey(2, folder)
        #expect(try generations(folder).count == 153)
        try folder.argusfs("folder", "rotate-key", MountedFolder.name).required()
        try waitForKey(3, folder)
        let before = try folder.fingerprint()
        try folder.remount()
        #expect(try folder.fingerprint() == before)
        let journal = try folder.argusfs("journal", "show", "--folder", MountedFolder.name).required().output
        #expect(journal.contains("key-rotated"))
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.output == "docs: clean\n" && check.status == 0, "\(check.output)\(check.error)")
    }

    @Test("goes on with it after kill -9, and every file is whole")
    func killed() throws {
        let folder = try MountedFolder()
        try folder.shell("for i in $(seq 300); do echo $i > f.$i; done; sync").required()
        let before = try folder.shell("cat $(seq -f f.%g 300) | sha256sum").required().output
        for round in 2...4 {
            try folder.argusfs("folder", "rotate-key", MountedFolder.name).required()
            try folder.shell("sleep 0.0\(round)").required()
            try folder.killDriver()
            try folder.argusfs("umount", folder.mountPoint)
            try folder.mount()
            #expect(try folder.shell("cat $(seq -f f.%g 300) | sha256sum").required().output == before)
        }
        try waitForKey(4, folder)
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.output == "docs: clean\n" && check.status == 0, "\(check.output)\(check.error)")
    }

    @Test("a rotation at rest that is killed is gone on with by the next mount")
    func killedAtRest() throws {
        let folder = try MountedFolder()
        try folder.shell("for i in $(seq 600); do echo $i > f.$i; done").required()
        try folder.unmount()
        let rotation = try Program(
            [MountedFolder.program, "folder", "rotate-key", MountedFolder.name], environment: folder.environment)
        try folder.shell("sleep 0.15", in: folder.home).required()
        rotation.signal(9)
        _ = rotation.wait()
        try folder.mount()
        let folders = try JSON(text: try folder.argusfs("folder", "list", "--json").required().output).array
        try waitForKey(try #require(folders.first?["keyVersion"]?.number), folder)
        #expect(try folder.shell("cat $(seq -f f.%g 600) | wc -l").required().output == "600\n")
        try folder.unmount()
        let check = try folder.argusfs("check", MountedFolder.name)
        #expect(check.output == "docs: clean\n" && check.status == 0, "\(check.output)\(check.error)")
    }
}
