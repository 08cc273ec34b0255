internal import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// What the machine's configuration says, before environment and flags.
package struct Settings: Hashable, Sendable {
    package var realm: String?
    package var keyFile: String?
    package var passphraseFile: String?
    /// Mount options that come before those of the command line.
    package var mountOptions: [String] = []
    /// What bounds each folder's journal; nil: as `JournalLimits` has it.
    package var journalMaxBytes: UInt64?
    package var journalKeepDays: Int64?
    package var journalKeepsAll: Bool?
    /// Where each setting comes from: key, and `FILE:LINE`.
    package var origins: [String: String] = [:]

    package init() {}

    /// The keys there are, and what each takes.
    static let known: [(key: String, takes: String)] = [
        ("realm", "the path of a directory"), ("key-file", "the path of a file"),
        ("passphrase-file", "the path of a file"), ("mount.options", "an array of mount options"),
        ("journal.max-size", "a size, as \"1GiB\""), ("journal.keep-days", "a number of days"),
        ("journal.keep-all", "true or false"),
    ]

    /// Takes over one entry, replacing what an earlier file said.
    mutating func apply(_ entry: TOMLDocument.Entry, from file: String) throws(TOMLDocument.Problem) {
        switch entry.key {
        case "realm": realm = try Self.path(entry)
        case "key-file":
            keyFile = try Self.path(entry)
            passphraseFile = nil
            origins["passphrase-file"] = nil
        case "passphrase-file":
            passphraseFile = try Self.path(entry)
            keyFile = nil
            origins["key-file"] = nil
        case "mount.options": mountOptions = try Self.mountOptions(entry)
        case "journal.max-size": journalMaxBytes = try Self.journalMaxBytes(entry)
        case "journal.keep-days": journalKeepDays = try Self.journalKeepDays(entry)
        case "journal.keep-all": journalKeepsAll = try Self.flag(entry)
        default: throw Self.unknown(entry)
        }
        origins[entry.key] = "\(file):\(entry.line)"
    }

    private static func path(_ entry: TOMLDocument.Entry) throws(TOMLDocument.Problem) -> String {
        guard case .string(let path) = entry.value, path.hasPrefix("/") else {
            throw .init(
                line: entry.line, message: "\(entry.key) is no path from the root; write \(entry.key) = \"/…\"")
        }
        return path
    }

    private static func mountOptions(_ entry: TOMLDocument.Entry) throws(TOMLDocument.Problem) -> [String] {
        let refusal = TOMLDocument.Problem(
            line: entry.line, message: "\(entry.key) is no list of texts; write options = [\"noatime\", \"commit=10\"]")
        guard case .array(let values) = entry.value else { throw refusal }
        var options: [String] = []
        for value in values {
            guard case .string(let option) = value else { throw refusal }
            do throws(CommandError) {
                let list = try MountOptionList([option])
                guard list.realm == nil, list.keyFile == nil, list.passphraseFile == nil else {
                    throw CommandError(option, "is a setting of its own; write it at the top of the file")
                }
            } catch {
                throw .init(line: entry.line, message: "\(error.subject) \(error.message)")
            }
            options.append(option)
        }
        return options
    }

    private static func unknown(_ entry: TOMLDocument.Entry) -> TOMLDocument.Problem {
        let near = known.map(\.key).min { distance($0, entry.key) < distance($1, entry.key) } ?? ""
        let advice =
            distance(near, entry.key) <= 3
            ? "write \(near)" : "the keys are \(known.map(\.key).joined(separator: ", "))"
        return .init(line: entry.line, message: "\(entry.key) is no setting; \(advice)")
    }

    /// How many characters have to be put in, taken out or replaced (Levenshtein).
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.unicodeScalars), Array(right.unicodeScalars))
        var row = Array(0...right.count)
        for i in 0..<left.count {
            var previous = row[0]
            row[0] = i + 1
            for j in 0..<right.count {
                let replaced = previous + (left[i] == right[j] ? 0 : 1)
                previous = row[j + 1]
                row[j + 1] = min(replaced, previous + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }
}

/// The files that settings come from: `argusfs.toml`, then each `argusfs.d/*.toml` by name. A later file has the last word.
package struct SettingsFiles: Sendable {
    /// A file that is longer is none that somebody wrote.
    private static let fileMaxBytes = 1 << 20
    static let usualDirectory = "/etc/argus"

    let directory: String

    package init(_ directory: String) { self.directory = directory }

    /// A problem in one file, or with it.
    package struct Problem: Hashable, Sendable, CustomStringConvertible {
        package var file: String
        package var line: Int?
        package var message: String

        package var description: String { "\(file)\(line.map { ":\($0)" } ?? ""): \(message)" }
    }

    /// Reads all of them; the settings are to be used only where there are no problems.
    package func read() -> (settings: Settings, files: [String], problems: [Problem]) {
        var settings = Settings()
        var problems: [Problem] = []
        var found: [String] = []
        for file in paths() {
            let text: String
            do throws(SystemError) {
                guard let content = try Self.content(of: file) else { continue }
                text = content
            } catch {
                problems.append(
                    Problem(file: file, line: nil, message: "cannot be read (\(error.description)); check its mode"))
                continue
            }
            found.append(file)
            if let advice = Self.distrust(file) { problems.append(Problem(file: file, line: nil, message: advice)) }
            let document = TOMLDocument(text)
            var here = document.problems
            for entry in document.entries {
                do throws(TOMLDocument.Problem) { try settings.apply(entry, from: file) } catch { here.append(error) }
            }
            if let both = document.entries.last(where: { $0.key == "passphrase-file" || $0.key == "key-file" }),
                document.entries.count(where: { $0.key == "passphrase-file" || $0.key == "key-file" }) == 2
            {
                here.append(
                    .init(line: both.line, message: "key-file and passphrase-file exclude each other; keep one"))
            }
            problems += here.sorted { $0.line < $1.line }.map {
                Problem(file: file, line: $0.line, message: $0.message)
            }
        }
        return (settings, found, problems)
    }

    private func paths() -> [String] {
        let drops = "\(directory)/argusfs.d"
        var names: [String] = []
        do throws(SystemError) { names = try DirectoryHandle(path: drops).names() } catch { names = [] }
        return ["\(directory)/argusfs.toml"] + names.filter { $0.hasSuffix(".toml") }.sorted().map { "\(drops)/\($0)" }
    }

    /// Nil where there is no such file.
    private static func content(of path: String) throws(SystemError) -> String? {
        if access(path, F_OK) != 0, errno == ENOENT { return nil }
        _ = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY)
        guard let text = smallFile(path, maxBytes: fileMaxBytes) else { throw SystemError(errno: EIO, call: "read(2)") }
        return text
    }

    /// Whoever can write the configuration can name another realm and another key.
    private static func distrust(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        if status.st_uid != 0, status.st_uid != geteuid() {
            return "belongs to another user; give it to root with chown(1)"
        }
        guard status.st_mode & 0o022 == 0 else { return "can be written by others; run chmod go-w on it" }
        return nil
    }
}
