import ArgusMountKit
import Testing

@Suite("Who gets in", .tags(.fuse))
struct AccessTests {
    private static let attempts = [
        "ls \"$1\"", "cat \"$1/file\"", "stat \"$1/file\"", "echo x > \"$1/new\"", "rm -f \"$1/file\"",
    ]

    @Test("a personal mount is closed to other users and to root", arguments: attempts)
    func personal(attempt: String) throws {
        let folder = try MountedFolder(as: .first)
        try folder.shell("echo secret > file; chmod 777 . file").required()
        for stranger in [Person.second, .root] {
            let result = try folder.shell(attempt, folder.mountPoint, as: stranger, in: "/")
            #expect(
                !result.succeeded && result.error.contains("Permission denied"), "\(stranger.name): \(result.error)")
        }
        #expect(try folder.shell("cat file; ls").output == "secret\nfile\n")
    }

    @Test(
        "a shared mount keeps strangers, and root where it is not named, out of a private folder", arguments: attempts)
    func sharedPrivate(attempt: String) throws {
        let folder = try MountedFolder(as: .first, mounts: false)
        try folder.argusfs(
            ["mount", MountedFolder.name, folder.mountPoint, "-o", "allow_other"], as: .root
        ).required()
        try folder.shell("echo secret > file; chmod 777 . file").required()
        for stranger in [Person.second, .root] {
            let result = try folder.shell(attempt, folder.mountPoint, as: stranger, in: "/")
            let denied = result.error.contains("Permission denied")
            // Attributes do not depend on who asks (docs/semantics.md): the kernel shares what it has cached.
            let isMetadata = attempt.hasPrefix("stat")
            #expect(isMetadata || (!result.succeeded && denied), "\(stranger.name): \(result.error)\(result.output)")
        }
        #expect(try folder.shell("cat file; ls").output == "secret\nfile\n")
        #expect(try folder.argusfs("umount", folder.mountPoint, as: .root).required().succeeded)
    }

    @Test("a shared mount lets members in as far as their rights go, and nobody else")
    func members() throws {
        let members = ["\(Person.first.name):manage", "\(Person.second.name):read"]
        let folder = try MountedFolder(as: .first, members: members, mounts: false)
        try folder.argusfs(
            ["mount", MountedFolder.name, folder.mountPoint, "-o", "allow_other"], as: .root
        ).required()
        try folder.shell("echo shared > file; chmod 666 file; chmod 777 .").required()
        #expect(try folder.shell("cat file", as: .second).output == "shared\n")
        for attempt in ["echo x > file", "rm -f file", "touch new"] {
            let result = try folder.shell(attempt, as: .second)
            #expect(!result.succeeded && result.error.contains("Permission denied"), "\(attempt): \(result.error)")
        }
        #expect(try !folder.shell("cat file", as: .root).succeeded)
        // The driver is root's: only root can tell it that members have changed.
        try folder.argusfs(
            "folder", "grant", MountedFolder.name, "--member", "\(Person.second.name):read,write", as: .root
        ).required()
        try folder.shell("echo more >> file", as: .second).required()
        try folder.argusfs("folder", "revoke", MountedFolder.name, "--member", Person.second.name, as: .root).required()
        #expect(try !folder.shell("cat file", as: .second).succeeded)
        #expect(try folder.shell("cat file").output == "shared\nmore\n")
        try folder.argusfs("umount", folder.mountPoint, as: .root).required()
    }

    @Test("the driver's memory is closed to everybody but root, the realm's directory to other users")
    func driver() throws {
        let folder = try MountedFolder(as: .first)
        let driver = String(try folder.driver())
        // What ptrace(2) would need: denied to the driver's own user too.
        for person in [Person.first, .second] {
            for place in ["mem", "maps", "environ", "syscall"] {
                let opened = try folder.shell("cat \"/proc/$1/$2\" > /dev/null", driver, place, as: person, in: "/")
                #expect(opened.error.contains("Permission denied"), "\(person.name), \(place): \(opened.error)")
            }
        }
        let limits = try folder.shell("grep 'core file size' \"/proc/$1/limits\"", driver, as: .root, in: "/").output
        #expect(limits.split(separator: " ").filter { $0 == "0" }.count == 2, "\(limits)")
        let listed = try folder.shell("ls \"$1\"", folder.realm, as: .second, in: "/")
        #expect(listed.error.contains("Permission denied"), "\(listed)")
        let status = try folder.argusfs("status", as: .second)
        #expect(!status.output.contains(folder.mountPoint), "\(status.output)")
    }
}
