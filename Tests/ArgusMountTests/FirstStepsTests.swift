import ArgusMountKit
import Testing

/// What a new user meets first, with the built program.
@Suite struct FirstStepsTests {
    @Test("a folder is mounted again over what a killed driver left, though the kernel remembers the directory")
    func deadMount() throws {
        let folder = try MountedFolder()
        try folder.shell("echo kept > file; sync file; ls -la . > /dev/null; stat . > /dev/null").required()
        try folder.killDriver()
        let doctor = try folder.argusfs("doctor")
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("the driver of \(folder.mountPoint) has ended; "))
        try folder.mount()
        #expect(try folder.shell("cat file").output == "kept\n")
        #expect(try folder.argusfs("doctor").output.contains("ok       mount: \(folder.mountPoint)\n"))
    }

    @Test(
        "the configuration names realm, key and mount options; a mistake in it stops every command but those about it")
    func configuration() throws {
        let folder = try MountedFolder(mounts: false)
        try folder.shell(
            """
            printf 'realm = "%s"\\nkey-file = "%s"\\n[mount]\\noptions = ["noatime"]\\n' "$1" "$2" > argusfs.toml
            """, folder.realm, folder.keyFile, in: folder.home
        ).required()
        let place = ["ARGUS_CONFIG": folder.home, "ARGUS_REALM": "", "ARGUS_KEY_FILE": ""]
        try folder.argusfs(["mount", MountedFolder.name, folder.mountPoint], environment: place).required()
        let mounts = try folder.shell("cat /proc/self/mounts", in: "/").output.split(separator: "\n")
        let line = try #require(mounts.first { $0.contains(" \(folder.mountPoint) ") })
        #expect(line.contains("noatime"))
        try folder.argusfs(["umount", folder.mountPoint], environment: place).required()

        try folder.shell("echo 'colour = 1' >> argusfs.toml", in: folder.home).required()
        let refused = try folder.argusfs(["folder", "list"], environment: place)
        #expect(refused.status == 1)
        #expect(refused.error.hasPrefix("argusfs: \(folder.home)/argusfs.toml:5: mount.colour is no setting; "))
        #expect(try folder.argusfs(["config", "check"], environment: place).status == 1)
        #expect(try folder.argusfs(["--version"], environment: place).status == 0)
    }
}
