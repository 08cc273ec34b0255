internal import ArgumentParser
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs unlock`: leaves the realm's key in the kernel keyring, so that commands need not ask.
struct UnlockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Open the realm for your later commands, until `lock` or a timeout.",
        discussion: """
            The key goes to the kernel keyring of your user id: every process of yours can use it meanwhile.

              argusfs unlock --timeout 8h
            """)

    @Option(help: ArgumentHelp("Lock again after this time: 90, 15m, 8h, 1h30m.", valueName: "time"))
    var timeout: TimeSpan?
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm(usingKeyring: false)
        do throws(SystemError) {
            try KernelKeyring(realm: open.id).store(open.exportMasterKey(), timeout: timeout)
        } catch {
            throw CommandError(
                "keyring",
                "the kernel does not take the key (\(error.description)); use --key-file or --passphrase-file")
        }
    }
}

extension TimeSpan: ExpressibleByArgument {
    package init?(argument: String) { self.init(text: argument) }
}

struct LockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Forget the key that `unlock` left.",
        discussion: "Folders that are mounted stay mounted.")

    @OptionGroup var realm: RealmOptions

    func run() throws {
        let path = realm.path
        let summary = try realmResult(path) { () throws(RealmError) in try Realm.inspect(at: path) }
        _ = KernelKeyring(realm: summary.id).remove()
    }
}

struct PassphraseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passphrase", abstract: "Change what opens the realm.",
        subcommands: [PassphraseChangeCommand.self])
}

struct PassphraseChangeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change",
        abstract: "Give the realm another passphrase.",
        discussion: """
            Opens the realm as every command does, then asks twice for the new passphrase. Key files and the recovery key \
            stay as they are.

              argusfs passphrase change
              argusfs passphrase change --passphrase-file old --new-passphrase-file new
            """)

    @Option(
        name: .customLong("new-passphrase-file"),
        help: ArgumentHelp("Read the new passphrase from this file's first line.", valueName: "file"),
        completion: .file())
    var newPassphraseFile: String?
    @OptionGroup var realm: RealmOptions

    func run() throws {
        // The old passphrase is asked for even when the realm is unlocked: who only found the session open cannot
        // lock its owner out.
        let open = try realm.openRealm(usingKeyring: false)
        let new = try newPassphraseFile.map { path throws(CommandError) in try Passphrase.read(from: absolutePath(path))
        }
        let passphrase = try new ?? Passphrase.askTwice("New passphrase: ")
        try realmResult(open.path) { () throws(RealmError) in try open.changePassphrase(to: passphrase) }
    }
}

/// `argusfs recover`: a new passphrase or key file with the recovery key that `init` printed.
struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Open a realm again whose passphrase or key file is lost.",
        discussion: """
            Asks for the recovery key, then for a new passphrase, or takes a new key file. What opened the realm before \
            opens it no more; the recovery key stays.

              argusfs recover
              argusfs recover --recovery-key-file paper.txt --key-file /etc/argus/realm.key
            """)

    @Option(
        name: .customLong("recovery-key-file"),
        help: ArgumentHelp("Read the recovery key from this file's first line.", valueName: "file"),
        completion: .file())
    var recoveryKeyFile: String?
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let path = realm.path
        let summary = try realmResult(path) { () throws(RealmError) in try Realm.inspect(at: path) }
        let key: SecretBytes
        if let recoveryKeyFile {
            key = try Passphrase.read(from: absolutePath(recoveryKeyFile))
        } else {
            key = try Passphrase.ask("Recovery key: ")
        }
        let text = key.withBytes { String(decoding: $0, as: UTF8.self) }
        let unlock = try realm.newUnlock()
        _ = try realmResult(path) { () throws(RealmError) in
            do throws(RealmError) {
                return try Realm.recover(
                    at: path, recoveryKey: text, newUnlock: unlock,
                    journalLimits: Invocation.current.settings.journalLimits)
            } catch {
                realm.access.recordRefusal(error, of: summary)
                throw error
            }
        }
        _ = KernelKeyring(realm: summary.id).remove()
    }
}
