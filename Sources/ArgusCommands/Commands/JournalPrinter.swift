internal import ArgusCore
internal import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// Prints records as lines of JSON, or in columns, with what was refused in red on a terminal.
struct JournalPrinter {
    private static let bufferMaxBytes = 64 << 10
    private let form: JournalSource.Form
    private let names: [FolderID: String]
    /// Accounts by the id of the person, as rules have it.
    private let accounts: [String: String]
    private let isColoured: Bool
    private var buffer = ""
    private var hasHeading = false

    init(form: JournalSource.Form, names: [FolderID: String], accounts: [String: String]) {
        self.accounts = accounts
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
        if !record.reason.isEmpty { place += "  (\(Self.spelled(record.reason, accounts)))" }
        for removal in record.checkpoint?.removals ?? [] { place += "  (\(removal.text))" }
        let failed = record.status == .failure || record.activity == .denied
        let line = Self.line(
            record.time.shortText, Table.printable(person), Table.printable(program),
            record.activityName + (failed && record.activity != .denied ? "!" : ""),
            Table.printable(names[record.folder] ?? record.folder.hex), Table.printable(place))
        return failed && isColoured ? "\u{1b}[31m\(line)\u{1b}[0m" : line
    }

    /// A rule as people read it: with the account of each person that it names by id.
    static func spelled(_ rule: String, _ accounts: [String: String]) -> String {
        rule.split(separator: "+", omittingEmptySubsequences: false).map { part in
            let prefix = part.hasPrefix(memberPrefix) ? memberPrefix : ""
            return accounts[String(part.dropFirst(prefix.count))].map { prefix + $0 } ?? String(part)
        }
        .joined(separator: "+")
    }

    private static let memberPrefix = "member:"

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

extension JournalRemoval {
    /// What went, in words.
    var text: String {
        let through = lastTime.map { " of \($0.shortText)" } ?? ""
        let rest = isWhole ? "nothing is left of it" : "the rest is kept"
        return "removed: stream \(stream.hex) through record \(sequence)\(through); \(rest)"
    }
}
