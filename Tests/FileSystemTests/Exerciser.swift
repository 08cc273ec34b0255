import ArgusMountKit
import Foundation

/// A process that makes the same calls in several trees (Sources/argus-exerciser).
final class Exerciser {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var received: [UInt8] = []

    struct Failure: Error, CustomStringConvertible { var description: String }

    /// The program lies beside the tests, as `argusfs` does.
    static let path = URL(fileURLWithPath: MountedFolder.program).deletingLastPathComponent()
        .appendingPathComponent("argus-exerciser").path

    /// `gid` is the account's group; `groups` are those beside it.
    init(uid: UInt32, gid: UInt32, groups: [UInt32] = [], trees: [String]) throws {
        process.executableURL = URL(fileURLWithPath: Self.path)
        let list = groups.isEmpty ? "-" : groups.map(String.init).joined(separator: ",")
        process.arguments = ["\(uid)", "\(gid)", list] + trees
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// The results of one operation, tree by tree.
    func perform(_ line: String) throws -> [String] {
        let bytes = Array((line + "\n").utf8)
        let written = bytes.withUnsafeBytes {
            Glibc.write(input.fileHandleForWriting.fileDescriptor, $0.baseAddress, $0.count)
        }
        guard written == bytes.count else { throw Failure(description: "the exerciser is gone") }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            }
            let count = Glibc.read(output.fileHandleForReading.fileDescriptor, &chunk, chunk.count)
            guard count > 0 else { throw Failure(description: "the exerciser ended after: \(line)") }
            received.append(contentsOf: chunk[..<count])
        }
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
