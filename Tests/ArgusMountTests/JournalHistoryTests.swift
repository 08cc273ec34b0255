import ArgusMountKit
import Testing

/// Attacks by somebody who can write to the realm's directory and has no key.
@Suite("No history vanishes unnoticed")
struct JournalHistoryTests {
    private struct Attack {
        let name: String
        /// In the realm's directory; `of FOLDER` names the streams of a folder's id, `$own` and `$gone` are the ids of the
        /// folder that is there and of one that was deleted, `$acts` is that of the realm itself.
        let script: String
        let says: String
    }

    private static let attacks = [
        Attack(name: "the history of a deleted folder", script: "rm -r $(of $gone)", says: "the realm knows"),
        Attack(
            name: "only the stream that tells of its deletion", script: "rm -r $(of $gone | tail -1)",
            says: "the realm knows"),
        Attack(
            name: "a folder with its whole history", script: "rm -r $(of $own) folders/$own",
            says: "nothing says that it was deleted"),
        Attack(name: "the file of acts", script: "rm acts", says: "file of acts was removed"),
        Attack(
            name: "the file of acts and the realm's own history", script: "rm -r acts $(of $acts)",
            says: "file of acts was removed"),
        Attack(
            name: "the file of acts and the newest of the realm's own history",
            script: "rm -r acts $(of $acts | tail -1)", says: "file of acts was removed"),
        Attack(
            name: "an older file of acts, and what was recorded since",
            script: "cp ../older-acts acts; rm -r $(of $gone) $(of $acts | tail -1)",
            says: "file of acts is older than the realm"),
        Attack(
            name: "a changed file of acts", script: "printf x | dd of=acts bs=1 seek=90 conv=notrunc status=none",
            says: "file of acts was altered"),
        Attack(
            name: "a folder renamed as one that is being deleted, without its history",
            script: "mv folders/$own folders/.deleted-$own; rm -r $(of $own)", says: "argusfs: "),
        Attack(
            name: "everything of the realm's own history", script: "rm -r $(of $acts)", says: "the realm knows"),
    ]

    @Test("what is removed or put back at rest is named by verify", arguments: attacks.indices)
    func vanished(_ index: Int) throws {
        let attack = Self.attacks[index]
        let (folder, own, gone) = try lived()
        #expect(try folder.verifyJournal().status == 0)
        try self.attack(folder, own, gone, attack.script)
        let verified = try folder.verifyJournal()
        #expect(verified.status == 1, "\(attack.name)")
        #expect(verified.error.contains(attack.says), "\(attack.name): \(verified.error)")
    }

    @Test("what an act finds wrong with the file of acts is in the realm's own journal, and the realm goes on")
    func recorded() throws {
        let (folder, own, gone) = try lived()
        try attack(folder, own, gone, "rm acts")
        try folder.argusfs("folder", "create", "another").required()
        let told = try folder.records("--folder", "-", "--activity", "integrity")
        #expect(told.count == 1)
        #expect(told.first?["reason"]?.string?.contains("file of acts was removed") == true)
        #expect(try folder.verifyJournal().status == 0)
        // Begun anew, it knows every folder and every history that was there.
        try attack(folder, own, gone, "rm -r $(of $gone)")
        #expect(try folder.verifyJournal().status == 1)
    }

