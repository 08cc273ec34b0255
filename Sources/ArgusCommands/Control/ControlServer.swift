internal import ArgusSystem
internal import Glibc

/// Answers commands while the folder is mounted. Only processes of the driver's own uid are heard, as the kernel names
/// them (SO_PEERCRED); root's too are turned away, since root is a person like others.
///
/// Whoever connects may be slow or hostile. At most `clientMax` are served at once and further ones wait; a request is
/// at most one message long and has `requestSeconds` to arrive; an answer that nobody takes ends the connection.
final class ControlServer: Sendable {
    static let clientMax = 8
    static let backlog: Int32 = 16
    static let requestSeconds = 5
    static let replySeconds = 30
    /// What a process of another uid is told.
    static let foreignUserMessage = "is mounted by another user; run the command as that user"

    /// Answers one question; runs on a thread of the server's, several at a time.
    typealias Handler = @Sendable (ControlRequest.Question, ControlConversation) throws(ChannelError) -> Void

    private let path: String
    private let socket: OwnedDescriptor
    /// The socket's file: by now the path may be that of a driver that came after this one.
    private let inode: UInt64
    /// A byte written to the first end wakes the thread that accepts.
    private let wake: SocketPair
    private let handler: Handler
    private let lock = Lock()
    private let clientGone = Condition()
    // Guarded by `lock`.
    nonisolated(unsafe) private var clients: Set<Int32> = []
    nonisolated(unsafe) private var acceptor: Thread?

    init(path: String, handler: @escaping Handler) throws(SystemError) {
        socket = try LocalSocket.listen(at: path, backlog: Self.backlog)
        wake = try LocalSocket.pair()
        inode = Self.inode(at: path)
        self.path = path
        self.handler = handler
    }

    func start() {
        let thread = Thread.start(name: "control") { [self] in acceptClients() }
        lock.withLock { acceptor = thread }
    }

    /// Takes no more clients, waits until those being served are done, and removes the socket.
    func stop() {
        var byte: UInt8 = 0
        _ = write(wake.first.rawValue, &byte, 1)
        lock.withLock { acceptor }?.join()
        if Self.inode(at: path) == inode { unlink(path) }
        lock.withLock {
            // Who has not asked yet is not waited for; answers under way are given.
            for client in clients { shutdown(client, Int32(SHUT_RD)) }
            while !clients.isEmpty { clientGone.wait(lock) }
        }
    }

    private static func inode(at path: String) -> UInt64 {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    private func acceptClients() {
        while true {
            lock.withLock {
                while clients.count >= Self.clientMax { clientGone.wait(lock) }
            }
            do throws(SystemError) {
                guard let peer = try LocalSocket.accept(on: socket, orWake: wake.second) else { return }
                guard let client = Self.ownUsers(peer) else { continue }
                let descriptor = client.release()
                lock.withLock { _ = clients.insert(descriptor) }
                Thread.start(name: "control client") { [self] in
                    let conversation = ControlConversation(
                        channel: MessageChannel(socket: OwnedDescriptor(owning: descriptor)))
                    // The descriptor is open until it is no longer listed: its number may go to another then.
                    withExtendedLifetime(conversation) {
                        serve(conversation)
                        lock.withLock {
                            _ = clients.remove(descriptor)
                            clientGone.broadcast()
                        }
                    }
                }
            } catch {
                // No descriptor or memory for one more client: what is short comes back, a busy loop would not help.
                sleep(1)
            }
        }
    }

    /// Turns away who is another user, before a thread or a place is given to them: however many there are, the driver's
    /// own user is heard. The socket's buffer holds the answer, so that nobody is waited for.
    private static func ownUsers(_ client: consuming OwnedDescriptor) -> OwnedDescriptor? {
        do throws(SystemError) {
            if try LocalSocket.peer(of: client.rawValue).uid == geteuid() { return client }
        } catch {
            return nil
        }
        try? MessageChannel(socket: client).send(ControlReply.failed(foreignUserMessage), withinSeconds: 1)
        return nil
    }

    private func serve(_ conversation: ControlConversation) {
        do throws(ChannelError) {
            guard let request = try conversation.request() else { return }
            guard request.version == ControlRequest.currentVersion else {
                return try conversation.reply(
                    .failed("is served by another version of argusfs; unmount and mount it again"))
            }
            try handler(request.question, conversation)
        } catch .malformed, .tooLong {
            try? conversation.reply(.failed("the request is malformed; use the argusfs of the same version"))
        } catch {
            // The client went away or is too slow: nobody is there to be told.
        }
    }
}

/// One client's connection, from its request to the last reply.
final class ControlConversation {
    private let channel: MessageChannel

    init(channel: consuming MessageChannel) {
        self.channel = channel
    }

    func request() throws(ChannelError) -> ControlRequest? {
        try channel.receive(withinSeconds: ControlServer.requestSeconds)
    }

    func reply(_ reply: ControlReply) throws(ChannelError) {
        try channel.send(reply, withinSeconds: ControlServer.replySeconds)
    }

    /// True once the client is gone. Waits up to `milliseconds` for that.
    func isAbandoned(waitMilliseconds milliseconds: Int32) -> Bool {
        channel.isAbandoned(waitMilliseconds: milliseconds)
    }
}
