import ArgusMountKit
import Foundation
import Testing

/// Random calls of several processes give the same results on a mounted folder as on the file system of the machine:
/// values, errnos, attributes, times that change, listings and content.
@Suite("A mounted folder behaves like the machine's own file system", .serialized)
struct ComparisonTests {
    struct Actor: Sendable {
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32] = []
    }

    private static let isLong = ProcessInfo.processInfo.environment["ARGUS_LONG_TESTS"] != nil

    @Test("whatever several accounts do on a shared mount")
    func shared() throws {
        let folder = try MountedFolder(
            as: .root, members: ["*:list,read,write,delete"], options: ["-o", "allow_other,dev,suid"])
        let actors = [
            Actor(uid: 0, gid: 0), Actor(uid: 1000, gid: 1000, groups: [2000]),
            Actor(uid: 1001, gid: 1001, groups: [2000, 5]),
        ]
        try compare(actors, in: folder)
    }

    @Test("whatever several processes of its person do on a personal mount")
    func personal() throws {
        let person = Person.first
        let folder = try MountedFolder(as: person)
        try compare(Array(repeating: Actor(uid: person.uid, gid: person.gid), count: 2), in: folder)
    }

    /// In CI a fixed number of sequences, so that the machine's speed decides nothing.
    private func compare(_ actors: [Actor], in folder: MountedFolder) throws {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["ARGUS_SEED"].flatMap { UInt64($0) } ?? 1
        let count = environment["ARGUS_SEQUENCES"].flatMap { UInt64($0) } ?? 40
        let deadline = Date().addingTimeInterval(3600)
        var seed = first
        while Self.isLong ? Date() < deadline : seed < first + count {
            var generator = OperationGenerator(
                seed: seed, actorCount: actors.count, keepsSearch: folder.person != .root)
            let operations = (0..<400).map { _ in generator.next() }
            if let difference = try Self.difference(operations, by: actors, in: folder) {
                let least = try Self.shrink(operations, difference, by: actors, in: folder)
                let text = least.operations.map(\.description).joined(separator: "\n")
                Issue.record("seed \(seed): \(least.difference)\n\(text)")
                return
            }
            seed += 1
        }
    }

    private struct Difference: CustomStringConvertible {
        var step: Int
        var expected: String
        var found: String
        var description: String { "step \(step)\n  expected \(expected)\n  found    \(found)" }
    }

    /// Makes the calls in new directories of both file systems; nil where all results agree.
    private static func difference(
        _ operations: [FileOperation], by actors: [Actor], in folder: MountedFolder
    ) throws -> Difference? {
        let name = UUID().uuidString
        let trees = [folder.home, folder.mountPoint].map { "\($0)/\(name)" }
        for tree in trees { try folder.shell("mkdir -m 777 -- \"$1\"", tree, in: "/").required() }
        defer { for tree in trees { _ = try? folder.shell("chmod -R u+rwX \"$1\"; rm -rf -- \"$1\"", tree, in: "/") } }
        let isPersonal = folder.person != .root
        let exercisers = try actors.map {
            try Exerciser(uid: $0.uid, gid: $0.gid, groups: $0.groups, trees: trees)
        }
        defer { for exerciser in exercisers { exerciser.end() } }
        for (step, operation) in operations.enumerated() {
            let results = try exercisers[operation.actor].perform(operation.line)
            if results[0] != results[1], !(isPersonal && isOrderOfRefusals(results)) {
                return Difference(step: step, expected: results[0], found: results[1])
            }
            guard step % 25 == 24 || step == operations.count - 1 else { continue }
            let trees = try exercisers[0].perform("dump 2e")
            if trees[0] != trees[1] { return Difference(step: step, expected: trees[0], found: trees[1]) }
        }
        return nil
    }

    /// Where a call is to be refused for two reasons the kernel names its own first, and on a personal mount permission is
    /// not the kernel's (docs/semantics.md).
    private static func isOrderOfRefusals(_ results: [String]) -> Bool {
        results[0].hasPrefix("-13") && results[1].hasPrefix("-")
    }

    /// Takes operations out as long as what is left still shows a difference.
    private static func shrink(
        _ operations: [FileOperation], _ difference: Difference, by actors: [Actor], in folder: MountedFolder
    ) throws -> (operations: [FileOperation], difference: Difference) {
        var least = Array(operations.prefix(difference.step + 1))
        var newest = difference
        var size = max(1, least.count / 2)
        var attempts = 0
        while attempts < 400 {
            var start = 0
            var isSmaller = false
            while start < least.count, attempts < 400 {
                var candidate = least
                candidate.removeSubrange(start..<min(start + size, candidate.count))
                attempts += 1
                if !candidate.isEmpty, let found = try self.difference(candidate, by: actors, in: folder) {
                    least = Array(candidate.prefix(found.step + 1))
                    newest = found
                    isSmaller = true
                } else {
                    start += size
                }
            }
            if size == 1 && !isSmaller { break }
            if !isSmaller { size = max(1, size / 2) }
        }
        return (least, newest)
    }
}
