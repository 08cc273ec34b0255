internal import ArgumentParser
internal import ArgusCore
internal import ArgusSystem

/// `argusfs journal`: who opened, copied, changed or was refused what.
struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Read and verify the record of every open, copy and denial.",
        discussion: "Nothing is shown that was not verified.",
        subcommands: [
            JournalShowCommand.self, JournalTailCommand.self, JournalVerifyCommand.self, JournalHeadCommand.self,
            JournalExportCommand.self,
        ])
}

struct JournalShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show records, oldest first.",
        discussion: """
            With --json, one record a line.

              argusfs journal show --folder plans --since 8h
              argusfs journal show --activity denied --person bob --json
            """)

    @OptionGroup var filter: JournalFilterOptions
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        try JournalSource(try realm.openRealm(), folder: filter.folder)
            .show(filter.filter(now: SystemClock().now()), as: listing.json ? .json : .columns)
    }
}

struct JournalExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write records for other systems: one JSON object a line, with the fields of OCSF.",
        discussion: "  argusfs journal export --since 2026-11-01 > november.ndjson")

    @OptionGroup var filter: JournalFilterOptions
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        try JournalSource(try realm.openRealm(), folder: filter.folder)
            .show(filter.filter(now: SystemClock().now()), as: .json)
    }
}

struct JournalTailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Show the newest records, and with -f those to come.",
        discussion: "  argusfs journal tail -f --activity denied")

    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with what is recorded from now on.")
    var follows = false
    @Option(
        name: [.customShort("n"), .customLong("lines")],
        help: ArgumentHelp("How many to begin with.", valueName: "count"))
    var count = 10
    @OptionGroup var filter: JournalFilterOptions
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    static let countMax = 100_000

    mutating func validate() throws {
        guard (0...Self.countMax).contains(count) else {
            throw ValidationError("-n takes a number from 0 to \(Self.countMax).")
        }
    }

    func run() throws {
        try JournalSource(try realm.openRealm(), folder: filter.folder).tail(
            filter.filter(now: SystemClock().now()), count: count, follows: follows, as: listing.json ? .json : .columns
        )
    }
}
