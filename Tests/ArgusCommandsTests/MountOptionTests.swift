import Testing

@testable import ArgusCommands

@Suite("Mount options, the mount helper's arguments, and the mount table")
struct MountOptionTests {
    @Test("options add up over several -o, and later ones win")
    func options() throws {
        let list = try MountOptionList(["ro,noatime,nodev", "rw,dev,allow_other,commit=30"])
        #expect(!list.isReadOnly)
        #expect(list.allowsOthers)
        #expect(list.allowsDevices == true)
        #expect(list.barrierIntervalSeconds == 30)
        #expect(list.kernelOptions == ["noatime", "dev"])
    }

    @Test("a mount of an ordinary user through fstab gives no devices, set-id bits or programs")
    func userOption() throws {
        #expect(try MountOptionList(["user"]).kernelOptions == ["nodev", "nosuid", "noexec"])
        #expect(try MountOptionList(["user,exec"]).kernelOptions == ["nodev", "nosuid", "exec"])
    }

    @Test("what mount(8) passes on when it remounts is understood")
    func remount() throws {
        let list = try MountOptionList(["rw,user_id=0,group_id=0,default_permissions,allow_other,remount,ro"])
        #expect(list.isRemount && list.isReadOnly && list.allowsOthers)
    }

    @Test("what concerns mount(8) and systemd is accepted")
    func foreignOptions() throws {
        let list = try MountOptionList(["defaults,nofail,_netdev,noauto,x-systemd.automount,x-gvfs-name=a b,user=anna,"]
        )
        #expect(list == MountOptionList())
    }

    @Test("a backslash keeps a comma in a value")
    func escapedComma() throws {
        #expect(try MountOptionList([#"key-file=/a\,b\c,ro"#]).keyFile == #"/a,b\c"#)
    }

    @Test(
        "what is not known, or has no such value, is a wrong command line",
        arguments: ["bogus", "bogus=1", "RO", "commit=0", "commit=x", "remount=1", "allow_root", "ro=1"])
    func unknownOptions(text: String) {
        #expect {
            _ = try MountOptionList([text])
        } throws: {
            ($0 as? CommandError)?.exitStatus == .usage
        }
    }

    @Test("mount(8) passes its own flags, together or apart")
    func helperArguments() throws {
        let arguments = try MountHelper.Arguments(["plans", "/mnt", "-sn", "-o", "ro,noatime", "-t", "argusfs", "-orw"])
        #expect(arguments.folder == "plans")
        #expect(arguments.directory == "/mnt")
        #expect(arguments.options == ["ro,noatime", "rw"])
        #expect(arguments.toleratesUnknownOptions)
        #expect(!arguments.isFake)
        #expect(try MountHelper.Arguments(["-nfo", "ro", "a", "b"]).isFake)
    }

    @Test(
        "the helper refuses what mount(8) would not pass",
        arguments: [["a"], ["a", "b", "c"], ["a", "b", "-o"], ["a", "b", "-x"]])
    func helperUsage(words: [String]) {
        #expect(throws: CommandError.self) { try MountHelper.Arguments(words) }
    }

    @Test(
        "only the line user_allow_other itself opens mounts to others",
        arguments: [
            ("user_allow_other\n", true), ("# x\n  user_allow_other  # yes\n", true), ("#user_allow_other\n", false),
            ("user_allow_others", false), ("", false), ("mount_max = 10", false),
        ])
    func fuseConfiguration(text: String, isAllowed: Bool) {
        #expect(MountOptionList.allowsOthers(fuseConfiguration: text) == isAllowed)
    }

    @Test("the mount table is read as the kernel writes it; the last mount at a place is on top")
    func mountTable() throws {
        let table = MountTable(
            text: #"""
                22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
                36 22 0:51 / /mnt/my\040plans rw,nosuid shared:7 - fuse.argusfs plans\134x rw,user_id=1000
                40 36 0:52 / /mnt/my\040plans/in rw - tmpfs tmpfs rw
                41 22 0:53 / /mnt/my\040plans rw - autofs systemd-1 rw
                broken line
                """#)
        #expect(table.entries.count == 4)
        let folder = try #require(table.entry(id: 36))
        #expect(folder.isFolder)
        #expect(folder.mountPoint == "/mnt/my plans")
        #expect(folder.source == #"plans\x"#)
        #expect(folder.device == "0:51")
        #expect(folder.options.contains("user_id=1000"))
        #expect(table.top(at: "/mnt/my plans")?.id == 41)
        #expect(table.children(of: 36).map(\.id) == [40])
    }
}
