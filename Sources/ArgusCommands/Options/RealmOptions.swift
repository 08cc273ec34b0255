internal import ArgumentParser

/// Which realm a command is about, and what opens it.
struct RealmOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The realm's directory.",
            discussion:
                "Without it ARGUS_REALM, then the configuration; else /var/lib/argus/realm for root, $XDG_DATA_HOME/argus/realm for others.",
            valueName: "dir"),
        completion: .directory)
    var realm: String?

    @Option(
        name: .customLong("key-file"),
        help: ArgumentHelp(
            "Open the realm with this key file.", discussion: "Without it ARGUS_KEY_FILE, then the configuration.",
            valueName: "file"),
        completion: .file())
    var keyFile: String?

    @Option(
        name: .customLong("passphrase-file"),
        help: ArgumentHelp(
            "Read the passphrase from this file's first line.",
            discussion: "Without a file, the kernel keyring is asked (see `unlock`), then you are.", valueName: "file"),
        completion: .file())
    var passphraseFile: String?

    mutating func validate() throws {
        if keyFile != nil, passphraseFile != nil {
            throw ValidationError("--key-file and --passphrase-file exclude each other.")
        }
        if realm == "" || keyFile == "" || passphraseFile == "" {
            throw ValidationError("An empty path names nothing.")
        }
    }

    var access: RealmAccess {
        RealmAccess(realm: realm, keyFile: keyFile, passphraseFile: passphraseFile)
    }

    /// The realm's directory as an absolute path.
    var path: String { access.path }
}

/// A realm's place and what opens it, from what the caller said else from the environment, else from the configuration.
struct RealmAccess {
    /// The realm's directory as an absolute path.
    let path: String
    /// Where the credential comes from, as far as the caller said.
    let source: CredentialSource

    init(realm: String?, keyFile: String?, passphraseFile: String?) {
        let invocation = Invocation.current
        let settings = invocation.settings
        path = absolutePath(
            realm ?? invocation.variable("ARGUS_REALM") ?? settings.realm ?? invocation.defaultRealmPath)
        if let keyFile = keyFile ?? (passphraseFile == nil ? invocation.variable("ARGUS_KEY_FILE") : nil) {
            source = .keyFile(absolutePath(keyFile))
        } else if let passphraseFile = passphraseFile ?? settings.passphraseFile {
            source = .passphraseFile(absolutePath(passphraseFile))
        } else if let keyFile = settings.keyFile {
            source = .keyFile(keyFile)
        } else {
            source = .unspecified
        }
    }
}

/// Where a command finds what opens a realm.
enum CredentialSource: Hashable, Sendable {
    case keyFile(String)
    case passphraseFile(String)
    /// The kernel keyring if the realm was unlocked, else a question on the terminal.
    case unspecified
}

/// Whether a listing is for people or for programs.
struct ListingOptions: ParsableArguments {
    @Flag(help: "Print JSON for programs instead of a table.")
    var json = false
}
