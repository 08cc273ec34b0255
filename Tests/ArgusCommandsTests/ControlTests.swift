import ArgusSystem
import Glibc
import Synchronization
import Testing

@testable import ArgusCommands

@Suite("The control socket")
struct ControlTests {
    @Test("a message arrives as it was sent, and the end of the channel is no message")
    func roundTrip() throws {
        let sockets = try LocalSocket.pair()
        let path = String(repeating: "ab", count: 4096)
        let sender = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.first.rawValue)))
        let receiver = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.second.rawValue)))
        try sender.send(ControlRequest(question: .list(path: path)), withinSeconds: 5)
        let received = try receiver.receive(ControlRequest.self, withinSeconds: 5)
        #expect(received == ControlRequest(question: .list(path: path)))
        shutdown(sockets.first.rawValue, Int32(SHUT_RDWR))
        #expect(try receiver.receive(ControlRequest.self, withinSeconds: 5) == nil)
    }

    @Test(
        "a hostile message is refused before it costs anything",
        arguments: [
            ([0xff, 0xff, 0xff, 0xff], ChannelError.tooLong), ([1, 0, 0x10, 0], .tooLong),
            ([4, 0, 0, 0, 0x7b], .closed),
            ([1, 0], .closed), ([2, 0, 0, 0, 0x7b, 0x7d], .malformed), ([0, 0, 0, 0], .malformed),
            ([3, 0, 0, 0, 0xff, 0xfe, 0xfd], .malformed),
        ] as [([UInt8], ChannelError)])
    func hostileMessages(bytes: [UInt8], error: ChannelError) throws {
        let sockets = try LocalSocket.pair()
        #expect(write(sockets.first.rawValue, bytes, bytes.count) == bytes.count)
        shutdown(sockets.first.rawValue, Int32(SHUT_WR))
        let channel = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.second.rawValue)))
        #expect(throws: error) { try channel.receive(ControlRequest.self, withinSeconds: 5) }
    }

    @Test("a message that never ends is given up")
    func slowMessage() throws {
        let sockets = try LocalSocket.pair()
        #expect(write(sockets.first.rawValue, [9, 0, 0] as [UInt8], 3) == 3)
        let channel = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.second.rawValue)))
        #expect(throws: ChannelError.timedOut) { try channel.receive(ControlRequest.self, withinSeconds: 1) }
    }

    @Test("who went away is an error, not a signal")
    func brokenPipe() throws {
        let sockets = try LocalSocket.pair()
        let channel = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.first.rawValue)))
        shutdown(sockets.second.rawValue, Int32(SHUT_RDWR))
        #expect(throws: ChannelError.closed) {
            for _ in 0..<100 { try channel.send(ControlReply.done, withinSeconds: 5) }
        }
    }

    @Test("a server answers at a path longer than an address, each client for itself, and leaves no socket")
    func server() throws {
        let scratch = try Scratch(depth: 12)
        let path = scratch.path + "/control.sock"
        let server = try ControlServer(path: path) { (question, client) throws(ChannelError) in
            if question == .synchronize { try client.reply(.done) } else { try client.reply(.failed("no")) }
        }
        server.start()
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        for _ in 0..<3 * ControlServer.clientMax {
            let client = try ControlClient(path: path)
            #expect(client.pid == getpid())
            try client.perform(.synchronize)
        }
        #expect(throws: ControlClient.Failure.refused("no")) { try ControlClient(path: path).perform(.reload) }
        server.stop()
        #expect(access(path, F_OK) != 0)
        #expect(throws: ControlClient.Failure.noDriver) { _ = try ControlClient(path: path).pid }
    }

    @Test("a client that sends rubbish or nothing does not keep others out")
    func hostileClients() throws {
        let scratch = try Scratch(depth: 1)
        let path = scratch.path + "/control.sock"
        let answered = Atomic(0)
        let server = try ControlServer(path: path) { (_, client) throws(ChannelError) in
            try client.reply(.done)
        }
        server.start()
        var silent: [Int32] = []
        for _ in 0..<ControlServer.clientMax - 1 { silent.append(try LocalSocket.connect(to: path).release()) }
        let rubbish = try LocalSocket.connect(to: path)
        #expect(write(rubbish.rawValue, [2, 0, 0, 0, 0x21, 0x21] as [UInt8], 6) == 6)
        for _ in 0..<4 {
            try ControlClient(path: path).perform(.synchronize)
            answered.add(1, ordering: .relaxed)
        }
        #expect(answered.load(ordering: .relaxed) == 4)
        for descriptor in silent { close(descriptor) }
        server.stop()
    }

    @Test("a socket left behind by a killed driver is replaced")
    func staleSocket() throws {
        let scratch = try Scratch(depth: 1)
        let path = scratch.path + "/control.sock"
        do { _ = try LocalSocket.listen(at: path, backlog: 1) }
        #expect(access(path, F_OK) == 0)
        #expect(throws: ControlClient.Failure.noDriver) { _ = try ControlClient(path: path).pid }
        let server = try ControlServer(path: path) { (_, client) throws(ChannelError) in try client.reply(.done) }
        server.start()
        try ControlClient(path: path).perform(.synchronize)
        server.stop()
    }
}

/// A directory below the system's temporary one, `depth` long names deep, removed at the end.
final class Scratch {
    let path: String
    private let parts: [String]

    init(depth: Int) throws {
        var template = Array("/tmp/argus-commands-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        var path = template.withUnsafeBufferPointer {
            String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        var parts = [path]
        for _ in 1..<max(2, depth) {
            path += "/a-directory-with-a-long-name"
            try #require(mkdir(path, 0o700) == 0)
            parts.append(path)
        }
        self.path = path
        self.parts = parts
    }

    deinit {
        for part in parts.reversed() { rmdir(part) }
    }
}
