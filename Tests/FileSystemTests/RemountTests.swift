import ArgusMountKit
import Testing

@Suite("A mounted folder is remounted", .serialized)
struct RemountTests {
    private func remount(_ folder: MountedFolder, _ options: String) throws -> Finished {
        try folder.argusfs("mount", "-o", "remount,\(options)", MountedFolder.name, folder.mountPoint)
    }

    @Test("read-only and back, by root, as the mount table says too")
    func root() throws {
        let folder = try MountedFolder(
            as: .root, members: ["*:list,read,write,delete"], options: ["-o", "allow_other,nodev,noatime"])
        try folder.shell("echo one > file").required()
        try remount(folder, "ro").required()
        let refused = try folder.shell("echo two > file")
        #expect(!refused.succeeded && refused.error.contains("Read-only file system"))
        #expect(try folder.shell("cat file; findmnt -no OPTIONS .").output.hasPrefix("one\nro,nosuid,nodev,noatime"))
        let status = try folder.argusfs("status", "--json").required().output.filter { !$0.isWhitespace }
        #expect(status.contains("\"readOnly\":true"))
        try remount(folder, "rw").required()
        try folder.shell("echo two > file").required()
        #expect(try folder.shell("cat file; findmnt -no OPTIONS .").output.hasPrefix("two\nrw,"))
    }

    @Test("read-only by its person, whom the driver then refuses every change")
    func person() throws {
        let folder = try MountedFolder(as: .first)
        try folder.shell("mkdir d; echo one > file").required()
        try remount(folder, "ro").required()
        for change in [
            "echo two > file", "echo two >> file", "truncate -s 0 file", "touch new", "rm file", "mv file new",
            "mkdir e", "rmdir d", "ln file new", "ln -s file new", "chmod 600 file", "touch file",
            "setfattr -n user.a -v 1 file", "setfacl -m u:1:r file",
        ] {
            let refused = try folder.shell(change)
            #expect(!refused.succeeded && refused.error.contains("Read-only file system"), "\(change)")
        }
        #expect(try folder.shell("cat file").output == "one\n")
        try remount(folder, "rw").required()
        try folder.shell("echo two > file").required()
    }

    @Test("but not while a file is open for writing, nor for writing where it was mounted for reading alone")
    func refused() throws {
        let folder = try MountedFolder(as: .first)
        let busy = try folder.shell(
            "exec 3> file; if \"$1\" mount -o remount,ro docs . 2> ../home/error; then exit 1; fi; cat ../home/error; echo x >&3",
            folder.scratch.path + "/argusfs")
        #expect(busy.succeeded && busy.output.contains("open for writing"), "\(busy.error)")
        try folder.unmount()
        try folder.mount(options: ["-o", "ro"])
        #expect(try folder.shell("cat file").output == "x\n")
        let readOnly = try remount(folder, "rw")
        #expect(!readOnly.succeeded && readOnly.error.contains("for reading alone"))
        let elsewhere = try folder.argusfs("mount", "-o", "remount,ro", MountedFolder.name, folder.home)
        #expect(!elsewhere.succeeded && elsewhere.error.contains("is not the mount point"))
    }
}

@Suite("Access times", .serialized)
struct AccessTimeTests {
    /// Whether each of two reads, each by an open of its own, moved the access time of a file older than that.
    @Test(
        "move as the mount's option says",
        arguments: [
            ("strictatime", "yes yes"), ("relatime", "yes no"), ("noatime", "no no"), ("strictatime,ro", "no no"),
        ])
    func options(options: String, expected: String) throws {
        let folder = try MountedFolder(options: ["-o", "strictatime"])
        try folder.shell("echo one > file; touch -d @1000000000 file; touch -a -d @900000000 file").required()
        try folder.unmount()
        try folder.mount(options: ["-o", options])
        let script = """
            read_once() {
                before=$(stat -c %x file)
                cat file > /dev/null
                if [ "$before" = "$(stat -c %x file)" ]; then echo no; else echo yes; fi
            }
            echo $(read_once) $(read_once)
            """
        #expect(try folder.shell(script).required().output == expected + "\n")
    }

    @Test("stay where a reader asks for it")
    func withoutAccessTime() throws {
        let folder = try MountedFolder(options: ["-o", "strictatime"])
        let script = """
            echo one > file; before=$(stat -c %x file)
            dd if=file of=/dev/null iflag=noatime status=none
            [ "$before" = "$(stat -c %x file)" ]
            """
        try folder.shell(script).required()
    }
}
