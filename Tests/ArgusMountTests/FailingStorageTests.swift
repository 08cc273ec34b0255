import ArgusMountKit
import Glibc
import Testing

/// Storage on an ext4 of its own, apart from the realm, that stops answering or fails.
@Suite("Storage that hangs or fails")
struct FailingStorageTests {
    /// A folder `disk` on a file system of 64 MiB, which is taken away at the end.
    private final class Disk {
        let folder: MountedFolder
        let path: String
        private let image: String

        init() throws {
            folder = try MountedFolder(as: .root, mounts: false)
            (path, image) = (folder.scratch.path + "/disk", folder.scratch.path + "/image")
            try folder.shell(
                """
                truncate -s 64M "$1"; mkfs.ext4 -qF -m0 "$1"; mkdir "$2"; mount -o loop "$1" "$2"; mkdir -m 700 "$2/store"
                """, image, path, in: "/"
            ).required()
            try folder.argusfs("folder", "create", "disk", "--storage", path + "/store").required()
            try folder.argusfs("mount", "disk", folder.mountPoint).required()
        }

        /// Mounts the file system anew, as after a repair; the folder is not mounted meanwhile.
        func replace() throws {
            try folder.shell("umount -l \"$2\"; mount -o loop \"$1\" \"$2\"", image, path, in: "/").required()
        }

        /// As the driver finds it after a start of the machine: nothing in memory.
        func remount() throws {
            try folder.argusfs("umount", folder.mountPoint).required()
            try folder.shell("sync; echo 3 > /proc/sys/vm/drop_caches", in: "/").required()
            try folder.argusfs("mount", "disk", folder.mountPoint).required()
        }

        func freeze(_ isFrozen: Bool) throws {
            try folder.shell("fsfreeze \"$1\" \"$2\"", isFrozen ? "-f" : "-u", path, in: "/").required()
        }

        deinit {
            _ = try? folder.shell("fsfreeze -u \"$1\" || :", path, in: "/")
            _ = try? folder.shell("umount -l \"$1\" || :", folder.mountPoint, in: "/")
            _ = try? folder.shell("umount -l \"$1\" || :", path, in: "/")
        }
    }

    @Test("while storage hangs, who does not need it is served, and who does goes on with it afterwards")
    func hanging() throws {
        let disk = try Disk()
        let folder = disk.folder
        try folder.shell("for n in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom > f$n; done; sha256sum f? > sums")
            .required()
        try disk.remount()
        try folder.shell("cat f1").required()
        let driver = try folder.driver()

        try disk.freeze(true)
        // Cold files: their capsules have to be opened. More than the threads that a mount begins with.
        let readers = try (3...8).map { try folder.start("cat f\($0)") }
        let writer = try folder.start("head -c 200000 /dev/zero > written; sync written")
        // One at least stands still in the storage, where nobody can know how long.
        func hangingCount() -> Int {
            Tree.names("/proc/\(driver)/task").count { thread in
                let status = Tree.text("/proc/\(driver)/task/\(thread)/stat").split(separator: ")").last
                return status?.first { $0 != " " } == "D"
            }
        }
        for _ in 0..<6_000 where hangingCount() < 3 { usleep(20_000) }
        try #require(hangingCount() >= 3, "nothing stands in the frozen storage")
        try folder.shell(
            "test $(ls | wc -l) -ge 9; cat f1 > /dev/null; mkdir d; mv f2 d/g2; ln -s x d/link; stat d/g2; rmdir d || :"
        ).required()
        #expect(try folder.argusfs("status").required().output.contains("serving"))
        #expect(hangingCount() >= 3)
        try disk.freeze(false)

        for reader in readers { try reader.wait().required() }
        try writer.wait().required()
        try folder.shell(
            "mv d/g2 f2; rm d/link; rmdir d; sha256sum --quiet -c sums; test $(stat -c %s written) = 200000"
        )
        .required()
        try folder.argusfs("umount", folder.mountPoint).required()
        #expect(try folder.argusfs("check", "disk").output == "disk: clean\n")
    }

    /// EXT4_IOC_SHUTDOWN without writing the log: from then on every use of the disk is EIO, as of one that was pulled out.
    private static let pullOut = """
        import fcntl, os, struct, sys
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
        """

    @Test(
        "a disk that is pulled out is EIO to who needs it, told and recorded; what was synced is there when it is back")
    func pulledOut() throws {
        let disk = try Disk()
        let folder = disk.folder
        try folder.shell("for n in 1 2 3; do head -c 20000 /dev/urandom > f$n; done; sync; sha256sum f? > sums; sync")
            .required()
        try disk.remount()
        try folder.shell("cat f1").required()
        let driver = try folder.driver()
        try folder.shell("exec python3 -c \"$1\" \"$2\"", Self.pullOut, disk.path, in: "/").required()

        try folder.shell("cat f1 > /dev/null").required()
        for attempt in ["cat f2", "head -c 100000 /dev/zero > f4 && sync f4", "echo more >> f3 && sync f3"] {
            let refused = try folder.shell(attempt)
            #expect(refused.status != 0 && refused.error.contains("rror"), "\(attempt): \(refused)")
        }
        let synced = try folder.argusfs("sync", folder.mountPoint)
        #expect(synced.status == 1 && synced.error.contains("made durable: storage fails"), "\(synced)")
        let refused = try folder.argusfs("umount", folder.mountPoint)
        #expect(refused.status == 1 && refused.error.contains("storage fails"), "\(refused)")
        #expect(refused.error.split(separator: "\n").count == 1)
        // Who gives up what is not stored unmounts with the system's own command.
        try folder.shell("fusermount3 -u \"$1\"", folder.mountPoint, in: "/").required()
        #expect(Tree.ends(driver, withinSeconds: 120))

        try disk.replace()
        try folder.argusfs("mount", "disk", folder.mountPoint).required()
        try folder.shell("sha256sum --quiet -c sums; echo again > f5; sync").required()
        try folder.argusfs("umount", folder.mountPoint).required()
        let verified = try folder.argusfs("journal", "verify")
        #expect(verified.status == 0, "\(verified)")
        let records = try folder.records("--folder", "disk")
        #expect(
            records.contains { $0["activity"]?.string == "unmount" && $0["status"]?.string == "failure" },
            "the unmount that lost something is recorded")
    }
}
