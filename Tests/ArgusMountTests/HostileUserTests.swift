import ArgusMountKit
import Glibc
import Testing

/// Another user of the machine, who has an account and nothing else, against a folder of somebody's.
@Suite("A hostile local user", .serialized)
struct HostileUserTests {
    private static let secret = "a secret that must not be found"
    private let owner = Person.first
    private let hostile = Person.second

    private func folder() throws -> MountedFolder {
        let folder = try MountedFolder(as: owner)
        try folder.shell("echo '\(Self.secret)' > file; chmod 777 . file").required()
        return folder
    }

    private func expectUnharmed(_ folder: MountedFolder, sourceLine: Int = #line) throws {
        let text = try folder.shell("echo more >> file; head -1 file").required().output
        #expect(text == Self.secret + "\n", "line \(sourceLine)")
    }

    private static let looking = """
        import ctypes, errno, os, sys
        pid = int(sys.argv[1])
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        def attempt(name, body):
            try: body(); print(name, 'ok')
            except OSError as error: print(name, errno.errorcode[error.errno])
        def called(status):
            if status < 0: raise OSError(ctypes.get_errno(), '')
        for name in 'mem', 'maps', 'environ', 'auxv', 'pagemap', 'stack', 'syscall':
            attempt(name, lambda: open('/proc/%d/%s' % (pid, name), 'rb').read(1))
        attempt('fd', lambda: os.listdir('/proc/%d/fd' % pid))
        attempt('fdinfo', lambda: os.listdir('/proc/%d/fdinfo' % pid))
        attempt('root', lambda: os.listdir('/proc/%d/root' % pid))
        attempt('exe', lambda: os.readlink('/proc/%d/exe' % pid))
        attempt('attach', lambda: called(libc.ptrace(16, pid, 0, 0)))
        attempt('seize', lambda: called(libc.ptrace(0x4206, pid, 0, 0)))
        class Part(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
        room = ctypes.create_string_buffer(8)
        here, there = Part(ctypes.addressof(room), 8), Part(0x400000, 8)
        attempt('vm-read', lambda: called(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)))
        pidfd = os.pidfd_open(pid)
        for number in range(3, 20):
            attempt('getfd', lambda: called(libc.syscall(438, pidfd, number, 0)))
        """

    @Test("finds the driver's memory and descriptors closed; so does every program of its own user")
    func driverProcess() throws {
        let folder = try folder()
        let pid = try folder.driver()
        for person in [hostile, owner] {
            let text = try folder.start(
                "exec python3 -c \"$1\" \"$2\"", [Self.looking, String(pid)], as: person, in: "/"
            ).wait().required().output
            let lines = text.split(separator: "\n")
            #expect(lines.count == 31)
            for line in lines {
                #expect(line.hasSuffix(" EACCES") || line.hasSuffix(" EPERM"), "\(person.name): \(line)")
            }
        }
        for signal in ["TERM", "KILL", "STOP"] {
            #expect(try folder.shell("kill -\(signal) \(pid)", as: hostile, in: "/").status != 0)
        }
        try expectUnharmed(folder)
    }

    private static let flooding = """
        import json, os, socket, struct, sys, time
        path, stop = sys.argv[1:3]
        questions = [{'status': {}}, {'synchronize': {}}, {'detach': {}}, {'reload': {}}, {'setReadOnly': {'_0': True}},
                     {'list': {'path': '2f'}}, {'check': {'repair': True}}, {'journalHeads': {}}]
        forged = [json.dumps({'version': 1, 'question': question}).encode() for question in questions]
        frames = [struct.pack('<I', len(text)) + text for text in forged]
        frames += [b'\\xff' * 64, struct.pack('<I', 1 << 20), struct.pack('<I', 4) + b'null', b'']
        replies, idle, count = {}, [], 0
        while not os.path.exists(stop):
            for frame in frames:
                client = socket.socket(socket.AF_UNIX)
                client.settimeout(20)
                try:
                    client.connect(path)
                    client.sendall(frame)
                    reply = client.recv(4096)[4:].decode()
                except OSError as error:
                    reply = type(error).__name__
                replies[reply] = replies.get(reply, 0) + 1
                count += 1
                if len(idle) < 200: idle.append(client)
                else: client.close()
        print(count)
        for reply in replies: print(reply)
        """

