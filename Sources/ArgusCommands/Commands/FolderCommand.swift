internal import ArgumentParser
internal import ArgusCore
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusRealm
internal import Glibc

/// `argusfs folder`: the confidential folders of a realm.
struct FolderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "folder",
        abstract: "Make, list, share and delete confidential folders.",
        subcommands: [
            FolderCreateCommand.self, FolderListCommand.self, FolderShowCommand.self, FolderDeleteCommand.self,
            FolderGrantCommand.self, FolderRevokeCommand.self, FolderSetCommand.self,
            FolderRotateKeyCommand.self,
        ])
}

struct FolderCreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a folder.",
        discussion: """
            Without members it is private and opens for you alone. A member is an account, an @group, or * for everyone; \
            rights are list, read, write, delete, export and manage, separated by commas.

              argusfs folder create diary
              argusfs folder create plans --member alice:manage --member @staff:read,write --storage /srv/capsules
            """)

    @Argument(help: "The folder's name.") var name: String
    @Option(name: .customLong("member"), help: ArgumentHelp("Share it with a member.", valueName: "who:rights"))
    var members: [MemberArgument] = []
    @Option(
        help: ArgumentHelp("Where its capsules lie; inside the realm unless said.", valueName: "dir"),
        completion: .directory)
    var storage: String?
    @OptionGroup var realm: RealmOptions

    mutating func validate() throws { try members.requireRights() }

    func run() throws {
        let open = try realm.openRealm()
        _ = try realmResult(name) { () throws(RealmError) in
            try open.createFolder(
                name: name, members: members.map(\.spec), storage: storage.map(absolutePath), ownerUID: getuid())
        }
    }
}

struct FolderListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the folders of the realm.")

    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let (folders, damaged) = try realmResult(open.path) { () throws(RealmError) in
            try open.readableFolders(listedFor: nil)
        }
        try print(folders)
        for error in damaged { Standard.errorLine("argusfs: folder \(error.folder ?? ""): \(error.message)") }
        if !damaged.isEmpty { throw ExitStatusOnly(exitStatus: .failure) }
    }

    private func print(_ folders: [FolderSummary]) throws {
        if listing.json { return try JSONOutput.print(folders.map(FolderReport.init)) }
        var table = Table("NAME", "PROTECTION", "OWNER", "KEY", "DRIVER", "STORAGE")
        for folder in folders {
            table.add(
                folder.name, folder.protection.rawValue, folder.owner, String(folder.keyGeneration),
                folder.holder.map(String.init) ?? "-", folder.storage)
        }
        try Standard.output(table.text)
    }
}

struct FolderShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a folder's members, storage and key.")

    @Argument(help: "The folder's name.") var name: String
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let folder = try realmResult(name) { () throws(RealmError) in try open.folder(named: name) }
        if listing.json { return try JSONOutput.print(FolderReport(folder)) }
        let members = folder.members.map { "\($0.who):\($0.rights.text)" }
        let lines = [
            ("Name", folder.name), ("Id", folder.id.hex), ("Protection", folder.protection.rawValue),
            ("Owner", folder.owner), ("Members", members.isEmpty ? "-" : members.joined(separator: " ")),
            ("Storage", folder.storage), ("Key version", String(folder.keyGeneration)),
            ("Programs", folder.programs.text), ("Audit", folder.isStrict ? "strict" : "normal"),
            ("Made", folder.created.shortText + " UTC"),
            ("Driver", folder.holder.map { "process \($0)" } ?? "not mounted"),
        ]
        try Standard.output(
            lines.map { label, value in
                label + ":" + String(repeating: " ", count: 13 - label.count) + Table.printable(value) + "\n"
            }.joined())
    }
}

struct FolderDeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a folder with everything in it.",
        discussion:
            "Its key is destroyed, so that no copy of its capsules opens again. A mounted folder is not deleted.")

    @Argument(help: "The folder's name.") var name: String
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let folder = try realmResult(name) { () throws(RealmError) in try open.folder(named: name) }
        if try open.driver(of: folder) != nil {
            throw CommandError(name, "is mounted; unmount it first, `argusfs status` shows where")
        }
        try realmResult(name) { () throws(RealmError) in try open.deleteFolder(named: name) }
    }
}

struct FolderGrantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Make someone a member, or set a member's rights.",
        discussion: """
            The rights given replace those the member had. It holds at once where the folder is mounted.

              argusfs folder grant plans --member bob:read,write
            """)

    @Argument(help: "The folder's name.") var name: String
    @Option(name: .customLong("member"), help: ArgumentHelp("Who, and what they may do.", valueName: "who:rights"))
    var members: [MemberArgument]
    @OptionGroup var realm: RealmOptions

    mutating func validate() throws { try members.requireRights() }

    func run() throws {
        let open = try realm.openRealm()
        for member in members {
            _ = try realmResult(name) { () throws(RealmError) in try open.grant(member.spec, inFolder: name) }
        }
        try open.tellDriver(ofFolder: name)
    }
}

