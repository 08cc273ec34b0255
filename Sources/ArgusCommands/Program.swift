package import ArgumentParser
internal import CArgusLinux
internal import Glibc

/// The program as a whole: from the command line to the exit status.
package enum Program {
    package static let version = "0.1.0"

    /// Runs the command that the arguments name. Started as `mount.argusfs`, the program is mount(8)'s helper.
    package static func run(_ invocation: Invocation) -> ExitStatus {
        _ = argus_open_standard_descriptors()
        // Passphrases and keys pass through every command: no core dump holds them, no debugger of this user, and no
        // report of a crash, in which Swift's runtime shows registers and the memory they point to.
        for number in [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] { signal(number, SIG_DFL) }
        _ = argus_forbid_core_dumps()
        _ = argus_set_dumpable(0)
        var invocation = invocation
        if readsSettings(invocation.arguments) {
            do throws(CommandError) {
                invocation.settings = try SettingsFiles(invocation.configurationDirectory).settings()
            } catch {
                Standard.errorLine("argusfs: \(error)")
                return error.exitStatus
            }
        }
        return Invocation.$current.withValue(invocation) {
            let arguments = Array(invocation.arguments.dropFirst())
            let name = invocation.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
            if MountHelper.isName(name) { return MountHelper.run(arguments) }
            return run(arguments)
        }
    }

    /// The driver's own process got all it needs from the command that started it; what looks at the configuration, and
    /// help, must work also where that is wrong.
    private static func readsSettings(_ arguments: [String]) -> Bool {
        let others: Set = ["config", "doctor", "help", "--help", "-h", "--version", DriverLaunch.commandName]
        return arguments.dropFirst().first.map { !others.contains($0) } ?? false
    }

    static func run(_ arguments: [String]) -> ExitStatus {
        do {
            var command = try ArgusCommand.parseAsRoot(arguments)
            try command.run()
            return .success
        } catch let error as CommandError {
            Standard.errorLine("argusfs: \(error)")
            return error.exitStatus
        } catch let status as ExitStatusOnly {
            return status.exitStatus
        } catch {
            return explain(error)
        }
    }

    /// Help and version go to standard output; a wrong command line is told on standard error.
    private static func explain(_ error: any Error) -> ExitStatus {
        let text = ArgusCommand.fullMessage(for: error)
        let status = ExitStatus(rawValue: ArgusCommand.exitCode(for: error).rawValue)
        if status == .success {
            if !text.isEmpty { try? Standard.outputLine(text) }
        } else if !text.isEmpty {
            Standard.errorLine(text)
        }
        return status
    }
}

/// Ends a command with a status whose reason was printed already.
struct ExitStatusOnly: Error {
    let exitStatus: ExitStatus
}

/// `argusfs`: what it is, and its commands in the order in which they are needed.
package struct ArgusCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "argusfs",
        abstract: "Keep confidential files encrypted wherever they lie, and work with them as ever.",
        discussion: """
            A realm holds confidential folders. A folder's files lie on storage as sealed capsules; mounted, they are \
            ordinary files for the folder's members alone.

              argusfs init --realm ~/realm
              argusfs folder create plans
              argusfs mount plans /mnt/plans
              argusfs umount /mnt/plans

            Exit status: 0; 1, the operation failed and a line says why; 64, the command line is wrong.
            """,
        version: "argusfs \(Program.version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Realm",
                subcommands: [
                    InitCommand.self, UnlockCommand.self, LockCommand.self, PassphraseCommand.self, RecoverCommand.self,
                    RealmCommand.self,
                ]),
            CommandGroup(
                name: "Folder",
                subcommands: [FolderCommand.self, MoveCommand.self, IndexCommand.self, CheckCommand.self]),
            CommandGroup(name: "Person", subcommands: [PersonCommand.self, WhyCommand.self]),
            CommandGroup(name: "Audit", subcommands: [JournalCommand.self]),
            CommandGroup(
                name: "Mount",
                subcommands: [
                    MountCommand.self, UnmountCommand.self, SyncCommand.self, StatusCommand.self, DriverCommand.self,
                    MountHelperCommand.self,
                ]),
            CommandGroup(name: "Machine", subcommands: [DoctorCommand.self, ConfigCommand.self]),
        ])

    /// How the parser's own complaints begin, as those of the commands do.
    package static var _errorLabel: String { "argusfs" }

    package init() {}
}
