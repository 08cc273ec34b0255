import ArgusMountKit
import Testing

/// Storage of 24 MiB on a file system of its own, apart from the realm.
@Suite("Full storage")
struct FullStorageTests {
    private func small() throws -> MountedFolder {
        let folder = try MountedFolder(as: .root, mounts: false)
        try folder.shell("mkdir disk; mount -t tmpfs none disk -o size=24m", in: folder.scratch.path)
            .required()
        try folder.argusfs("folder", "create", "small", "--storage", folder.scratch.path + "/disk").required()
        try folder.argusfs("mount", "small", folder.mountPoint).required()
        return folder
    }

    private func release(_ folder: MountedFolder) throws {
        _ = try folder.argusfs("umount", folder.mountPoint)
        try folder.shell("umount disk", in: folder.scratch.path).required()
    }

    @Test(
        "tells it at the write; reading, deleting, syncing and unmounting go on, and so does writing once there is room"
    )
    func inUse() throws {
        let folder = try small()
        defer { try? release(folder) }
        let filled = try folder.shell(
            "head -c 3000000 /dev/urandom > kept; sync; sha256sum kept > sum; cat /dev/zero > large || echo refused")
        #expect(filled.output == "refused\n" && filled.error.contains("No space left"), "\(filled)")
        let small = try folder.shell("for n in $(seq 64); do head -c 100000 /dev/urandom > small.$n || exit 3; done")
        #expect(small.status == 3 && small.error.contains("No space left"), "\(small)")
        try folder.shell("sha256sum -c sum; rm large small.*").required()
        let synced = try folder.argusfs("sync", folder.mountPoint)
        #expect(synced.status == 0, "\(synced)")
        try folder.shell("head -c 3000000 /dev/urandom > again; sync; sha256sum again >> sum").required()
        try folder.argusfs("umount", folder.mountPoint).required()
        let check = try folder.argusfs("check", "small")
        #expect(check.output == "small: clean\n", "\(check)")
        try folder.argusfs("mount", "small", folder.mountPoint).required()
        try folder.shell("sha256sum -c sum").required()
    }

    @Test("is no place to mount, unless one wants to read and delete")
    func beforeMounting() throws {
        let folder = try small()
        defer { try? release(folder) }
        try folder.shell("head -c 3000000 /dev/urandom > a; echo b > b").required()
        try folder.argusfs("umount", folder.mountPoint).required()
        try folder.shell("cat /dev/zero > disk/filling || :", in: folder.scratch.path).required()
        let state = "find \"$1\" \"$2\" -type f -exec sha256sum {} + | sort"
        let before = try folder.shell(state, folder.realm, folder.scratch.path + "/disk", in: "/").required().output
        let refused = try folder.argusfs("mount", "small", folder.mountPoint)
        #expect(refused.status == 1 && refused.output.isEmpty)
        #expect(refused.error.contains("storage is full") && refused.error.split(separator: "\n").count == 1)
        #expect(try folder.shell(state, folder.realm, folder.scratch.path + "/disk", in: "/").output == before)

        try folder.argusfs("mount", "small", folder.mountPoint, "-o", "allow_full").required()
        let denied = try folder.shell("cat b; head -c 3000000 /dev/urandom > c")
        #expect(denied.output == "b\n" && denied.error.contains("No space left"), "\(denied)")
        try folder.shell("rm a c").required()
        let synced = try folder.argusfs("sync", folder.mountPoint)
        #expect(synced.status == 0, "\(synced)")
        try folder.shell("head -c 1000000 /dev/urandom > d; sync").required()
        try folder.argusfs("umount", folder.mountPoint).required()
        #expect(try folder.argusfs("check", "small").output == "small: clean\n")
    }
}
