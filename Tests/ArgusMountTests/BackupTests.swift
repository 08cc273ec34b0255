import ArgusMountKit
import Glibc
import Testing

@Suite("A lost realm comes back from its backup")
struct BackupTests {
    private func restored(_ folder: MountedFolder, _ backup: String, _ options: [String] = []) throws -> [String:
        String]
    {
        let realm = folder.scratch.path + "/home/another"
        try folder.argusfs(["realm", "restore", backup, "--realm", realm] + options).required()
        return ["ARGUS_REALM": realm]
    }

    @Test("with every file, name, member and record, though it was in use")
    func whole() throws {
        let folder = try MountedFolder()
        // Capsules in the realm itself, and those of the kit's folder elsewhere.
        try folder.argusfs("folder", "create", "inner").required()
        let inner = folder.home + "/inner"
        mkdir(inner, 0o700)
        try folder.argusfs("mount", "inner", inner).required()
        defer { _ = try? folder.argusfs("umount", inner) }
        for place in [folder.mountPoint, inner] {
            try folder.shell(
                "mkdir -p a/b; for i in $(seq 50); do head -c $((i * 200)) /dev/urandom > a/f.$i; done; ln a/f.1 a/b/link",
                in: place
            ).required()
        }
        let busy = try folder.start("for i in $(seq 300); do echo $i >> busy; done; sync; echo done", in: inner)
        for _ in 0..<60_000 where access(inner + "/busy", F_OK) != 0 { usleep(1_000) }
        let backup = folder.home + "/realm.argus"
        let told = try folder.argusfs("realm", "backup", backup).required()
        #expect(told.output.contains("2 folders") && told.error.contains("not in the backup"))
        #expect(busy.wait().output == "done\n")
        // Newer than the backup, in storage that is not lost.
        try folder.shell("echo later > a/f.1; echo new > a/new; sync").required()
        let outer = try folder.shell("sha256sum a/f.*").required().output
        let kept = try folder.shell("sha256sum a/f.*; ls -i a/f.1 a/b/link | cut -d' ' -f1 | uniq | wc -l", in: inner)
            .required().output
        try folder.argusfs("umount", inner).required()
        try folder.unmount()
        rename(folder.realm, folder.home + "/lost")

        let environment = try restored(folder, backup)
        try folder.argusfs(["mount", "inner", inner], environment: environment).required()
        let innerAgain = try folder.shell(
            "sha256sum a/f.*; ls -i a/f.1 a/b/link | cut -d' ' -f1 | uniq | wc -l", in: inner
        ).required().output
        #expect(innerAgain == kept)
        try folder.shell("echo more > a/b/more; [ $(wc -l < busy) -le 300 ]", in: inner).required()
        try folder.argusfs(["umount", inner], environment: environment).required()
        let check = try folder.argusfs(["check", "inner"], environment: environment)
        #expect(check.output == "inner: clean\n" && check.status == 0, "\(check.output)\(check.error)")

        // Files that were written after the backup are as they were, and those made after it are not touched.
        try folder.argusfs(["mount", "docs", folder.mountPoint], environment: environment).required()
        #expect(try folder.shell("sha256sum a/f.*").required().output == outer)
        try folder.shell("for i in $(seq 300); do echo $i > fresh.$i; done").required()
        try folder.argusfs(["umount", folder.mountPoint], environment: environment).required()
        let findings = try folder.argusfs(["check", "docs"], environment: environment)
        #expect(findings.status == 1)
        #expect(findings.output.split(separator: "\n").allSatisfy { $0.hasPrefix("orphan: ") }, "\(findings.output)")
        #expect(findings.output.split(separator: "\n").count == 1)
        try folder.argusfs(["journal", "verify"], environment: environment).required()
    }

    @Test("where storage lies at another place by then")
    func moved() throws {
        let folder = try MountedFolder()
        try folder.argusfs("folder", "create", "inner").required()
        try folder.argusfs("folder", "create", "empty", "--storage", folder.storage).required()
        try folder.argusfs("folder", "create", "other", "--storage", folder.storage).required()
        let other = folder.home + "/other"
        mkdir(other, 0o700)
        try folder.argusfs("mount", "other", other).required()
        try folder.shell("echo other > file", in: other).required()
        try folder.argusfs("umount", other).required()
        try folder.shell("echo one > a; head -c 100000 /dev/urandom > b").required()
        let sums = try folder.shell("sha256sum a b").required().output
        try folder.unmount()
        let backup = folder.home + "/realm.argus"
        try folder.argusfs("realm", "backup", backup).required()
        try folder.shell(
            """
            mv realm lost; mkdir new wrong gone; mv ../storage/* new/; cp -a new/* wrong/
            """, in: folder.home
        ).required()
        func identifier(_ name: String) throws -> String {
            let list = try folder.argusfs("folder", "list", "--json", "--realm", folder.home + "/lost").required()
            return try #require(
                try JSON(text: list.output).array.first { $0["name"]?.string == name }?["folderId"]?.string)
        }
        // Another folder's capsules under this one's name.
        try folder.shell(
            "rm -r \"wrong/$1\"; mv \"wrong/$2\" \"wrong/$1\"", try identifier("docs"), try identifier("other"),
            in: folder.home
        ).required()

