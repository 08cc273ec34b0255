internal import ArgusRealm
internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// Starts the driver in a process of its own and waits until it serves the mount.
///
/// The new process gets one socket, as its standard input and output, and nothing else of the caller: no descriptor, no
/// directory, no environment. Over the socket go the plan and the realm's key; back come readiness or the reason why not.
/// The plan is not in the arguments, which every user can read.
enum DriverLaunch {
    /// The hidden subcommand that the new process runs.
    static let commandName = "driver"
    /// How long the new process may take: it may wait for another driver, and check what a crash left.
    private static let readySeconds = 3600
    private static let handOverSeconds = 30

    /// The answer of the new process.
    enum Answer: Codable {
        /// A line for each folder that is not on the mount.
        case ready(leftOut: [String])
        case failed(subject: String, message: String, status: Int32)
    }

    /// Returns a line for each folder of the plan that is not on the mount.
    static func launch(_ plan: MountPlan, masterKey: SecretBytes) throws(CommandError) -> [String] {
        let channel: MessageChannel
        let child: ChildProcess
        do throws(SystemError) {
            let sockets = try LocalSocket.pair()
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            child = try ChildProcess.spawn(
                "/proc/self/exe", arguments: ["argusfs", commandName, plan.mountPoint], environment: [:],
                input: sockets.second.rawValue, output: sockets.second.rawValue, error: null.rawValue)
            channel = MessageChannel(socket: sockets.intoFirst())
        } catch {
            throw CommandError("driver", "cannot be started: \(error.description)")
        }
        let answer: Answer?
        do throws(ChannelError) {
            try channel.send(plan, withinSeconds: handOverSeconds)
            try channel.send(masterKey.count, withinSeconds: handOverSeconds)
            try channel.sendSecret(masterKey, withinSeconds: handOverSeconds)
            answer = try channel.receive(withinSeconds: readySeconds)
        } catch {
            answer = nil
        }
        switch answer {
        case .ready(let leftOut): return leftOut
        case .failed(let subject, let message, let status):
            _ = child.wait()
            throw CommandError(subject, message, exitStatus: ExitStatus(rawValue: status))
        case nil:
            let status = child.wait()
            throw CommandError("driver", "ended with status \(status) before it was ready; try again with --foreground")
        }
    }

    /// The new process's side: what it is to do, and how it tells that it does. The socket is standard input.
    static func takeOver() throws(CommandError) -> (plan: MountPlan, masterKey: SecretBytes, parent: LaunchedBy) {
        do throws(SystemError) {
            let copy = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw SystemError(errno: errno, call: "fcntl(2)") }
            let channel = MessageChannel(socket: OwnedDescriptor(owning: copy))
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            for standard in [STDIN_FILENO, STDOUT_FILENO] { dup2(null.rawValue, standard) }
            return try takeOver(LaunchedBy(channel: channel))
        } catch {
            throw CommandError.usage(commandName, "is started by `argusfs mount` only")
        }
    }

    private static func takeOver(_ parent: LaunchedBy) throws(SystemError) -> (MountPlan, SecretBytes, LaunchedBy) {
        do throws(ChannelError) {
            let (plan, key) = try parent.receive(withinSeconds: handOverSeconds)
            return (plan, key, parent)
        } catch {
            throw SystemError(errno: EPROTO, call: "recv(2)")
        }
    }
}

/// The `mount` command that started this driver and waits for its answer.
final class LaunchedBy {
    /// Nil once it has its answer: nothing of the caller stays open in a driver that serves.
    private var channel: MessageChannel?
    private static let keyMaxBytes = 256
    private static let answerSeconds = 10

    init(channel: consuming MessageChannel) {
        self.channel = consume channel
    }

    func receive(withinSeconds limit: Int) throws(ChannelError) -> (MountPlan, SecretBytes) {
        guard let plan = try channel?.receive(MountPlan.self, withinSeconds: limit),
            let count = try channel?.receive(Int.self, withinSeconds: limit), (1...Self.keyMaxBytes).contains(count),
            let key = try channel?.receiveSecret(count: count, withinSeconds: limit)
        else { throw .malformed }
        return (plan, key)
    }

    /// Tells the waiting command; false where it is gone, so that nobody knows of this driver.
    func answer(_ answer: DriverLaunch.Answer) -> Bool {
        defer { channel = nil }
        do throws(ChannelError) {
            guard channel?.isAbandoned(waitMilliseconds: 0) == false else { return false }
            try channel?.send(answer, withinSeconds: Self.answerSeconds)
            return true
        } catch {
            return false
        }
    }
}
