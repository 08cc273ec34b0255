internal import ArgumentParser
internal import ArgusSystem
internal import Glibc

/// `argusfs umount`: unmounts, and returns when everything is durable and the driver is gone.
struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount",
        abstract: "Unmount a folder; returns when everything is durable.",
        discussion: """
            When something still uses the mount, the processes are named and nothing changes.

              argusfs umount ~/plans
            """)

    @Argument(help: ArgumentHelp("Where it is mounted.", valueName: "dir"), completion: .directory)
    var directory: String

    func run() throws {
        let point = try MountPoint(directory)
        guard let entry = point.entry(in: .current()) else {
            throw CommandError(directory, "is no mount point; see `argusfs status` for what is mounted")
        }
        guard entry.isFolder else {
            throw CommandError(directory, "is no folder of ARGUS but \(entry.type); use umount(8)")
        }
        // The caller's directory may be on the mount: this process must not be what keeps it busy.
        chdir("/")
        let driver = try MountedDriver.found(at: point.path, subject: directory)
        try driver?.prepare()
        do throws(Unmounting.Failure) {
            try Unmounting.unmount(point.path)
        } catch {
            throw failure(error, entry)
        }
        try driver?.waitForEnd()
    }

    private func failure(_ failure: Unmounting.Failure, _ entry: MountTable.Entry) -> CommandError {
        switch failure {
        case .failed(let text): return CommandError(directory, "cannot be unmounted: \(text)")
        case .busy:
            let nested = MountTable.current().children(of: entry.id)
            if let inner = nested.first {
                return CommandError(
                    directory, "is in use: something is mounted on \(inner.mountPoint); unmount that first")
            }
            let busy = BusyProcesses(on: entry)
            let unseen = "processes of other users cannot be seen; try as root"
            if busy.uses.isEmpty {
                return CommandError(
                    directory, "is in use by a process that was not found; \(busy.isIncomplete ? unseen : "try again")")
            }
            return CommandError(
                directory,
                "is in use: \(busy.text); end them or let them leave\(busy.isIncomplete ? " (\(unseen))" : "")")
        }
    }
}

/// The driver behind a mount, from before the unmount until it is gone.
final class MountedDriver {
    private let subject: String
    private let mountPoint: String
    private let client: ControlClient?
    private let process: WatchedProcess

    /// How long the driver may take to notice the unmount.
    private static let noticeSeconds = 10

    private init(
        subject: String, mountPoint: String, client: consuming ControlClient?, process: consuming WatchedProcess
    ) {
        self.subject = subject
        self.mountPoint = mountPoint
        self.client = client
        self.process = process
    }

    /// Nil where no driver is found: it is dead. One that does not talk to this user is found by its arguments, to be
    /// waited for.
    static func found(at mountPoint: String, subject: String) throws(CommandError) -> MountedDriver? {
        if let path = ControlAttribute.socketPath(ofMount: mountPoint) {
            do throws(ControlClient.Failure) {
                let client = try ControlClient(path: path)
                guard let process = WatchedProcess(pid: client.pid) else { return nil }
                return MountedDriver(subject: subject, mountPoint: mountPoint, client: client, process: process)
            } catch {
                // Another user's shared mount, or a driver without a socket.
            }
        }
        guard let pid = driverProcess(servingMount: mountPoint), let process = WatchedProcess(pid: pid) else {
            return nil
        }
        return MountedDriver(subject: subject, mountPoint: mountPoint, client: nil, process: process)
    }

    /// Makes everything durable while the folder can still be used, so that a full storage is told in time.
    func prepare() throws(CommandError) {
        guard client != nil else { return }
        do throws(ControlClient.Failure) {
            try client?.ask(.detach)
            guard case .synchronized = try client?.reply() else { throw .broken }
        } catch {
            if case .refused(let message) = error {
                // Not ours to talk to: whoever may unmount it still may.
                if message == ControlServer.foreignUserMessage { return }
                throw CommandError(subject, message)
            }
            throw CommandError(subject, error.message)
        }
    }

    /// Returns when the driver is gone; throws what it could not make durable.
    func waitForEnd() throws(CommandError) {
        var failure: CommandError?
        do throws(ControlClient.Failure) {
            if let reply = try client?.reply(), reply != .done { throw .broken }
        } catch {
            if case .refused(let message) = error, message != ControlServer.foreignUserMessage {
                failure = CommandError(subject, message)
            }
            // Otherwise the driver ended without a word: its end is what counts.
        }
        while !process.hasEnded(waitMilliseconds: 1000) {}
        if let failure { throw failure }
    }

    /// The background driver that was started for this mount point, whoever owns it.
    private static func driverProcess(servingMount mountPoint: String) -> pid_t? {
        let names: [String]
        do throws(SystemError) { names = try DirectoryHandle(path: "/proc").names() } catch { return nil }
        let wanted = ["argusfs", DriverLaunch.commandName, mountPoint].map { $0 + "\0" }.joined()
        return names.compactMap { Int32($0) }.first { smallFile("/proc/\($0)/cmdline", maxBytes: 64 << 10) == wanted }
    }
}
