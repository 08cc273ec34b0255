internal import ArgumentParser
internal import ArgusFS
internal import ArgusFUSE
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs mount`: checks what can be checked at once, opens the realm, and starts the driver (`Assembly`).
struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount a folder, or all of them; returns when it can be used.",
        discussion: """
            The mount is yours alone: other users, root included, see nothing of it. With -o allow_other it is shared: \
            other users come in where the folder's members and POSIX permission let them.

            The empty directory is closed: while nothing is mounted there, nobody writes into it by mistake, in plaintext. Its \
            mode loses the right to write. Root, whom modes do not bind, is kept out by -o immutable, until chattr -i.

            With --all the directory shows every folder that you may list as a directory of its own; on a shared mount all \
            folders of the realm, each to those who may list it. Between folders mv copies and deletes, and both are recorded.

            Options as mount(8) knows them: ro, rw, allow_other, strict_revocation, allow_full, immutable, noatime, relatime, \
            nodev, nosuid, noexec, dev, suid, exec, sync, dirsync, fsname=NAME, nonempty, commit=SECONDS; in fstab also \
            realm=DIR, key-file=FILE and passphrase-file=FILE; remount,ro and remount,rw change a mount that is there. What \
            concerns mount(8) alone (nofail, _netdev, x-…) is accepted.

              argusfs mount plans ~/plans
              argusfs mount --all ~/argus
              argusfs mount plans /srv/plans -o allow_other,noatime
            """)

    @Argument(help: ArgumentHelp("The folder's name; not with --all.", valueName: "name"), completion: .directory)
    var first: String?
    @Argument(help: ArgumentHelp("An empty directory.", valueName: "dir"), completion: .directory)
    var second: String?
    @Flag(help: "Mount every folder that you may list, as directories of one mount.") var all = false
    @Option(
        name: .customShort("o", allowingJoined: true),
        help: ArgumentHelp("Mount options, separated by commas.", valueName: "options"))
    var options: [String] = []
    @Flag(help: "Serve in this process, until it is unmounted or gets SIGINT or SIGTERM.") var foreground = false
    @OptionGroup var realm: RealmOptions

    func run() throws {
        guard let first, all == (second == nil) else {
            throw CommandError.usage(
                "mount",
                all
                    ? "takes a directory alone with --all: argusfs mount --all DIR"
                    : "takes a folder and a directory: argusfs mount NAME DIR")
        }
        try MountRequest(
            folder: all ? nil : first, directory: second ?? first,
            options: try MountOptionList(Invocation.current.settings.mountOptions + options), given: realm,
            runsInForeground: foreground
        ).run()
    }
}

/// A mount as it was asked for, by the command line or by mount(8).
struct MountRequest {
    /// Nil for all folders.
    var folder: String?
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
        var plan = MountPlan(
            realm: access.path, content: folder.map { .folder($0) } ?? .folders([]), mountPoint: point.path,
            options: options, journalLimits: Invocation.current.settings.journalLimits)
        do throws(MountError) { try MountPreflight.check(MountOptions(plan)) } catch {
            throw CommandError(directory, error.message)
        }
        let open = try access.openRealm()
        if let folder {
            let summary = try realmResult(folder) { () throws(RealmError) in try open.folder(named: folder) }
            if let reason = mounted(summary, in: open) {
                throw CommandError(folder, "\(reason); unmount it there first")
            }
        } else {
            plan.content = .folders(try mountable(in: open))
        }
        let isWaitedFor = point.entry(in: .current()) != nil
        let covered = isWaitedFor ? nil : CoveredDirectory(point.path)
        if options.allowsNonEmptyMountPoint, !isWaitedFor { warnOfCoveredFiles(in: point.path) }
        // The directory that the caller stands in may be the mount point, or be unmounted later.
        chdir("/")
        if runsInForeground {
            DriverLog.toStandardError()
            try Assembly.serve(plan, of: open) { leftOut in
                close(covered)
                Self.warn(leftOut)
                ServiceNotification.ready()
            }
        } else {
            let leftOut = try DriverLaunch.launch(plan, masterKey: open.exportMasterKey())
            close(covered)
            Self.warn(leftOut)
        }
    }

    private func close(_ covered: CoveredDirectory?) {
        if covered?.close(isImmutable: options.makesMountPointImmutable) == false {
            Standard.errorLine(
                "argusfs: \(directory): the directory beneath could not be made immutable: that takes root, and a file "
                    + "system with that attribute")
        }
    }

    /// The folders that are to be directories of the mount: on a personal one, those that this user may list; on a shared
    /// one, which many use, all of them. What is mounted elsewhere is left out, and said.
    private func mountable(in realm: Realm) throws(CommandError) -> [String] {
        let (found, damaged) = try realmResult(directory) { () throws(RealmError) in
            try realm.readableFolders(listedFor: options.allowsOthers ? nil : (geteuid(), getegid()))
        }
        var leftOut = damaged.map { "folder \($0.folder ?? ""): \($0.message)" }
        var names: [String] = []
        for summary in found {
            if let reason = mounted(summary, in: realm) {
                leftOut.append("\(summary.name): \(reason)")
            } else {
                names.append(summary.name)
            }
        }
        for summary in names.dropFirst(FolderSet.memberMax) {
            leftOut.append("\(summary): one mount has no more than \(FolderSet.memberMax) folders")
        }
        names = Array(names.prefix(FolderSet.memberMax))
        Self.warn(leftOut)
        guard !names.isEmpty else {
            throw CommandError(
                directory, "there is no folder to mount; `argusfs folder list` shows those there are")
        }
        return names
    }

    /// What the mount hides was never sealed.
    private func warnOfCoveredFiles(in path: String) {
        guard let names = try? DirectoryHandle(path: path).names(), !names.isEmpty else { return }
        Standard.errorLine(
            "argusfs: \(directory): has files of its own, unencrypted, which the mount hides; unmount it later and move "
                + "them into the folder")
    }

    private static func warn(_ leftOut: [String]) {
        for line in leftOut { Standard.errorLine("argusfs: left out: \(line)") }
    }

    private var access: RealmAccess {
        let isCredentialGiven = given?.keyFile != nil || given?.passphraseFile != nil
        return RealmAccess(
            realm: given?.realm ?? options.realm,
            keyFile: isCredentialGiven ? given?.keyFile : options.keyFile,
            passphraseFile: isCredentialGiven ? given?.passphraseFile : options.passphraseFile)
    }

    /// Where the folder is mounted already, nil where it is not. A folder has one driver: one that is ending is waited for,
    /// when the folder is opened; one that serves a mount is not, and is named.
    private func mounted(_ summary: FolderSummary, in realm: Realm) -> String? {
        let status: DriverStatus
        do throws(ControlClient.Failure) {
            status = try ControlClient(path: realm.socketPath(of: summary.id)).status()
        } catch {
            return nil
        }
        guard status.state == .serving, MountTable.current().top(at: status.mountPoint)?.isFolder == true else {
            return nil
        }
        return "is mounted already, on \(status.mountPoint) (process \(status.pid))"
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
                try Realm.open(
                    at: plan.realm, unlock: .masterKey(masterKey), journalLimits: plan.journalLimits)
            }
            try Assembly.serve(plan, of: realm) { leftOut throws(CommandError) in
                // Only now: an automount point lets the process group of the mount through, and a session of one's
                // own has another.
                setsid()
                guard parent.answer(.ready(leftOut: leftOut)) else {
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
