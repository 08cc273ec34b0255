import ArgusMountKit
import Testing

@Suite("What cannot be mounted is refused with one line and status 1, and nothing changes on disk", .tags(.fuse))
struct RefusalTests {
    /// Everything on disk that outlives a command: names and content of realm and storage. Lock files are empty and mean
    /// nothing by themselves; a driver that serves goes on writing its journal.
    private func state(_ folder: MountedFolder) throws -> String {
        let ignored = Tree.mounts(below: folder.mountPoint).isEmpty ? "none" : "realm/journal/*"
        return try folder.shell(
            """
            find realm ../storage ../mount -not -path 'realm/run*' -not -name lock -printf '%p|%y|%m|%U:%G|%s\\n' | LC_ALL=C sort
            find realm ../storage ../mount -type f -not -name lock -not -path "$1" -print0 |
                LC_ALL=C sort -z | xargs -0r sha256sum
            """, ignored, as: .root, in: folder.home
        ).required().output
    }

    private func expectRefusal(
        _ words: String, _ folder: MountedFolder, sourceLocation: SourceLocation = #_sourceLocation,
        _ run: () throws -> Finished
    ) throws {
        let before = try state(folder)
        let result = try run()
        #expect(result.status == 1, "\(result.error)", sourceLocation: sourceLocation)
        #expect(result.output.isEmpty, sourceLocation: sourceLocation)
        let lines = result.error.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 2 && lines[1].isEmpty, "\(result.error)", sourceLocation: sourceLocation)
        #expect(result.error.hasPrefix("argusfs: "), sourceLocation: sourceLocation)
        #expect(result.error.contains(words), "\(result.error)", sourceLocation: sourceLocation)
        let changes = try state(folder).split(separator: "\n").difference(from: before.split(separator: "\n"))
        #expect(changes.isEmpty, "\(changes)", sourceLocation: sourceLocation)
    }

    @Test("a wrong key, passphrase or realm")
    func credentials() throws {
        let folder = try MountedFolder(mounts: false)
        let mount = ["mount", MountedFolder.name, folder.mountPoint]
        try folder.shell(
            """
            head -c 32 /dev/urandom > other.key; chmod 600 other.key; echo wrong > wrong; : > empty
            echo 'correct horse' > right; mkdir nothing
            """, in: folder.home
        ).required()
        try expectRefusal("key", folder) {
            try folder.argusfs(mount, environment: ["ARGUS_KEY_FILE": folder.home + "/other.key"])
        }
        try expectRefusal("does not exist", folder) {
            try folder.argusfs(mount, environment: ["ARGUS_KEY_FILE": folder.home + "/none.key"])
        }
        try expectRefusal("no passphrase", folder) {
            try folder.argusfs(mount + ["--passphrase-file", "\(folder.home)/wrong"])
        }
        try expectRefusal("holds no passphrase", folder) {
            try folder.argusfs(mount + ["--passphrase-file", "\(folder.home)/empty"])
        }
        for place in ["nothing", "none", "right"] {
            try expectRefusal("is not a realm", folder) {
                try folder.argusfs(mount + ["--realm", "\(folder.home)/\(place)"])
            }
        }

        let other = ["--realm", folder.home + "/other", "--passphrase-file", folder.home + "/right"]
        try folder.argusfs(["init"] + other).required()
        try expectRefusal("the passphrase is wrong", folder) {
            try folder.argusfs(["mount", "x", folder.mountPoint] + other.dropLast() + ["\(folder.home)/wrong"])
        }
    }

    @Test("a folder that is not there, or a mount point that will not do")
    func places() throws {
        let folder = try MountedFolder(mounts: false)
        func mount(_ place: String, _ name: String = MountedFolder.name) throws -> Finished {
            try folder.argusfs("mount", name, place)
        }
        try folder.shell("mkdir full; touch full/file", in: folder.home).required()
        try expectRefusal("there is no such folder", folder) { try mount(folder.mountPoint, "nothing") }
        try expectRefusal("does not exist", folder) { try mount(folder.home + "/none") }
        try expectRefusal("is no directory", folder) { try mount(folder.keyFile) }
        try expectRefusal("is not empty", folder) { try mount(folder.home + "/full") }
        try expectRefusal("is in use as the mount point", folder) { try mount("/proc") }
        try folder.mount()
        try folder.shell("mkdir ../home/second", in: folder.home).required()
        try folder.argusfs("sync", folder.mountPoint).required()
        try expectRefusal("is mounted already, on \(folder.mountPoint)", folder) { try mount(folder.home + "/second") }
        try expectRefusal("a folder is mounted there already", folder) { try mount(folder.mountPoint) }
    }

    @Test("storage that is missing or of a newer format")
    func storage() throws {
        let folder = try MountedFolder(mounts: false)
        func mount() throws -> Finished { try folder.argusfs("mount", MountedFolder.name, folder.mountPoint) }
        try folder.shell("mv storage away; mkdir storage", in: folder.scratch.path).required()
        try expectRefusal("its storage is missing", folder, mount)
        try folder.shell("rmdir storage", in: folder.scratch.path).required()
        try expectRefusal("its storage is missing", folder, mount)
        try folder.shell("mv away storage", in: folder.scratch.path).required()
        try folder.shell("sed -i 's/\"format\" : 1,/\"format\" : 2,/' realm/realm.json", in: folder.home).required()
        try expectRefusal("is a realm of format 2", folder, mount)
        try folder.shell("sed -i 's/\"format\" : 2,/\"format\" : 1,/' realm/realm.json", in: folder.home).required()
        try folder.mount()
    }

    /// Runs a mount in a mount namespace of its own, in which root has changed something before (unshare(1)).
    private func mount(_ folder: MountedFolder, after preparation: String) throws -> Finished {
        let script = "\(preparation); shift 2; exec \"$@\""
        let command = [MountedFolder.program, "mount", MountedFolder.name, folder.mountPoint]
        return try Program(
            ["unshare", "-m", "/bin/sh", "-euc", script, "sh", folder.scratch.path, folder.realm] + command, as: .root,
            environment: folder.environment
        ).wait()
    }

    @Test("a machine without /dev/fuse")
    func device() throws {
        let folder = try MountedFolder(as: .root, mounts: false)
        try expectRefusal("/dev/fuse is missing", folder) {
            try mount(
                folder,
                after: """
                    mount -t tmpfs none /mnt; cp -a /dev/null /dev/zero /dev/urandom /dev/random /dev/tty /mnt
                    mount --bind /mnt /dev
                    """)
        }
    }

    @Test("storage, or a realm, that is read-only or full")
    func refusingStorage() throws {
        let folder = try MountedFolder(as: .root, mounts: false)
        try expectRefusal("its storage refuses writes", folder) {
            try mount(
                folder, after: "mount --bind \"$1/storage\" \"$1/storage\"; mount -o remount,bind,ro \"$1/storage\"")
        }
        try expectRefusal("refuses access", folder) {
            try mount(folder, after: "mount --bind \"$2\" \"$2\"; mount -o remount,bind,ro \"$2\"")
        }
        try expectRefusal("no room", folder) {
            try mount(
                folder,
                after: """
                    mount -t tmpfs -o size=2m none /mnt; cp -a "$2/." /mnt; mount --bind /mnt "$2"
                    cat /dev/zero > "$2/filling" 2> /dev/null || :
                    """)
        }
    }

    @Test("allow_other of an ordinary user, where fuse.conf does not allow it")
    func allowOther() throws {
        let folder = try MountedFolder(as: .first, mounts: false)
        try expectRefusal("user_allow_other", folder) {
            // In a mount namespace of its own: the machine's fuse.conf may allow it.
            let inner = "exec \"$@\""
            return try Program(
                [
                    "unshare", "-m", "/bin/sh", "-euc", "mount --bind /dev/null /etc/fuse.conf; \(inner)", "sh",
                    "setpriv", "--reuid=\(folder.person.uid)", "--regid=\(folder.person.gid)", "--clear-groups",
                    folder.scratch.path + "/argusfs", "mount", MountedFolder.name, folder.mountPoint, "-o",
                    "allow_other",
                ], as: .root, environment: folder.environment
            ).wait()
        }
    }
}
