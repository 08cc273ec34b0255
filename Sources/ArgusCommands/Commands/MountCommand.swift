internal import ArgumentParser
internal import ArgusFUSE
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs mount`: checks what can be checked at once, opens the realm, and starts the driver (`Assembly`).
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a folder; returns when it can be used.",
        discussion: """
            The mount is yours alone: other users, root included, see nothing of it. With -o allow_other it is shared: \
            other users come in where the folder's members and POSIX permission let them.

            Options as mount(8) knows them: ro, rw, allow_other, allow_full, noatime, relatime, nodev, nosuid, noexec, dev, suid, exec, \
            sync, dirsync, fsname=NAME, nonempty, commit=SECONDS; in fstab also realm=DIR, key-file=FILE and \
            passphrase-file=FILE; remount,ro and remount,rw change a mount that is there. What concerns mount(8) alone (nofail, _netdev, x-…) is accepted.

              argusfs mount plans ~/plans
              argusfs mount plans /srv/plans -o allow_other,noatime
            """)

    @Argument(help: "The folder's name.") var name: String
    @Argument(help: ArgumentHelp("An empty directory.", valueName: "dir"), completion: .directory) var directory: String
    @Option(
        name: .customShort("o", allowingJoined: true),
        help: ArgumentHelp("Mount options, separated by commas.", valueName: "options"))
    var options: [String] = []
    @Flag(help: "Serve in this process, until it is unmounted or gets SIGINT or SIGTERM.") var foreground = false
    @OptionGroup var realm: RealmOptions

    func run() throws {
        try MountRequest(
            folder: name, directory: directory,
            options: try MountOptionList(Invocation.current.settings.mountOptions + options), given: realm,
            runsInForeground: foreground
        ).run()
    }
}

/// A mount as it was asked for, by the command line or by mount(8).
struct MountRequest {
    var folder: String
    var directory: String
    var options: MountOptionList
    /// What the command line says; what it does not say may be among the mount options.
    var given: RealmOptions?
    var runsInForeground: Bool

    func run() throws(CommandError) {
        if options.isRemount { return try Remounting.run(directory, options) }
        try options.check(for: .current)
        let point = try MountPoint.prepared(directory, allowsNonEmpty: options.allowsNonEmptyMountPoint)
        let access = access
        let plan = MountPlan(realm: access.path, folder: folder, mountPoint: point.path, options: options)
        do throws(MountError) { try MountPreflight.check(MountOptions(plan)) } catch {
            throw CommandError(directory, error.message)
        }
        let open = try access.openRealm()
        let summary = try realmResult(folder) { () throws(RealmError) in try open.folder(named: folder) }
        try refuseSecondMount(of: summary, in: open)
        // The directory that the caller stands in may be the mount point, or be unmounted later.
        chdir("/")
        if runsInForeground {
            DriverLog.toStandardError()
            try Assembly.serve(plan, of: open) {}
        } else {
            try DriverLaunch.launch(plan, masterKey: open.exportMasterKey())
        }
    }

    private var access: RealmAccess {
        let isCredentialGiven = given?.keyFile != nil || given?.passphraseFile != nil
        return RealmAccess(
            realm: given?.realm ?? options.realm,
            keyFile: isCredentialGiven ? given?.keyFile : options.keyFile,
            passphraseFile: isCredentialGiven ? given?.passphraseFile : options.passphraseFile)
    }

    /// A folder has one driver. One that is ending is waited for, when the folder is opened; one that serves a mount is
    /// not, and is named.
    private func refuseSecondMount(of summary: FolderSummary, in realm: Realm) throws(CommandError) {
        let status: DriverStatus
        do throws(ControlClient.Failure) {
            status = try ControlClient(path: realm.socketPath(of: summary.id)).status()
        } catch {
            return
        }
        guard status.state == .serving, MountTable.current().top(at: status.mountPoint)?.isFolder == true else {
            return
        }
        throw CommandError(
            folder, "is mounted already, on \(status.mountPoint) (process \(status.pid)); unmount it there first")
    }
}

/// The hidden subcommand that the driver's own process runs.
struct DriverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: DriverLaunch.commandName,
        abstract: "Serve a mount; started by `argusfs mount`.", shouldDisplay: false)

    @Argument var mountPoint: String

    func run() throws {
        DriverLog.toStandardError()
        let (plan, masterKey, parent) = try DriverLaunch.takeOver()
        var isServing = false
        do throws(CommandError) {
            let realm = try realmResult(plan.realm) { () throws(RealmError) in
                try Realm.open(at: plan.realm, unlock: .masterKey(masterKey))
            }
            try Assembly.serve(plan, of: realm) { () throws(CommandError) in
                // Only now: an automount point lets the process group of the mount through, and a session of one's
                // own has another.
                setsid()
                guard parent.answer(.ready) else {
                    throw CommandError(plan.mountPoint, "nobody waits for the mount any more")
                }
                isServing = true
                DriverLog.toFile(in: realm)
            }
        } catch {
            if isServing {
                DriverLog.note("ended: \(error.message)")
            } else {
                _ = parent.answer(
                    .failed(subject: error.subject, message: error.message, status: error.exitStatus.rawValue))
            }
            throw ExitStatusOnly(exitStatus: .failure)
        }
    }
}
