import ArgusMountKit
import Testing

/// Modes and access control lists against the machine's own file system, where the driver decides by them and where
/// `argusfs why` tells of them.
@Suite("POSIX permission on a personal mount")
struct PosixPermissionTests {
    /// What chmod(1), or setfacl(1) where it has a colon, makes of a file of `man` and its group.
    private static let cases = [
        "644", "640", "604", "060", "006", "666", "600", "000", "777",
        "u:games:r", "u:games:rw", "u:games:-,o::rw", "u:games:rw,m::r", "u:games:rw,m::-", "u:games:rw,m::-,o::r",
        "g:games:rw", "g:games:r,o::rw", "g:games:rw,m::w", "g:games:rw,m::-,o::rw", "g:games:-,o::rwx",
        "u:lp:rw,o::r", "u:lp:rw,m::-,o::r", "u:lp:rw,g::rwx,o::-", "m::-,g::rw,o::rx", "u:games:rwx,m::x,o::-",
    ]

    private static let making = """
        i=0; for mode; do echo x > f$i; case $mode in *:*) setfacl -m "$mode" f$i;; *) chmod "$mode" f$i;; esac
        chown man:man f$i; i=$((i + 1)); done
        """

    private static let trying = """
        import os
        for i in range(\(cases.count)):
            name, text = 'f%d' % i, ''
            for letter, flags in (('r', os.O_RDONLY), ('w', os.O_WRONLY)):
                try: os.close(os.open(name, flags)); text += letter
                except PermissionError: text += '-'
            print(text + ('x' if os.access(name, os.X_OK) else '-'))
        """

    private func make(in folder: MountedFolder, _ directory: String? = nil) throws {
        try folder.start(Self.making, Self.cases, as: .root, in: directory).wait().required()
    }

    private func attempts(in folder: MountedFolder, _ directory: String? = nil) throws -> [String] {
        try folder.start("exec python3 -c \"$1\"", [Self.trying], as: .first, in: directory).wait().required().output
            .split(separator: "\n").map(String.init)
    }

    @Test("modes and access control lists decide as on the machine's own file system, and why tells it as it is")
    func comparison() throws {
        let folder = try MountedFolder(as: .first, members: ["*:manage"], mounts: false)
        let plain = folder.scratch.path + "/plain"
        try Program(["mkdir", "-m", "755", plain], as: .root).wait().required()
        try make(in: folder, plain)
        try folder.argusfs(["mount", MountedFolder.name, folder.mountPoint, "-o", "allow_other"], as: .root).required()
        try folder.shell("chmod 755 .", as: .root).required()
        try make(in: folder)
        let expected = try attempts(in: folder, plain)
        #expect(Set(expected).count > 4)
        #expect(try attempts(in: folder) == expected)
        try folder.argusfs("umount", folder.mountPoint, as: .root).required()

        // The same files, now the driver's to decide about.
        let owner = "\(Person.first.uid):\(Person.first.gid)"
        try Program(["chown", "-R", owner, folder.home, folder.storage], as: .root).wait().required()
        try folder.mount()
        #expect(try attempts(in: folder) == expected)
        for (index, text) in expected.enumerated() {
            for (right, letter) in [("read", "r"), ("write", "w")] {
                let why = try folder.argusfs(
                    "why", MountedFolder.name, "/f\(index)", "--person", Person.first.name, "--right", right, "--json"
                ).required().output
                #expect(
                    try JSON(text: why)["allowed"] == JSON.bool(text.contains(letter)),
                    "\(Self.cases[index]), \(right): \(why)")
            }
        }
    }

    @Test("why names the entry of a list that decides, its mask, and a list that does not count")
    func reasons() throws {
        let folder = try MountedFolder(members: ["*:manage"], options: ["-o", "allow_other"])
        try folder.shell(
            """
            echo x > cut; setfacl -m u:games:rw,m::r,o::- cut; echo x > idle; setfacl -m u:games:rw,m::-,o::r idle
            echo x > group; setfacl -m g:games:r,o::- group
            """
        ).required()
        func why(_ file: String, _ right: String) throws -> String {
            try folder.argusfs(
                "why", MountedFolder.name, "/\(file)", "--person", Person.first.name, "--right", right
            ).required().output
        }
        let cut = try why("cut", "write")
        #expect(cut.contains("posix:user:games") && cut.contains("user games rw-, which its mask cuts to r--"))
        #expect(cut.contains("refused: "))
        let idle = try why("idle", "read")
        #expect(idle.contains("posix:list") && idle.contains("does not count") && idle.contains("posix:other"))
        #expect(idle.contains("allowed: "))
        let group = try why("group", "write")
        #expect(group.contains("posix:groups") && group.contains("refused: "))
    }
}
