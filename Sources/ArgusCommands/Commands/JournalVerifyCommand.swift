internal import ArgumentParser
internal import ArgusCore
internal import ArgusJournal
internal import ArgusRealm

struct JournalVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify that nothing was changed, removed, inserted or cut.",
        discussion: """
            Names the first record of each stream that does not fit, and looks at all the others. With --head, also
            whether what was noted with `argusfs journal head` is still there: what is put back as a whole shows in no
            other way. Exit status: 0, all fits; 1, something does not.

              argusfs journal verify --folder plans
              argusfs journal verify --head /media/stick/heads
            """)

    @Option(
        help: ArgumentHelp("Only this folder's records; - for what was done to the realm itself.", valueName: "name"))
    var folder: String?
    @Option(
        help: ArgumentHelp(
            "A line that `argusfs journal head` printed, or a file with such lines.", valueName: "line or file"))
    var head: [String] = []
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let realm = try realm.openRealm()
        let noted = try NotedHeads.read(head, of: realm.id)
        let verification = try JournalSource(realm, folder: folder).verify(expecting: noted)
        if listing.json {
            try JSONOutput.print(verification)
        } else {
            try Standard.outputLine(verification.text)
        }
        try JournalProblem.end(with: verification.findings)
    }
}

struct JournalHeadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "head",
        abstract: "Print one line that stands for the whole journal, to be kept elsewhere.",
        discussion: """
            Who keeps the line where nobody who could change this machine can change it, and gives it to `argusfs journal
            verify --head` later, sees whether all that had been recorded by then is still there.

              argusfs journal head >> /media/stick/heads
            """)

    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let realm = try realm.openRealm()
        let (list, problems) = try JournalSource(realm, folder: nil).heads()
        // A line of a part would pass for one of the whole.
        try JournalProblem.end(with: problems)
        if listing.json { return try JSONOutput.print(JournalHeadLine(list)) }
        try Standard.outputLine(list.text)
    }
}

/// What `journal head --json` prints.
struct JournalHeadLine: Encodable {
    struct Head: Encodable {
        let folderId: String
        let stream: String
        let sequence: UInt64
        let hash: String
    }

    let realm: String
    let heads: [Head]
    /// What `journal verify --head` takes.
    let line: String

    init(_ list: JournalHeadList) {
        realm = list.realm.hex
        heads = list.heads.map {
            Head(
                folderId: $0.folder.hex, stream: $0.stream?.hex ?? "", sequence: $0.sequence, hash: Hex.encode($0.hash))
        }
        line = list.text
    }
}

/// What somebody noted of the journal outside of this machine.
enum NotedHeads {
    private static let fileMaxBytes = 64 << 20

    /// Each of `arguments` is a line, or the name of a file with lines.
    static func read(_ arguments: [String], of realm: RealmID) throws(CommandError) -> [JournalHead] {
        var heads: [JournalHead] = []
        for argument in arguments {
            let isLine = argument.hasPrefix(JournalHeadList.prefix + " ")
            guard let text = isLine ? argument : smallFile(argument, maxBytes: fileMaxBytes) else {
                throw CommandError(
                    argument, "cannot be read; give a line of `argusfs journal head`, or a file with such lines")
            }
            let lines = text.split(whereSeparator: \.isNewline)
            guard !lines.isEmpty else { throw malformed(argument) }
            for line in lines {
                guard let list = JournalHeadList(text: String(line)) else { throw malformed(argument) }
                guard list.realm == realm else {
                    throw CommandError.usage("--head", "the line is another realm's; give one of this realm")
                }
                heads += list.heads
            }
        }
        return heads
    }

    private static func malformed(_ argument: String) -> CommandError {
        .usage("--head", "that is no line of `argusfs journal head`, or not as it was printed; copy it again")
    }
}

/// What `journal verify` found, as `--json` prints it.
struct JournalVerification: Encodable {
    let records: UInt64
    let streams: Int
    let gaps: Int
    /// What went for its age or the spool's size.
    let removals: [JournalRemovalReport]
    let findings: [JournalProblem]
    private let live: Int

    private enum CodingKeys: String, CodingKey { case records, streams, gaps, removals, findings }

    init(_ report: JournalReport, removals: [JournalRemovalReport], findings: [JournalProblem]) {
        self.removals = removals
        records = report.recordCount
        streams = report.streams.count
        gaps = report.gaps.count
        live = report.streams.count(where: \.isLive)
        self.findings = findings
    }

    /// One line for each removal, and one for the whole.
    var text: String {
        let went = removals.isEmpty ? "" : ", \(removals.count) removal\(removals.count == 1 ? "" : "s")"
        let whole = "\(records) records in \(streams) streams (\(live) being written), \(gaps) gaps\(went): \(verdict)"
        return (removals.map { "\($0.folder): \($0.text)" } + [whole]).joined(separator: "\n")
    }

    private var verdict: String {
        switch findings.count {
        case 0: "all fit"
        case 1: "1 thing does not fit"
        default: "\(findings.count) things do not fit"
        }
    }
}

/// Records that went for their age or the spool's size, as a folder's list has it.
struct JournalRemovalReport: Encodable {
    let folder: String
    let stream: String
    let throughSequence: UInt64
    /// RFC 3339; absent where it was not noted.
    let throughTime: String?
    /// Nothing of the stream is left.
    let isWhole: Bool
    let text: String

    private enum CodingKeys: String, CodingKey { case folder, stream, throughSequence, throughTime, isWhole }

    init(_ removal: JournalReport.Removal, of folder: String) {
        self.folder = folder
        stream = removal.removal.stream.hex
        throughSequence = removal.removal.sequence
        throughTime = removal.removal.lastTime?.rfc3339
        isWhole = removal.removal.isWhole
        text = removal.removal.text
    }
}

/// Something in a journal that does not fit, or could not be looked at.
struct JournalProblem: Encodable {
    /// Name or id of the folder; `-` for the realm itself, `journal` where it is not known.
    let folder: String
    let message: String

    /// Names all on standard error, and ends the command with 1 where there are any.
    static func end(with problems: [JournalProblem]) throws(CommandError) {
        guard let last = problems.last else { return }
        for problem in problems.dropLast() { problem.tell() }
        throw CommandError(
            last.folder, "\(last.message); keep a copy of REALM/journal before anything else is done")
    }

    func tell() { Standard.errorLine("argusfs: \(folder): \(message)") }
}