        let realm = folder.home + "/another"
        for (storage, subject) in [
            ("nobody=\(folder.home)/new", "nobody: is no folder of the backup"),
            ("inner=\(folder.home)/new", "inner: keeps its storage in the realm"),
            ("docs=\(folder.home)/gone", "docs: has no storage there"),
            ("docs=\(folder.home)/nowhere", "docs: the storage directory does not exist"),
            ("docs=\(folder.home)/wrong", "docs: does not have its storage there"),
            ("docs", "--storage: takes the name of a folder"),
        ] {
            let refused = try folder.argusfs(["realm", "restore", backup, "--realm", realm, "--storage", storage])
            #expect(refused.status != 0 && refused.error.hasPrefix("argusfs: " + subject), "\(refused.error)")
            #expect(refused.error.split(separator: "\n").count == 1)
            #expect(access(realm, F_OK) != 0)
        }

        let docs = "\(folder.home)/new/\(try identifier("docs"))"
        let environment = try restored(
            folder, backup,
            [
                "--storage", "docs=\(docs)", "--storage", "empty=\(folder.home)/new", "--storage",
                "other=\(folder.home)/new",
            ])
        for (name, files) in [("docs", sums), ("empty", ""), ("other", "")] {
            try folder.argusfs(["mount", name, folder.mountPoint], environment: environment).required()
            #expect(try folder.shell("cat /dev/null; [ ! -e a ] || sha256sum a b").required().output == files)
            try folder.shell("echo more > more").required()
            try folder.argusfs(["umount", folder.mountPoint], environment: environment).required()
            let check = try folder.argusfs(["check", name], environment: environment)
            #expect(check.output == "\(name): clean\n", "\(check.output)\(check.error)")
        }
        let records = try folder.argusfs(["journal", "show", "--folder", "docs", "--json"], environment: environment)
        #expect(records.output.contains("storage=\(docs)"), "\(records.output)")
    }

    @Test("with the recovery key, on a machine that has nothing else")
    func recovery() throws {
        let folder = try MountedFolder(mounts: false)
        let realm = folder.home + "/second"
        let made = try folder.argusfs("init", "--realm", realm, "--key-file", folder.home + "/second.key").required()
            .output
        let key = try #require(made.split(separator: "\n").first { $0.filter { $0 == "-" }.count == 13 })
        let keyFile = folder.home + "/paper"
        try folder.shell("echo \"$1\" > paper; argus=$2", String(key), "", in: folder.home).required()
        let backup = folder.home + "/second.argus"
        let access = ["--realm", realm, "--key-file", folder.home + "/second.key"]
        try folder.argusfs(["realm", "backup", backup] + access).required()
        let again = folder.home + "/again"
        try folder.argusfs(
            ["realm", "restore", backup, "--realm", again, "--recovery-key-file", keyFile],
            environment: ["ARGUS_KEY_FILE": "/dev/null"]
        ).required()
        let list = try folder.argusfs("folder", "list", "--realm", again, "--key-file", folder.home + "/second.key")
        #expect(list.status == 0)
    }

    @Test("and is refused where a byte of the backup was changed, cut or added")
    func altered() throws {
        let folder = try MountedFolder()
        try folder.shell("echo one > a; echo two > b").required()
        try folder.unmount()
        let backup = folder.home + "/realm.argus"
        try folder.argusfs("realm", "backup", backup).required()
        #expect(try folder.argusfs("realm", "backup", backup).status == 1, "it is not written over")
        let size = Int(try folder.shell("stat -c %s realm.argus", in: folder.home).required().output.dropLast()) ?? 0
        #expect(size > 10_000)
        let script = """
            import sys
            data = bytearray(open('realm.argus', 'rb').read())
            place, what = int(sys.argv[1]), sys.argv[2]
            if what == 'flip': data[place] ^= 1
            if what == 'cut': data = data[:place]
            open('altered.argus', 'wb').write(data)
            """
        let places =
            stride(from: 700, to: size - 1100, by: size / 12).map { ("flip", $0) } + [("cut", size / 2), ("cut", 300)]
        for (what, place) in places {
            try folder.shell("python3 -c \"$1\" $2 $3", script, String(place), what, in: folder.home).required()
            let result = try folder.argusfs(
                "realm", "restore", folder.home + "/altered.argus", "--realm", folder.home + "/r")
            #expect(
                result.status == 1 && result.error.split(separator: "\n").count == 1,
                "\(what) \(place): \(result.error)")
            #expect(access(folder.home + "/r", F_OK) != 0)
        }
        let wrong = try folder.argusfs(
            ["realm", "restore", backup, "--realm", folder.home + "/r"],
            environment: ["ARGUS_KEY_FILE": "/etc/services"])
        #expect(wrong.status == 1)
        #expect(access(folder.home + "/r", F_OK) != 0)
        // Nothing that was chosen by a person is in it.
        try folder.shell("! grep -q docs realm.argus", in: folder.home).required()
    }
}
