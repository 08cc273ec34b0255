internal import ArgumentParser
internal import ArgusCore
internal import ArgusRealm

/// `argusfs person`: who the realm knows.
struct PersonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "person",
        abstract: "List the persons of the realm, take one in, or cut one off.",
        discussion: """
            A person is an account name and a uid together. An account that has another uid than it had, or a uid that \
            has another name, is nobody until it is taken in as somebody new.
            """,
        subcommands: [PersonListCommand.self, PersonAddCommand.self, PersonRevokeCommand.self])
}

struct PersonListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the persons of the realm and the folders that name them.")

    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let persons = try realmResult(open.path) { () throws(RealmError) in try open.persons() }
        if listing.json { return try JSONOutput.print(persons.map(PersonReport.init)) }
        var table = Table("PERSON", "UID", "STATE", "FOLDERS")
        for person in persons {
            table.add(
                person.account, String(person.uid), person.state.rawValue,
                person.folders.isEmpty ? "-" : person.folders.joined(separator: " "))
        }
        try Standard.output(table.text)
    }
}

struct PersonAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Take an account in as a person.",
        discussion: """
            Granting a folder does so by itself. It is needed for an account whose name or uid belonged to somebody else, \
            or who was cut off: the new person has none of the rights of the old one.

              argusfs person add bob
            """)

    @Argument(help: "The account.") var account: String
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        _ = try realmResult(account) { () throws(RealmError) in try open.addPerson(named: account) }
        try open.tellAllDrivers()
    }
}

struct PersonRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Cut a person off from every folder, files that are open included.",
        discussion: """
            The memberships are taken away, and what groups or everyone would give is refused to this person, until the \
            account is taken in again. `folder revoke` takes a person out of one folder.

              argusfs person revoke bob --all
            """)

    @Argument(help: "The account.") var account: String
    @Flag(help: "From the whole realm: says that this is meant.") var all = false
    @OptionGroup var realm: RealmOptions

    mutating func validate() throws {
        guard all else {
            throw ValidationError(
                "Say --all to cut the person off from the whole realm; `argusfs folder revoke` is for one folder.")
        }
    }

    func run() throws {
        let open = try realm.openRealm()
        let folders = try realmResult(account) { () throws(RealmError) in try open.revokePerson(named: account) }
        try open.tellAllDrivers()
        for folder in folders { try Standard.outputLine(Table.printable(folder)) }
    }
}

/// A person in JSON.
struct PersonReport: Encodable {
    let person: String
    let personId: String
    let uid: UInt32
    /// `active`, `revoked`, `former`, `gone` or `changed`.
    let state: String
    let folders: [String]

    init(_ person: PersonSummary) {
        self.person = person.account
        personId = person.id.hex
        uid = person.uid
        state = person.state.rawValue
        folders = person.folders
    }
}
