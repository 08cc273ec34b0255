import ArgusSystem
import ArgusTestKit
import FoundationEssentials
import Glibc
import Testing

@testable import ArgusCommands

@Suite("No bytes on the control socket trap or hang a driver")
struct ControlFuzzTests {
    @Test("requests and replies that are none")
    func messages() throws {
        let requests = [
            ControlRequest(question: .status), ControlRequest(question: .synchronize),
            ControlRequest(question: .detach),
            ControlRequest(question: .list(path: "2f61")), ControlRequest(question: .check(repair: true)),
            ControlRequest(question: .reload),
        ]
        let replies: [ControlReply] = [
            .done, .synchronized, .failed("why"),
            .progress(CheckProgressReport(phase: "index", doneFiles: 1, totalFiles: 2, doneBytes: 3)),
            .finding(CheckReport(kind: "damaged", path: "/a", detail: "what", advice: "how", repaired: false)),
        ]
        func frame(_ message: some Encodable) throws -> [UInt8] {
            let body = [UInt8](try JSONEncoder().encode(message))
            return withUnsafeBytes(of: UInt32(body.count).littleEndian) { Array($0) } + body
        }
        var corpus = try requests.map { try frame($0) } + replies.map { try frame($0) }
        corpus.append(try frame(requests[0]) + frame(requests[5]))
        corpus.append([8, 0, 0, 0] + Array("[[[[[[[[".utf8))
        var fuzzer = Fuzzer("control socket", corpus: corpus, executions: 4_000)
        var accepted = 0
        let count = try fuzzer.run { bytes in
            let sockets = try LocalSocket.pair()
            #expect(write(sockets.first.rawValue, bytes, bytes.count) == bytes.count)
            shutdown(sockets.first.rawValue, Int32(SHUT_WR))
            let channel = MessageChannel(socket: OwnedDescriptor(owning: dup(sockets.second.rawValue)))
            do {
                while try channel.receive(ControlRequest.self, withinSeconds: 5) != nil { accepted += 1 }
            } catch {
                #expect(error is ChannelError)
            }
        }
        #expect(accepted >= requests.count && accepted < count)
    }
}
