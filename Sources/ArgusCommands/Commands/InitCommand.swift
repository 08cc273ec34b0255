internal import ArgumentParser
internal import ArgusRealm

/// `argusfs init`: makes a realm.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a realm: the keys, folders and members of one organisation or person.",
        discussion: """
            The realm opens with a passphrase, asked for twice unless --passphrase-file gives it, or with a key file; a \
            key file that is missing is made, readable for you alone. The recovery key is printed once: it opens the \
            realm when the passphrase is lost.

              argusfs init --realm /srv/realm
              argusfs init --realm /srv/realm --key-file /etc/argus/realm.key
            """)

    @OptionGroup var realm: RealmOptions

    func run() throws {
        let path = realm.path
        let existing = try? Realm.inspect(at: path)
        guard existing == nil else {
            throw CommandError(path, "holds a realm already; choose another directory with --realm")
        }
        let unlock = try realm.newUnlock()
        let made = try realmResult(path) { () throws(RealmError) in
            try Realm.create(at: path, unlock: unlock, journalLimits: Invocation.current.settings.journalLimits)
        }
        try Standard.output(
            """
            Realm made in \(Table.printable(path)).

            Recovery key, shown this once. Write it down and keep it away from this machine:

                \(made.recoveryKey)

            Next: argusfs folder create NAME, then argusfs mount NAME DIR.

            """)
    }
}