    @Test("is not heard on the control socket, whose owner is served in the middle of a flood")
    func controlSocket() throws {
        let folder = try folder()
        let socket = try folder.shell("getfattr --only-values -n user.argus.control .").required().output
        let stop = folder.scratch.path + "/stop"
        func flood() throws -> Program {
            try folder.start(
                "exec python3 -c \"$1\" \"$2\" \"$3\"", [Self.flooding, socket, stop], as: hostile, in: "/")
        }
        // Realm and socket are closed to others. Even where somebody opened them, only the driver's user is heard.
        #expect(
            try folder.shell(
                "exec python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' \"$1\"",
                socket,
                as: hostile, in: "/"
            ).error.contains("Permission denied"))
        try Program(["chmod", "777", folder.realm, folder.realm + "/run", socket], as: .root).wait().required()
        let pid = try folder.driver()
        let programs = [try flood(), try flood()]
        for _ in 0..<5 {
            #expect(try folder.argusfs("status").required().output.contains("serving"))
            try folder.argusfs("sync", folder.mountPoint).required()
            try expectUnharmed(folder)
            #expect(Tree.names("/proc/\(pid)/task").count < 60)
        }
        close(open(stop, O_CREAT | O_WRONLY, 0o666))
        for program in programs {
            let lines = try program.wait().required().output.split(separator: "\n")
            #expect(Int(lines[0]).map { $0 > 100 } == true)
            for reply in lines.dropFirst() {
                #expect(
                    reply.contains("mounted by another user") || reply == "BrokenPipeError"
                        || reply == "ConnectionResetError", "\(reply)")
            }
            #expect(lines.dropFirst().contains { $0.contains("mounted by another user") })
        }
        try Program(["chmod", "700", folder.realm, folder.realm + "/run"], as: .root).wait().required()
        try expectUnharmed(folder)
        try folder.unmount()
    }

    @Test("sees nothing through namespaces of their own", arguments: ["bind", "rbind", "overlay"])
    func namespaces(kind: String) throws {
        let folder = try folder()
        let place = folder.scratch.path + "/namespace"
        mkdir(place, 0o777)
        chmod(place, 0o777)
        let mounting =
            kind == "overlay"
            ? "mkdir u w; mount -t overlay -o \"lowerdir=$1,upperdir=u,workdir=w\" none b" : "mount --\(kind) \"$1\" b"
        let script = "mkdir b; \(mounting) && echo mounted; ls b; cat b/file; stat b/file; cp -r b copy"
        let result = try folder.shell(
            "exec unshare --user --map-root-user --mount /bin/sh -c \"$1\" sh \"$2\"", script, folder.mountPoint,
            as: hostile, in: place)
        #expect(!result.output.contains(Self.secret) && !result.output.contains("file"), "\(result.output)")
        #expect(result.error.contains("Permission denied") || result.error.contains("not permitted"), "\(result.error)")
        if kind != "overlay" { #expect(result.output.contains("mounted"), "\(result.error)") }
        #expect(!Tree.files(below: place).contains { Tree.text($0).contains(Self.secret) })
        try expectUnharmed(folder)
    }

    /// Puts a link to `decoy` in the place of `name` and takes it away again, over and over.
    private static let swapping = """
        import os, sys
        name, decoy, stop = sys.argv[1:4]
        count = 0
        while not os.path.exists(stop):
            try: os.rename(name, name + '.kept')
            except OSError: continue  # Something is mounted there.
            os.symlink(decoy, name)
            os.unlink(name)
            while not os.path.exists(name):
                try: os.rename(name + '.kept', name)
                except OSError: pass
            count += 1
        print(count)
        """

    /// While `hostile` swaps a directory of the owner's, which lies in a directory of theirs, for a link to a decoy.
    private func whileSwapping(
        _ name: String, for decoy: String, in folder: MountedFolder, _ body: () throws -> Void
    ) throws {
        let stop = folder.scratch.path + "/stop"
        let program = try folder.start(
            "exec python3 -c \"$1\" \"$2\" \"$3\" \"$4\"", [Self.swapping, name, decoy, stop], as: hostile, in: "/")
        try body()
        close(open(stop, O_CREAT | O_WRONLY, 0o666))
        let finished = program.wait()
        #expect(Int(finished.output.split(separator: "\n").first ?? "").map { $0 > 20 } == true, "\(finished.error)")
    }

    /// A directory that the hostile user may change, with one of the owner's in it, and a decoy.
    private func ownedWithin(_ folder: MountedFolder) throws -> (place: String, decoy: String) {
        let place = folder.scratch.path + "/public"
        try Program(
            [
                "/bin/sh", "-euc",
                "mkdir -m 777 $1 $1/decoy; mkdir -m 700 $1/owned; chown $2 $1 $1/decoy; chown $3 $1/owned", "sh", place,
                "\(hostile.uid):\(hostile.gid)", "\(owner.uid):\(owner.gid)",
            ], as: .root
        ).wait().required()
        return (place + "/owned", place + "/decoy")
    }

    @Test("who swaps the storage for a link gets nothing readable, and harms nothing that was there before")
    func storageSwap() throws {
        let folder = try folder()
        let (storage, decoy) = try ownedWithin(folder)
        let mount = folder.home + "/swapped"
        try Program(["mkdir", mount], as: owner).wait().required()
        try folder.argusfs("folder", "create", "swapped", "--storage", storage).required()
        try folder.argusfs("mount", "swapped", mount).required()
        try folder.shell("echo '\(Self.secret)' > before", in: mount).required()
        try folder.argusfs("umount", mount).required()
        try whileSwapping(storage, for: decoy, in: folder) {
            for _ in 0..<6 {
                let mounted = try folder.argusfs("mount", "swapped", mount)
                #expect(mounted.status == 0 || mounted.error.contains("swapped: "), "\(mounted.error)")
                guard mounted.succeeded else { continue }
                // Some of it may fail: storage that others change is storage that lies.
                try folder.shell(
                    "for i in 1 2 3; do echo '\(Self.secret)' > during$i; cat during$i; done || true", in: mount)
                try folder.argusfs("umount", mount)
            }
        }
        for file in Tree.files(below: decoy) { #expect(!Tree.text(file).contains(Self.secret), "\(file)") }
        try folder.argusfs("mount", "swapped", mount).required()
        #expect(try folder.shell("cat before", in: mount).required().output == Self.secret + "\n")
        try folder.argusfs("umount", mount).required()
        try expectUnharmed(folder)
    }

    @Test("who swaps the mount point for a link brings no mount to another place")
    func mountPointSwap() throws {
        let folder = try folder()
        let (mount, decoy) = try ownedWithin(folder)
        // Where its user may not write, fusermount3(1) mounts nothing.
        try Program(["chmod", "755", decoy], as: .root).wait().required()
        try folder.unmount()
        try whileSwapping(mount, for: decoy, in: folder) {
            for _ in 0..<6 {
                let mounted = try folder.argusfs("mount", MountedFolder.name, mount)
                #expect(Tree.mounts(below: decoy).isEmpty, "\(mounted.error)")
                for place in [mount, mount + ".kept"] where !Tree.mounts(below: place).isEmpty {
                    try folder.argusfs("umount", place)
                }
            }
        }
        for place in Tree.mounts(below: folder.scratch.path) { try folder.argusfs("umount", place).required() }
        try folder.mount()
        try expectUnharmed(folder)
    }

    @Test("who puts a realm of their own in the place of the owner's is not taken for it")
    func realmSwap() throws {
        let folder = try folder()
        let theirs = folder.scratch.path + "/theirs"
        try Program(["mkdir", "-m", "755", theirs], as: .root).wait().required()
        try Program(["chown", String(hostile.uid), theirs], as: .root).wait().required()
        let place = ["ARGUS_REALM": theirs + "/realm", "ARGUS_KEY_FILE": theirs + "/key", "HOME": theirs]
        try folder.argusfs(["init"], as: hostile, environment: place).required()
        try folder.argusfs(["folder", "create", MountedFolder.name], as: hostile, environment: place).required()
        try Program(["chmod", "-R", "a+rwX", theirs], as: .root).wait().required()
        let link = folder.scratch.path + "/link"
        symlink(theirs + "/realm", link)
        for realm in [theirs + "/realm", link] {
            for arguments in [["folder", "list"], ["mount", MountedFolder.name, folder.home]] {
                let result = try folder.argusfs(arguments, environment: ["ARGUS_REALM": realm])
                #expect(result.status != 0 && !result.error.isEmpty, "\(arguments): \(result.output)")
            }
        }
        try expectUnharmed(folder)
    }

    @Test("nothing lands in the mount point in plaintext while no folder is mounted there", arguments: [false, true])
    func mountPoint(ofRoot: Bool) throws {
        let folder = try MountedFolder(as: ofRoot ? .root : owner, options: ofRoot ? ["-o", "immutable"] : [])
        try folder.unmount()
        for person in [owner, hostile, .root] where ofRoot || person != .root {
            #expect(try folder.shell("echo x > file", as: person).status != 0, "\(person.name)")
        }
        // It is used again as it is, also where the mount fails in between.
        #expect(try folder.argusfs("mount", "none", folder.mountPoint).status != 0)
        #expect(try folder.shell("echo x > file").status != 0)
        try folder.mount()
        try folder.shell("echo x > file").required()
        try folder.unmount()
        #expect(try folder.shell("echo x > file").status != 0)

        if ofRoot { try Program(["chattr", "-i", folder.mountPoint], as: .root).wait().required() }
        try folder.shell("chmod u+w .; echo stray > stray").required()
        let refused = try folder.argusfs("mount", MountedFolder.name, folder.mountPoint)
        #expect(refused.status != 0 && refused.error.contains("not empty"), "\(refused.error)")
        let warned = try folder.argusfs("mount", MountedFolder.name, folder.mountPoint, "-o", "nonempty").required()
        #expect(warned.error.contains("files of its own, unencrypted"))
        try folder.unmount()
        try folder.shell("rm stray").required()
    }
}
