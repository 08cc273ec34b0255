import ArgusSystem
import ArgusTestKit
import FoundationEssentials
import Glibc
import Testing

@testable import ArgusCommands

@Suite("No bytes on the control socket trap or hang a driver")
struct ControlFuzzTests {
    @Test("requests and replies that are none")
    func messages() async throws {
        let requests: [String: ControlRequest] = [
            "status": ControlRequest(question: .status), "synchronize": ControlRequest(question: .synchronize),
            "detach": ControlRequest(question: .detach), "list": ControlRequest(question: .list(path: "2f61")),
            "check": ControlRequest(question: .check(repair: true)), "reload": ControlRequest(question: .reload),
        ]
        let replies: [String: ControlReply] = [
            "done": .done, "synchronized": .synchronized, "failed": .failed("why"),
            "progress": .progress(CheckProgressReport(phase: "index", doneFiles: 1, totalFiles: 2, doneBytes: 3)),
            "finding": .finding(
                CheckReport(kind: "damaged", path: "/a", detail: "what", advice: "how", repaired: false)),
        ]
        var valid: [String: [UInt8]] = [:]
        for (name, request) in requests { valid["request-" + name] = try frame(request) }
        for (name, reply) in replies { valid["reply-" + name] = try frame(reply) }
        let corpus = try Corpus("control-socket", valid: valid)
        var accepted = 0
        let count = try await Fuzzer("control socket", corpus: corpus, executions: 4_000).run { bytes in
            let sockets = try LocalSocket.pair()
            guard write(sockets.first.rawValue, bytes, bytes.count) == bytes.count else {
                throw SystemError(errno: errno, call: "write(2)")
            }
            shutdown(sockets.first.rawValue, Int32(SHUT_WR))
            let channel = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.second.rawValue)))
            do throws(ChannelError) {
                while try channel.receive(ControlRequest.self, withinSeconds: 5) != nil { accepted += 1 }
            } catch {}
        }
        #expect(accepted >= requests.count && accepted < count)
    }

    private func frame(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = [UInt8](try encoder.encode(message))
        return withUnsafeBytes(of: UInt32(body.count).littleEndian) { Array($0) } + body
    }
}
