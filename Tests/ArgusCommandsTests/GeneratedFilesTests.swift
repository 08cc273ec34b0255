import ArgumentParser
import ArgusJournal
import ArgusMountKit
import Foundation
import Testing

@testable import ArgusCommands

/// The pages and completions that are kept beside the program are those that its definitions of commands make.
@Suite struct GeneratedFilesTests {
    private static let packaging = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "packaging")

    @Test("packaging/man/argusfs.1 is up to date; if not, run packaging/man/generate")
    func manPage() throws {
        let place = Self.packaging.appending(path: "man")
        let made = try Program([place.appending(path: "generate").path, "-"], input: ArgusCommand._dumpHelp()).wait()
        let kept = try String(contentsOf: place.appending(path: "argusfs.1"), encoding: .utf8)
        #expect(made.output == kept)
        #expect(made.status == 0)
    }

    @Test(
        "the completions are up to date; if not, run packaging/completions/generate",
        arguments: [("argusfs.bash", CompletionShell.bash), ("_argusfs", .zsh), ("argusfs.fish", .fish)])
    func completions(name: String, shell: CompletionShell) throws {
        let place = Self.packaging.appending(path: "completions/\(name)")
        let kept = try String(contentsOf: place, encoding: .utf8)
        #expect(
            ArgusCommand.completionScript(for: shell).trimmingCharacters(in: .newlines)
                == kept.trimmingCharacters(in: .newlines))
    }

    @Test(
        "mandoc finds nothing to say about a page",
        arguments: ["argusfs.1", "argusfs.conf.5", "argusfs-journal.7", "mount.argusfs.8"])
    func lint(name: String) throws {
        let page = Self.packaging.appending(path: "man/\(name)")
        let said = try Program(["/usr/bin/mandoc", "-Tlint", "-Wwarning", page.path]).wait()
        #expect(said.output == "")
        #expect(said.status == 0)
    }

    @Test("argusfs-journal(7) names every activity, and every member of the records that are kept as vectors")
    func journalPage() throws {
        let page = try String(contentsOf: Self.packaging.appending(path: "man/argusfs-journal.7"), encoding: .utf8)
        // `.Cm a , b` and `.Va a , b`, as items or in running text.
        let words = Set(page.split { $0.isWhitespace }.map(String.init))
        for activity in AuditActivity.allCases { #expect(words.contains(activity.name)) }
        let vectors = Self.packaging.appending(path: "../Tests/Vectors/journal/expected.ndjson")
        var members: Set<String> = []
        for line in try String(contentsOf: vectors, encoding: .utf8).split(separator: "\n") {
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            members.formUnion(try #require(record).keys)
        }
        #expect(members.count > 30)
        for member in members where !member.hasPrefix("field-") { #expect(words.contains(member), "\(member)") }
    }
}