    @Test("put back as a whole, only a head that was kept elsewhere shows it")
    func head() throws {
        let (folder, _, gone) = try lived()
        try folder.shell("cp -a realm older", in: folder.home).required()
        try folder.mount()
        try folder.shell("echo two > b").required()
        let noted = try folder.argusfs("journal", "head").required().output
        #expect(noted.split(separator: "\n").count == 1)
        #expect(
            try JSON(text: try folder.argusfs("journal", "head", "--json").required().output)["line"]?.string != nil)
        try folder.unmount()
        let line = String(noted.dropLast())
        try folder.shell("echo \"$1\" > heads; echo \"$1\" >> heads", line, in: folder.home).required()
        for head in [line, folder.home + "/heads"] {
            #expect(try folder.argusfs("journal", "verify", "--head", head).status == 0)
        }
        try folder.shell("rm -r realm; mv older realm", in: folder.home).required()
        #expect(try folder.verifyJournal().status == 0)
        for head in [line, folder.home + "/heads"] {
            let verified = try folder.argusfs("journal", "verify", "--head", head)
            #expect(verified.status == 1)
            #expect(verified.error.contains("the record that was noted is not here"), "\(verified.error)")
            #expect(verified.error.contains("docs: stream "), "\(verified.error)")
        }
        let mistyped = line.replacingOccurrence(of: gone, with: String(gone.reversed()))
        #expect(try folder.argusfs("journal", "verify", "--head", mistyped).status == 64)
        #expect(try folder.argusfs("journal", "verify", "--head", "/dev/null").status == 64)
    }

    @Test("a folder that cannot be asked, or whose journal does not fit, hides nothing of the others")
    func damaged() throws {
        let (folder, own, gone) = try lived()
        try folder.argusfs("folder", "create", "second").required()
        try folder.shell("cp -a realm before", in: folder.home).required()
        func damage(_ script: String) throws -> Finished {
            try folder.shell("rm -r realm; cp -a before realm", in: folder.home).required()
            try attack(folder, own, gone, script)
            return try folder.verifyJournal()
        }
        let index = try damage(
            "for o in folders/$own/index/??/*; do head -c 100000 /dev/urandom > $o; done")
        #expect(index.status == 1 && index.error.hasPrefix("argusfs: docs: "), "\(index.error)")
        #expect(index.output.contains("1 thing does not fit"), "\(index.output)")
        let record = try damage("printf x | dd of=folders/$own/folder bs=1 seek=100 conv=notrunc")
        #expect(record.status == 1 && record.error.contains("argusfs: \(own): "), "\(record.error)")
        let listed = try folder.argusfs("folder", "list")
        #expect(listed.status == 1 && listed.error.contains(own), "\(listed.error)")
        let bit = try damage(
            "printf x | dd of=journal/$(of $own | head -1 | cut -d/ -f2)/00000001.segment bs=1 seek=4200 conv=notrunc")
        #expect(bit.status == 1 && bit.error.hasPrefix("argusfs: docs: stream "), "\(bit.error)")
        for command in [["journal", "show"], ["journal", "tail", "-n", "1000"]] {
            let shown = try folder.argusfs(command)
            #expect(shown.status == 1 && shown.error.contains("docs: stream "), "\(shown.error)")
            #expect(shown.output.contains("folder made, private: second"))
            #expect(shown.output.contains("umount") || shown.output.contains("unmount"))
        }
    }

    @Test("rules name members by their account")
    func ruleNames() throws {
        let folder = try MountedFolder(
            members: ["\(Person.current.name):manage", "\(Person.first.name):read"], options: ["-o", "allow_other"])
        try folder.shell("echo one > a; chmod 644 a; cat a").required()
        let shown = try folder.argusfs("journal", "show", "--activity", "open").required().output
        #expect(shown.contains("(member:\(Person.current.name))"), "\(shown)")
    }

    // MARK: A realm with a history

    /// A realm with a folder of two mounts, not mounted, and one that was deleted; their ids. `older-acts` beside it is the
    /// file of acts before the deletion.
    private func lived() throws -> (folder: MountedFolder, own: String, gone: String) {
        let folder = try MountedFolder()
        try folder.shell("echo one > a").required()
        try folder.remount()
        try folder.unmount()
        try folder.argusfs("folder", "create", "gone").required()
        let ids = try ["docs", "gone"].map {
            try #require(try folder.records("--folder", $0).first?["folderId"]?.string)
        }
        try folder.shell("cp realm/acts older-acts", in: folder.home).required()
        try folder.argusfs("folder", "delete", "gone").required()
        return (folder, ids[0], ids[1])
    }

    private func attack(_ folder: MountedFolder, _ own: String, _ gone: String, _ script: String) throws {
        // Streams in the order in which their records come.
        let preamble = #"""
            own=$1 gone=$2 program=$3 acts=00000000000000000000000000000000
            of() {
                "$program" journal show --json \
                    | sed -n "s/.*\"folderId\":\"$1\".*\"stream\":\"\([0-9a-f]*\)\".*/journal\/\1/p" | awk '!seen[$0]++'
            }

            """#
        try folder.shell(preamble + script, own, gone, MountedFolder.program, in: folder.realm).required()
    }
}

extension String {
    fileprivate func replacingOccurrence(of part: String, with other: String) -> String {
        guard let first = part.first else { return self }
        for start in indices where self[start] == first && self[start...].hasPrefix(part) {
            return String(self[..<start]) + other + String(self[start...].dropFirst(part.count))
        }
        return self
    }
}
