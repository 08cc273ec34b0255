internal import ArgusCore
internal import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// The command's end of a driver's control socket.
struct ControlClient: ~Copyable {
    enum Failure: Error, Hashable, Sendable {
        /// Nobody listens: no driver runs, or it was killed.
        case noDriver
        /// The driver is another user's.
        case denied
        /// The driver says so.
        case refused(String)
        /// The driver went away or does not answer.
        case broken
    }

    private let channel: MessageChannel
    /// The driver's process.
    let pid: Int32

    /// How long a driver may take between two replies: making everything durable on slow storage takes a while.
    private static let replySeconds = 3600
    private static let requestSeconds = 10

    init(path: String) throws(Failure) {
        do throws(SystemError) {
            let socket = try LocalSocket.connect(to: path)
            pid = try LocalSocket.peer(of: socket.rawValue).pid
            channel = MessageChannel(socket: socket)
        } catch {
            switch error.errno {
            case ENOENT, ECONNREFUSED, ENOTDIR, ECONNRESET: throw .noDriver
            case EACCES, EPERM: throw .denied
            default: throw .broken
            }
        }
    }

    borrowing func ask(_ question: ControlRequest.Question) throws(Failure) {
        do throws(ChannelError) {
            try channel.send(ControlRequest(question: question), withinSeconds: Self.requestSeconds)
        } catch {
            // A driver that refuses the caller answers before it reads, so its reply may be there all the same.
            guard error == .closed else { throw .broken }
        }
    }

    /// The next reply; `refused` is thrown for `failed`.
    borrowing func reply(withinSeconds limit: Int = replySeconds) throws(Failure) -> ControlReply {
        let reply: ControlReply?
        do throws(ChannelError) {
            reply = try channel.receive(withinSeconds: limit)
        } catch {
            throw .broken
        }
        switch reply {
        case .none: throw .broken
        case .failed(let message): throw .refused(message)
        case .some(let reply): return reply
        }
    }

    /// Asks a question that is answered with `done`.
    borrowing func perform(_ question: ControlRequest.Question) throws(Failure) {
        try ask(question)
        guard case .done = try reply() else { throw .broken }
    }

    /// The newest records of the folder's journal that the driver knows.
    borrowing func journalHeads(of folder: FolderID) throws(Failure) -> [JournalHead] {
        try ask(.journalHeads)
        guard case .journalHeads(let heads) = try reply() else { throw .broken }
        return heads.map {
            JournalHead(
                folder: folder, sequence: $0.sequence, hash: Hex.decode($0.hash) ?? [],
                stream: $0.stream.flatMap { StreamID(hex: $0) })
        }
    }

    /// What the driver says of itself within five seconds.
    borrowing func status() throws(Failure) -> DriverStatus {
        try ask(.status)
        guard case .status(let status) = try reply(withinSeconds: 5) else { throw .broken }
        return status
    }
}

extension ControlClient.Failure {
    /// What is wrong with the driver and what to do, as the end of an error line.
    var message: String {
        switch self {
        case .noDriver: "no driver answers; mount the folder again"
        case .denied: ControlServer.foreignUserMessage
        case .refused(let message): message
        case .broken: "the driver does not answer; look at its log, or unmount with umount(8)"
        }
    }
}
