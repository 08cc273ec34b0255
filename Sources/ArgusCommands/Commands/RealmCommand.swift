internal import ArgumentParser
internal import ArgusRealm
internal import ArgusSystem

/// `argusfs realm`: the realm as a whole.
struct RealmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "realm", abstract: "Keep the realm as a whole, and bring it back.",
        subcommands: [RealmBackupCommand.self, RealmRestoreCommand.self])
}

struct RealmBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write everything that the realm holds to one file.",
        discussion: """
            Keys, members, folders with their indexes, capsules and the journal, sealed as they are in the realm: the \
            backup opens with what opens the realm, and for nobody else. Folders may be mounted meanwhile: what was \
            written before is in it. The file is a tar archive. Storage outside the realm is not in it: keep that with any other program.

              argusfs realm backup /media/usb/realm.argus
              argusfs realm backup --without-capsules /media/usb/keys.argus
            """)

    @Argument(help: "The new file.", completion: .file()) var file: String
    @Flag(help: "Leave out the capsules of folders that have their storage in the realm.") var withoutCapsules = false
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let target = absolutePath(file)
        try open.synchronizeDrivers()
        let progress = Progress()
        var byteCount: UInt64 = 0
        let summary = try realmResult(file) { () throws(RealmError) in
            defer { progress.clear() }
            return try open.backup(to: target, includesCapsules: !withoutCapsules) { bytes in
                byteCount += bytes
                progress.show("\(byteCountText(byteCount)) copied")
            }
        }
        try Standard.outputLine(
            "\(Table.printable(file)): \(summary.folderCount) folders, \(summary.fileCount) files, "
                + byteCountText(byteCount))
        for place in summary.storageElsewhere {
            Standard.errorLine("argusfs: not in the backup: the storage \(Table.printable(place))")
        }
    }
}

struct RealmRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make the realm anew from a backup.",
        discussion: """
            Takes a new or empty directory, on this or another machine. Opens the backup with --key-file, \
            --passphrase-file, the recovery key, or a passphrase that is asked for. Every file is checked against the \
            sealed list in the backup before the realm is there. Files that were changed after the backup are found as they are \
            on storage; `argusfs check` tells what does not fit. Where a folder's storage lies at another place now, say \
            where: it is taken if the folder's keys open what is in it.

              argusfs realm restore /media/usb/realm.argus --realm /srv/realm
              argusfs realm restore realm.argus --realm /srv/realm --storage plans=/mnt/new
            """)

    @Argument(help: "The backup.", completion: .file()) var file: String
    @Option(
        name: .customLong("recovery-key-file"),
        help: ArgumentHelp("Open it with the recovery key on this file's first line.", valueName: "file"),
        completion: .file())
    var recoveryKeyFile: String?
    @Option(
        help: ArgumentHelp(
            "The directory that a folder's storage outside the realm lies in now; once for each such folder.",
            valueName: "name=dir"))
    var storage: [String] = []
    @OptionGroup var realm: RealmOptions

    /// The directories by the name of the folder.
    private func places() throws(CommandError) -> [String: String] {
        var places: [String: String] = [:]
        for text in storage {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, places[parts[0]] == nil else {
                throw CommandError("--storage", "takes the name of a folder, '=' and a directory, once for each folder")
            }
            places[parts[0]] = absolutePath(parts[1])
        }
        return places
    }

    func run() throws {
        let path = realm.path
        let places = try places()
        let backup = absolutePath(file)
        let summary = try realmResult(file) { () throws(RealmError) in try Realm.inspect(backup: backup) }
        let unlock: Unlock
        if let recoveryKeyFile {
            let key = try Passphrase.read(from: absolutePath(recoveryKeyFile))
            unlock = .recovery(key.withBytes { String(decoding: $0, as: UTF8.self) })
        } else {
            unlock = try realm.access.unlock(for: summary, usingKeyring: false)
        }
        let restored = try realmResult(file) { () throws(RealmError) in
            try Realm.restore(
                from: backup, to: path, unlock: unlock, storage: places,
                journalLimits: Invocation.current.settings.journalLimits)
        }
        try Standard.outputLine("Realm restored in \(Table.printable(path)).")
        for place in restored.storageElsewhere {
            Standard.errorLine("argusfs: bring back the storage \(Table.printable(place)) before its folder is mounted")
        }
    }
}