struct FolderRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take rights from a member, or the membership.",
        discussion: """
            With rights, those are taken; without, the member leaves. It holds at once where the folder is mounted.

              argusfs folder revoke plans --member bob:write
              argusfs folder revoke plans --member bob
            """)

    @Argument(help: "The folder's name.") var name: String
    @Option(name: .customLong("member"), help: ArgumentHelp("Who, and which rights.", valueName: "who[:rights]"))
    var members: [MemberArgument]
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        for member in members {
            _ = try realmResult(name) { () throws(RealmError) in try open.revoke(member.spec, inFolder: name) }
        }
        try open.tellDriver(ofFolder: name)
    }
}

struct FolderSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change settings of a folder.",
        discussion: """
            It holds at once where the folder is mounted.

              audit=normal   an operation is answered with its record in the journal's memory-mapped segment
              audit=strict   an operation is answered once its record is on disk
              programs=RULE,…
                             which programs may open files; the first rule that fits decides, and what none fits may.
                             allow:, deny: or withhold: (the program reads ciphertext, for backups), then an absolute
                             path, file:MAJOR:MINOR:INODE, sha256:HEX or *. Indexers and thumbnailers are refused unless
                             `indexers` is among the rules. All rules are replaced; programs= leaves none.

              argusfs folder set plans audit=strict
              argusfs folder set plans programs=withhold:/usr/bin/restic,deny:/usr/bin/curl
            """)

    @Argument(help: "The folder's name.") var name: String
    @Argument(help: ArgumentHelp("What to change, and to what.", valueName: "key=value")) var settings: [String]
    @OptionGroup var realm: RealmOptions

    mutating func validate() throws {
        for setting in settings where FolderSetting(text: setting) == nil {
            throw ValidationError(
                "'\(setting)' is no setting; there are: \(FolderSetting.keys.joined(separator: ", ")).")
        }
    }

    func run() throws {
        let open = try realm.openRealm()
        _ = try realmResult(name) { () throws(RealmError) in
            try open.set(settings.compactMap(FolderSetting.init(text:)), ofFolder: name)
        }
        try open.tellDriver(ofFolder: name)
    }
}

struct FolderRotateKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Give a folder a new key.",
        discussion: """
            New files are sealed with it at once. The keys of all other files are wrapped under it, which rewrites no \
            content: before the command ends where the folder is not mounted; in the background where it is. Cut short, the \
            next mount or the next rotation goes on. `argusfs index ls` shows each file's key.
            """)

    @Argument(help: "The folder's name.") var name: String
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        _ = try realmResult(name) { () throws(RealmError) in try open.rotateKey(ofFolder: name) }
        try open.tellDriver(ofFolder: name)
    }
}

/// `WHO[:RIGHTS]` on the command line.
struct MemberArgument: ExpressibleByArgument, Sendable {
    let spec: MemberSpec

    init?(argument: String) {
        guard let spec = MemberSpec(text: argument) else { return nil }
        self.spec = spec
    }
}

extension [MemberArgument] {
    func requireRights() throws {
        if contains(where: { $0.spec.rights == nil }) {
            throw ValidationError("--member takes WHO:RIGHTS here, for example alice:read,write.")
        }
    }
}

/// A folder in JSON.
struct FolderReport: Encodable {
    struct Member: Encodable {
        let who: String
        let rights: [String]
    }

    let name: String
    let folderId: String
    let protection: String
    let owner: String
    let members: [Member]
    let storage: String
    let keyVersion: UInt32
    /// As `folder set NAME programs=` takes it.
    let programs: String
    /// `normal` or `strict`.
    let audit: String
    let created: String
    /// The process that has the folder open, or null.
    let pid: Int32?

    init(_ folder: FolderSummary) {
        name = folder.name
        folderId = folder.id.hex
        protection = folder.protection.rawValue
        owner = folder.owner
        members = folder.members.map { Member(who: $0.who, rights: $0.rights.names) }
        storage = folder.storage
        keyVersion = folder.keyGeneration
        programs = folder.programs.text
        audit = folder.isStrict ? "strict" : "normal"
        created = folder.created.rfc3339
        pid = folder.holder
    }

    private enum CodingKeys: CodingKey {
        case name, folderId, protection, owner, members, storage, keyVersion, programs, audit, created, pid
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(folderId, forKey: .folderId)
        try container.encode(protection, forKey: .protection)
        try container.encode(owner, forKey: .owner)
        try container.encode(members, forKey: .members)
        try container.encode(storage, forKey: .storage)
        try container.encode(keyVersion, forKey: .keyVersion)
        try container.encode(programs, forKey: .programs)
        try container.encode(audit, forKey: .audit)
        try container.encode(created, forKey: .created)
        try container.encode(pid, forKey: .pid)
    }
}
