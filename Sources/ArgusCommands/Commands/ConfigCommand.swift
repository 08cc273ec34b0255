internal import ArgumentParser
internal import ArgusJournal

/// `argusfs config`: what the machine's configuration says.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the configuration of this machine.",
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self])
}

struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration files; names file, line and what to write instead.",
        discussion: """
            Reads /etc/argus/argusfs.toml, then each /etc/argus/argusfs.d/*.toml by name; a later file has the last word. \
            The environment and the command line come after them.
            """)

    func run() throws {
        let (_, files, problems) = SettingsFiles(Invocation.current.configurationDirectory).read()
        for problem in problems { Standard.errorLine(Table.printable(problem.description)) }
        guard problems.isEmpty else { throw ExitStatusOnly(exitStatus: .failure) }
        try Standard.output(files.map { "\(Table.printable($0)): ok\n" }.joined())
    }
}

struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the settings in force, and where each comes from.")

    @OptionGroup var listing: ListingOptions

    private struct Row: Encodable {
        var key: String
        var value: String
        var from: String
    }

    func run() throws {
        let invocation = Invocation.current
        let settings = try SettingsFiles(invocation.configurationDirectory).settings()
        var rows: [Row] = []
        func add(_ key: String, _ variable: String?, _ setting: String?, usual: String?) {
            if let variable, let value = invocation.variable(variable) {
                rows.append(Row(key: key, value: value, from: variable))
            } else if let setting {
                rows.append(Row(key: key, value: setting, from: settings.origins[key] ?? ""))
            } else if let usual {
                rows.append(Row(key: key, value: usual, from: "default"))
            }
        }
        add("realm", "ARGUS_REALM", settings.realm, usual: invocation.defaultRealmPath)
        add("key-file", "ARGUS_KEY_FILE", settings.keyFile, usual: nil)
        if invocation.variable("ARGUS_KEY_FILE") == nil {
            add("passphrase-file", nil, settings.passphraseFile, usual: nil)
        }
        let options = settings.mountOptions.isEmpty ? nil : settings.mountOptions.joined(separator: ",")
        add("mount.options", nil, options, usual: nil)
        let usual = Settings().journalLimits
        add(
            "journal.max-size", nil, settings.journalMaxBytes.map { ByteSize(bytes: $0).text },
            usual: ByteSize(bytes: usual.spoolByteCount).text)
        add(
            "journal.keep-days", nil, settings.journalKeepDays.map(String.init),
            usual: String(usual.retentionSeconds / 86_400))
        add("journal.keep-all", nil, settings.journalKeepsAll.map(String.init), usual: "false")
        if listing.json { return try JSONOutput.print(rows) }
        var table = Table("SETTING", "VALUE", "FROM")
        for row in rows { table.add(row.key, row.value, row.from) }
        try Standard.output(table.text)
    }
}

extension SettingsFiles {
    /// The settings; the first problem is thrown.
    func settings() throws(CommandError) -> Settings {
        let (settings, _, problems) = read()
        if let first = problems.first {
            let place = first.file + (first.line.map { ":\($0)" } ?? "")
            throw CommandError(Table.printable(place), Table.printable(first.message))
        }
        return settings
    }
}
