internal import ArgumentParser
internal import ArgusCore
internal import ArgusJournal
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs journal`: who opened, copied, changed or was refused what.
struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Read and verify the record of every open, copy and denial.",
        discussion: "Nothing is shown that was not verified.",
        subcommands: [
            JournalShowCommand.self, JournalTailCommand.self, JournalVerifyCommand.self, JournalExportCommand.self,
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

struct JournalVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify that nothing was changed, removed, inserted or cut.",
        discussion: """
            Names the first record that does not fit. Exit status: 0, all fits; 1, something does not.

              argusfs journal verify --folder plans
            """)

    @Option(
        help: ArgumentHelp("Only this folder's records; - for what was done to the realm itself.", valueName: "name"))
    var folder: String?
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let report = try JournalSource(try realm.openRealm(), folder: folder).verify()
        if listing.json { return try JSONOutput.print(JournalVerification(report)) }
        let live = report.streams.count(where: \.isLive)
        try Standard.outputLine(
            "\(report.recordCount) records in \(report.streams.count) streams (\(live) being written), \(report.gaps.count) gaps: all fit"
        )
    }
}

/// What `journal verify --json` prints.
struct JournalVerification: Encodable {
    let records: UInt64
    let streams: Int
    let gaps: Int

    init(_ report: JournalReport) {
        records = report.recordCount
        streams = report.streams.count
        gaps = report.gaps.count
    }
}

/// The journal of a realm, opened for reading.
struct JournalSource {
    enum Form { case json, columns }

    /// Stands for what was done to the realm; no folder's name begins with a dash.
    static let realmItself = "-"

    private let spool: DirectoryHandle
    private let keys: JournalAuditKeys
    private let folder: FolderID?
    private let names: [FolderID: String]
    private let realm: Realm
    private let folders: [FolderSummary]
    /// How often a followed journal is looked at; records come in batches of 100 ms.
    private static let pollMicroseconds: UInt32 = 200_000

    init(_ realm: Realm, folder name: String?) throws(CommandError) {
        self.realm = realm
        let folders = try realmResult(realm.path) { () throws(RealmError) in try realm.folders() }
        self.folders = folders
        names = Dictionary(
            folders.map { ($0.id, $0.name) } + [(Realm.actsFolder, Self.realmItself)],
            uniquingKeysWith: { first, _ in first })
        folder = try name.map { name throws(CommandError) in
            if name == Self.realmItself { return Realm.actsFolder }
            // Folders that were deleted have no name any more, and their records stay.
            if !folders.contains(where: { $0.name == name }), let id = FolderID(hex: name) { return id }
            return try realmResult(name) { () throws(RealmError) in try realm.folder(named: name).id }
        }
        keys = JournalAuditKeys.derive(masterKey: realm.exportMasterKey(), realm: realm.id)
        do throws(SystemError) {
            spool = try DirectoryHandle(path: "\(realm.path)/journal")
        } catch {
            throw CommandError(
                realm.path, "its journal cannot be read (\(error.description)); was it moved or deleted?")
        }
    }

    func show(_ filter: JournalFilter, as form: Form) throws(CommandError) {
        var printer = JournalPrinter(form: form, names: names)
        var failure: CommandError?
        do throws(JournalFinding) {
            try JournalReader(directory: spool, keys: keys).read(folder: folder) { record in
                guard filter.admits(record) else { return true }
                do throws(CommandError) { try printer.print(record) } catch { failure = error }
                return failure == nil
            }
        } catch {
            failure = failure ?? Self.failure(error)
        }
        try printer.flush()
        if let failure { throw failure }
    }

    func tail(_ filter: JournalFilter, count: Int, follows: Bool, as form: Form) throws(CommandError) {
        var printer = JournalPrinter(form: form, names: names)
        let follower = try Self.verified { () throws(JournalFinding) in
            try JournalReader(directory: spool, keys: keys).follower(folder: folder, fromBeginning: true)
        }
        var newest: [JournalRecord] = []
        try Self.verified { () throws(JournalFinding) in
            try follower.poll { record in
                guard filter.admits(record) else { return }
                newest.append(record)
                // Streams come one after another, not by time: what is kept is cut now and then.
                if newest.count > 2 * count + 1000 { newest = Self.newest(count, of: newest) }
            }
        }
        try print(Self.newest(count, of: newest), with: &printer)
        while follows {
            usleep(Self.pollMicroseconds)
            var added: [JournalRecord] = []
            try Self.verified { () throws(JournalFinding) in
                try follower.poll { if filter.admits($0) { added.append($0) } }
            }
            try print(added, with: &printer)
        }
    }

    func verify() throws(CommandError) -> JournalReport {
        let progress = Progress()
        defer { progress.clear() }
        var count = 0
        var heads: [JournalHead] = []
        for known in folders where folder == nil || known.id == folder {
            heads += try self.heads(of: known)
        }
        if folder == nil || folder == Realm.actsFolder {
            let head = try realmResult(realm.path) { () throws(RealmError) in try realm.actsHead() }
            if let head { heads.append(head) }
        }
        return try Self.verified { () throws(JournalFinding) in
            try JournalVerifier(directory: spool, keys: keys).verify(folder: folder, expecting: heads) { _ in
                count += 1
                progress.show("\(count) records verified")
            }
        }
    }

    /// The newest records that a folder knows of, from its driver where one runs and otherwise from what is at rest.
    private func heads(of folder: FolderSummary) throws(CommandError) -> [JournalHead] {
        if let driver = try realm.driver(of: folder) {
            do throws(ControlClient.Failure) { return try driver.journalHeads(of: folder.id) } catch {
                throw CommandError(folder.name, error.message)
            }
        }
        return try realmResult(folder.name) { () throws(RealmError) in
            let open = try realm.openFolder(named: folder.name, mode: .inspect)
            defer { try? open.close() }
            return try open.journalHeads()
        }
    }

    private func print(_ records: [JournalRecord], with printer: inout JournalPrinter) throws(CommandError) {
        for record in records { try printer.print(record) }
        try printer.flush()
    }

    private static func newest(_ count: Int, of records: [JournalRecord]) -> [JournalRecord] {
        Array(records.sorted { ($0.time, $0.sequence) < ($1.time, $1.sequence) }.suffix(count))
    }

    private static func verified<Value>(_ body: () throws(JournalFinding) -> Value) throws(CommandError) -> Value {
        do throws(JournalFinding) { return try body() } catch { throw failure(error) }
    }

    private static func failure(_ finding: JournalFinding) -> CommandError {
        CommandError("journal", "\(finding.message); keep a copy of REALM/journal before anything else is done")
    }
}

/// Prints records as lines of JSON, or in columns, with what was refused in red on a terminal.
struct JournalPrinter {
    private static let bufferMaxBytes = 64 << 10
    private let form: JournalSource.Form
    private let names: [FolderID: String]
    private let isColoured: Bool
    private var buffer = ""
    private var hasHeading = false

    init(form: JournalSource.Form, names: [FolderID: String]) {
        self.form = form
        self.names = names
        isColoured = Standard.isTerminal(STDOUT_FILENO) && Invocation.current.variable("NO_COLOR") == nil
    }

    mutating func print(_ record: JournalRecord) throws(CommandError) {
        switch form {
        case .json: buffer += record.ndjson(folderName: names[record.folder]) + "\n"
        case .columns:
            if !hasHeading {
                buffer += Self.line("TIME (UTC)", "PERSON", "PROGRAM", "ACTIVITY", "FOLDER", "PATH") + "\n"
                hasHeading = true
            }
            buffer += columns(record) + "\n"
        }
        if buffer.utf8.count > Self.bufferMaxBytes { try flush() }
    }

    mutating func flush() throws(CommandError) {
        guard !buffer.isEmpty else { return }
        try Standard.output(buffer)
        buffer = ""
    }

    private func columns(_ record: JournalRecord) -> String {
        let nobody = record.actor.uid == .max ? "-" : "uid \(record.actor.uid)"
        let person = record.actor.person.isEmpty ? nobody : record.actor.person
        let program = record.actor.program.split(separator: "/").last.map(String.init) ?? "-"
        var place = String(decoding: record.path, as: UTF8.self)
        if !record.secondPath.isEmpty { place += " → " + String(decoding: record.secondPath, as: UTF8.self) }
        if record.copy == .inferred { place += "  (inferred)" }
        if !record.reason.isEmpty { place += "  (\(record.reason))" }
        let failed = record.status == .failure || record.activity == .denied
        let line = Self.line(
            record.time.shortText, Table.printable(person), Table.printable(program),
            record.activityName + (failed && record.activity != .denied ? "!" : ""),
            Table.printable(names[record.folder] ?? record.folder.hex), Table.printable(place))
        return failed && isColoured ? "\u{1b}[31m\(line)\u{1b}[0m" : line
    }

    private static func line(
        _ time: String, _ person: String, _ program: String, _ activity: String, _ folder: String, _ path: String
    ) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return [
            padded(time, 19), padded(person, 12), padded(program, 16), padded(activity, 15), padded(folder, 14), path,
        ]
        .joined(separator: "  ")
    }
}
