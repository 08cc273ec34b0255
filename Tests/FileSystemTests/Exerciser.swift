import ArgusMountKit

/// A process that makes the same calls in several trees (Sources/argus-exerciser).
final class Exerciser {
    /// The program lies beside the tests, as `argusfs` does.
    static let path =
        MountedFolder.program.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        + "/argus-exerciser"

    private let dialogue: Dialogue

    /// `gid` is the account's group; `groups` are those beside it.
    init(uid: UInt32, gid: UInt32, groups: [UInt32] = [], trees: [String]) throws {
        let list = groups.isEmpty ? "-" : groups.map(String.init).joined(separator: ",")
        // As root, who alone can become that account.
        dialogue = try Dialogue([Self.path, "\(uid)", "\(gid)", list] + trees, as: .root)
    }

    /// The results of one operation, tree by tree.
    func perform(_ line: String) throws -> [String] {
        try dialogue.ask(line).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }

    func end() { dialogue.end() }
}
