import Foundation
import Testing

/// What ARCHITECTURE.md says is absent, and what the documents refer to.
@Suite struct ArchitectureTests {
    /// Text that may stand in the sources of some targets only.
    struct Absence: Sendable, CustomTestStringConvertible {
        let pattern: String
        let allowed: Set<String>
        var testDescription: String { pattern }
    }

    @Test(
        "only the targets that ARCHITECTURE.md names use it",
        arguments: [
            Absence(pattern: "import CLibcrypto", allowed: ["ArgusCrypto"]),
            Absence(pattern: "import CFuse3", allowed: ["ArgusFUSE"]),
            Absence(pattern: "import CSQLite3", allowed: ["ArgusIndex"]),
            Absence(pattern: "import Logging", allowed: ["ArgusFUSE", "ArgusCommands"]),
            Absence(pattern: "import ArgumentParser", allowed: ["ArgusCommands"]),
            Absence(pattern: "import FoundationEssentials", allowed: ["ArgusRealm", "ArgusCommands", "ArgusMountKit"]),
            Absence(pattern: "import Foundation\n", allowed: []),
            Absence(pattern: "getenv(", allowed: ["ArgusMountKit", "ArgusTestKit"]),
            Absence(pattern: " environ\n", allowed: ["argusfs"]),
            Absence(pattern: " await ", allowed: ["ArgusTestKit"]),
        ])
    func absence(_ absence: Absence) throws {
        for (target, file, text) in try sources() where !absence.allowed.contains(target) {
            #expect(!text.contains(absence.pattern), "\(target)/\(file)")
        }
    }

    @Test(
        "a target that makes no system call has no way to",
        arguments: [
            ("ArgusCore", ["Glibc", "ArgusSystem", "CArgusLinux"]), ("ArgusPolicy", ["Glibc", "ArgusSystem"]),
            ("ArgusFS", ["CArgusLinux"]), ("ArgusCapsule", ["CArgusLinux"]),
        ])
    func missingImports(target: String, modules: [String]) throws {
        for (_, file, text) in try sources().filter({ $0.target == target }) {
            for module in modules { #expect(!text.contains("import \(module)\n"), "\(target)/\(file)") }
        }
    }

    @Test("the filesystem uses the C library for memory alone")
    func filesystem() throws {
        let users = try sources().filter { $0.target == "ArgusFS" && $0.text.contains("import Glibc\n") }
        #expect(Set(users.map(\.file)) == ["FileContent.swift", "PagePool.swift"])
    }

    @Test("capsules and stores know no names", arguments: ["ArgusCapsule", "ArgusStore"])
    func names(target: String) throws {
        for (_, file, text) in try sources().filter({ $0.target == target }) {
            #expect(!text.contains("FileName"), "\(target)/\(file)")
        }
    }

    @Test("every target has its line in ARCHITECTURE.md")
    func targets() throws {
        let page = try String(contentsOf: Self.root.appending(path: "ARCHITECTURE.md"), encoding: .utf8)
        for target in try FileManager.default.contentsOfDirectory(atPath: Self.root.path + "/Sources") {
            #expect(page.contains("`\(target)`"), "\(target)")
        }
    }

    @Test("every link between documents leads to a file", arguments: try documents())
    func links(document: String) throws {
        let place = Self.root.appending(path: document)
        let text = try String(contentsOf: place, encoding: .utf8)
        for match in text.matches(of: /\]\(([^)\s#]+)(#[^)\s]*)?\)/) {
            let target = String(match.output.1)
            if target.contains("://") { continue }
            let path = place.deletingLastPathComponent().appending(path: target).standardized.path
            #expect(FileManager.default.fileExists(atPath: path), "\(document): \(target)")
        }
    }

    @Test("docs/README.md lists every document below it")
    func index() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/README.md"), encoding: .utf8)
        for document in try Self.documents() where document.hasPrefix("docs/") && document != "docs/README.md" {
            #expect(page.contains("(\(document.dropFirst("docs/".count)))"), "\(document)")
        }
    }

    @Test("every test that a document names is there", arguments: try documents())
    func namedTests(document: String) throws {
        let names = try Self.testNames()
        let text = try String(contentsOf: Self.root.appending(path: document), encoding: .utf8)
        for match in text.matches(of: /`([A-Za-z]+Tests)`/) {
            let name = String(match.output.1)
            #expect(names.contains(name), "\(document): \(name)")
        }
    }

    // MARK: The tree

    /// Suites and targets.
    private static func testNames() throws -> Set<String> {
        let place = root.appending(path: "Tests")
        var names = Set(try FileManager.default.contentsOfDirectory(atPath: place.path))
        for path in try FileManager.default.subpathsOfDirectory(atPath: place.path) where path.hasSuffix(".swift") {
            let text = try String(contentsOf: place.appending(path: path), encoding: .utf8)
            for match in text.matches(of: /(?:struct|class|enum) ([A-Za-z]+Tests)\b/) {
                names.insert(String(match.output.1))
            }
        }
        return names
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func sources() throws -> [(target: String, file: String, text: String)] {
        let place = Self.root.appending(path: "Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: place.path).filter { $0.hasSuffix(".swift") }
        try #require(paths.count > 100)
        return try paths.map { path in
            (
                String(path.prefix { $0 != "/" }), String(path.split(separator: "/").last ?? ""),
                try String(contentsOf: place.appending(path: path), encoding: .utf8)
            )
        }
    }

    private static func documents() throws -> [String] {
        let top = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".md") }
        let below = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: "docs").path)
            .filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }
        return top + below
    }
}
