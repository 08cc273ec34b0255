internal import ArgumentParser
internal import ArgusCore
internal import ArgusPolicy
internal import ArgusRealm

/// `argusfs why`: a decision, rule by rule.
struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell why a person may or may not do something, rule by rule.",
        discussion: """
            Works while the folder is mounted and while it is not, and decides as the driver would now. The POSIX \
            permission of the path is looked at as well.

              argusfs why plans /2026/budget.ods --person bob --right write
              argusfs why plans /2026/budget.ods --person bob --right read --program /usr/bin/restic
            """)

    @Argument(help: "The folder's name.") var name: String
    @Argument(help: "A path in the folder.") var path: String
    @Option(help: "The account of the person.") var person: String
    @Option(help: "list, read, write, delete, export or manage.") var right: RightsArgument
    @Option(help: ArgumentHelp("With this program.", valueName: "file"), completion: .file()) var program: String?
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let folder = try realmResult(name) { () throws(RealmError) in try open.folder(named: name) }
        let path = VirtualPath.normalized(path)
        let program = program.map(absolutePath)
        let report: WhyReport
        if let driver = try open.driver(of: folder) {
            do throws(ControlClient.Failure) {
                try driver.ask(
                    .explain(
                        WhyQuestion(
                            path: Hex.encode(path), person: person, right: right.rights.text, program: program)))
                guard case .explanation(let answer) = try driver.reply() else { throw .broken }
                report = answer
            } catch {
                throw CommandError(name, error.message)
            }
        } else {
            report = WhyReport(
                try realmResult(name) { () throws(RealmError) in
                    try open.requireNewestIndex(ofFolder: name)
                    let folder = try open.openFolder(named: name, mode: .inspect)
                    defer { try? folder.close() }
                    return try folder.explain(right.rights, at: path, account: person, program: program)
                })
        }
        if listing.json { return try JSONOutput.print(report) }
        try print(report)
    }

    private func print(_ report: WhyReport) throws {
        var table = Table("", "RULE", "BECAUSE")
        for step in report.steps {
            let sign =
                switch step.effect {
                case "allows": "+"
                case "refuses": "-"
                default: " "
                }
            table.add(sign, step.rule, step.reason)
        }
        try Standard.output(table.text)
        try Standard.outputLine(
            "\(report.allowed ? "allowed" : "refused"): \(Table.printable(report.person)) (uid \(report.uid)), "
                + "\(right.rights.text), by \(Table.printable(report.rule)): \(report.reason)")
    }
}

/// Rights on the command line.
struct RightsArgument: ExpressibleByArgument, Sendable {
    let rights: Rights

    init?(argument: String) {
        guard let rights = Rights(text: argument) else { return nil }
        self.rights = rights
    }
}

/// What `why` asks a driver.
struct WhyQuestion: Codable, Hashable, Sendable {
    /// Bytes in hexadecimal.
    var path: String
    var person: String
    var right: String
    /// An absolute path.
    var program: String?
}

/// An explanation; `why --json` prints it.
struct WhyReport: Codable, Hashable, Sendable {
    struct Step: Codable, Hashable, Sendable {
        var rule: String
        /// `allows`, `refuses` or `silent`.
        var effect: String
        var reason: String
    }

    var person: String
    var uid: UInt32
    var allowed: Bool
    var rule: String
    var reason: String
    var steps: [Step]

    init(_ explanation: Explanation) {
        person = explanation.account
        uid = explanation.uid
        allowed = explanation.isAllowed
        rule = explanation.rule
        reason = explanation.reason
        steps = explanation.steps.map { Step(rule: $0.rule, effect: $0.effect.rawValue, reason: $0.reason) }
    }
}
