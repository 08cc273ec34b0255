import ArgusJournal
import Foundation
import Testing

@testable import ArgusCommands

/// Settings in files: what is read, in which order, and what is said of what cannot be read.
@Suite struct ConfigurationTests {
    @Test("a document gives its keys with their tables and lines")
    func document() {
        let document = TOMLDocument(
            """
            # a comment
            realm = "/srv/r\\u00e9alm" # and another
            count = -1_000
            [mount]
              options = [
                'noatime',   # one a line
                "a\\tb\\"",
              ]
            flag = true
            """)
        #expect(document.problems.isEmpty)
        #expect(
            document.entries == [
                .init(key: "realm", value: .string("/srv/réalm"), line: 2),
                .init(key: "count", value: .integer(-1000), line: 3),
                .init(key: "mount.options", value: .array([.string("noatime"), .string("a\tb\"")]), line: 5),
                .init(key: "mount.flag", value: .boolean(true), line: 9),
            ])
    }

    @Test(
        "what is wrong is told with its line and what to write instead",
        arguments: [
            ("realm = /srv/realm", 1, "write text in quotes: \"/srv/realm\""),
            ("\n\nrealm", 3, "write realm = VALUE"),
            ("realm = ", 1, "write one after the ="),
            ("realm = \"/srv", 1, "write \" there"),
            ("realm = '/srv", 1, "write ' there"),
            ("realm = \"\"\"x\"\"\"", 1, "write it on one"),
            ("realm = \"C:\\srv\"", 1, "write \\\\ for a backslash"),
            ("realm = 2026-11-24", 1, "write text in quotes"),
            ("realm = { a = 1 }", 1, "write [table]"),
            ("[[mount]]", 1, "write one [table]"),
            ("[mount", 1, "write [mount]"),
            ("[mount]\n[mount]", 2, "put its keys together"),
            ("mount.options = []", 1, "write the table: [mount]"),
            ("realm = '/a'\nrealm = '/b'", 2, "is set in line 1 already"),
            ("realm = '/a' key-file = '/b'", 1, "begin a new line"),
            ("\"realm\" = '/a'", 1, "without quotes"),
            ("[mount]\noptions = ['a' 'b']", 2, "write one"),
            ("[mount]\noptions = ['a',\n", 2, "write ]"),
            ("relm = '/a'", 1, "write realm"),
            ("colour = '/a'", 1, "the keys are realm, key-file, passphrase-file, mount.options, journal.max-size"),
            ("realm = 'srv'", 1, "write realm = \"/…\""),
            ("realm = 7", 1, "write realm = \"/…\""),
            ("[mount]\noptions = 'noatime'", 2, "write options = ["),
            ("[mount]\noptions = ['notime']", 2, "is no mount option"),
            ("[mount]\noptions = ['realm=/a']", 2, "write it at the top"),
            ("key-file = '/a'\npassphrase-file = '/b'", 2, "keep one"),
            ("[journal]\nmax-size = '1MiB'", 2, "no size of 2MiB or more"),
            ("[journal]\nmax-size = '1GB'", 2, "write max-size = \"1GiB\""),
            ("[journal]\nmax-size = 1048576", 2, "write max-size = \"1GiB\""),
            ("[journal]\nmax-size = '99999999999999999999TiB'", 2, "write max-size"),
            ("[journal]\nkeep-days = 0", 2, "write keep-days = 90"),
            ("[journal]\nkeep-days = '90'", 2, "write keep-days = 90"),
            ("[journal]\nkeep-all = 'yes'", 2, "neither true nor false"),
            ("[journal]\nmax-sise = '1GiB'", 2, "write journal.max-size"),
        ])
    func problems(text: String, line: Int, advice: String) throws {
        let place = try Place()
        try place.write(text, to: "argusfs.toml")
        let problems = SettingsFiles(place.path).read().problems
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.file == place.path + "/argusfs.toml")
        #expect(problem.line == line)
        #expect(problem.message.contains(advice), "\(problem.message)")
    }

    @Test("every problem is told, not the first alone")
    func severalProblems() throws {
        let place = try Place()
        try place.write("relm = '/a'\nkey-file = x\n[mount]\noptions = 3\n", to: "argusfs.toml")
        try place.write("what = 1\n", to: "argusfs.d/10.toml")
        #expect(SettingsFiles(place.path).read().problems.map(\.line) == [1, 2, 4, 1])
    }

    @Test("drop-ins come after the file, by name, and replace key by key")
    func order() throws {
        let place = try Place()
        try place.write("realm = '/first'\nkey-file = '/key'\n", to: "argusfs.toml")
        try place.write("realm = '/third'\n", to: "argusfs.d/20.toml")
        try place.write("realm = '/second'\npassphrase-file = '/words'\n", to: "argusfs.d/10.toml")
        try place.write("realm = '/never'\n", to: "argusfs.d/30.toml.bak")
        let (settings, files, problems) = SettingsFiles(place.path).read()
        #expect(problems.isEmpty)
        #expect(files.count == 3)
        #expect(settings.realm == "/third")
        // What opens the realm is one thing: a later way takes the place of an earlier one.
        #expect(settings.keyFile == nil)
        #expect(settings.passphraseFile == "/words")
        #expect(settings.origins["realm"] == place.path + "/argusfs.d/20.toml:1")
    }

    @Test("environment and command line have the last word")
    func precedence() {
        var invocation = Invocation(arguments: [], environment: [:], effectiveUID: 0)
        invocation.settings.realm = "/configured"
        invocation.settings.keyFile = "/configured.key"
        Invocation.$current.withValue(invocation) {
            let access = RealmAccess(realm: nil, keyFile: nil, passphraseFile: nil)
            #expect(access.path == "/configured")
            #expect(access.source == .keyFile("/configured.key"))
            #expect(
                RealmAccess(realm: "/given", keyFile: nil, passphraseFile: "/words").source
                    == .passphraseFile("/words"))
            #expect(RealmAccess(realm: "/given", keyFile: nil, passphraseFile: nil).path == "/given")
        }
        invocation.environment = ["ARGUS_REALM": "/named", "ARGUS_KEY_FILE": "/named.key"]
        Invocation.$current.withValue(invocation) {
            let access = RealmAccess(realm: nil, keyFile: nil, passphraseFile: nil)
            #expect(access.path == "/named")
            #expect(access.source == .keyFile("/named.key"))
        }
    }

    @Test("bounds of the journal come from the files, and are 1 GiB and 90 days where none says")
    func journal() throws {
        #expect(Settings().journalLimits == JournalLimits())
        #expect(JournalLimits().spoolByteCount == 1 << 30 && JournalLimits().retentionSeconds == 90 * 86_400)
        let place = try Place()
        try place.write("[journal]\nmax-size = '2MiB'\nkeep-days = 7\nkeep-all = true\n", to: "argusfs.toml")
        let small = SettingsFiles(place.path).read().settings.journalLimits
        #expect(small.spoolByteCount == 2 << 20 && small.segmentByteCount == 128 << 10)
        #expect(small.retentionSeconds == 7 * 86_400 && small.retention == .keepsAll)
        try place.write("[journal]\nmax-size = '8GiB'\n", to: "argusfs.d/10.toml")
        let large = SettingsFiles(place.path).read().settings.journalLimits
        #expect(large.spoolByteCount == 8 << 30 && large.segmentByteCount == JournalLimits().segmentByteCount)
        #expect(large.retention == .keepsAll)
    }

    @Test(
        "sizes are read and written in the unit that leaves nothing over",
        arguments: [("3MiB", UInt64(3 << 20)), ("1GiB", 1 << 30), ("1536KiB", 1536 << 10), ("2TiB", 2 << 40)])
    func sizes(text: String, bytes: UInt64) {
        #expect(ByteSize(text: text)?.bytes == bytes)
        #expect(ByteSize(bytes: bytes).text == text)
    }

    @Test("a file that others can write is not trusted")
    func trust() throws {
        let place = try Place()
        try place.write("realm = '/a'\n", to: "argusfs.toml", mode: 0o666)
        let problems = SettingsFiles(place.path).read().problems
        #expect(problems.count == 1)
        #expect(problems.first?.message.contains("chmod go-w") == true)
    }

    @Test("no files are no settings and no problem")
    func nothing() throws {
        let place = try Place()
        let (settings, files, problems) = SettingsFiles(place.path + "/missing").read()
        #expect(settings == Settings())
        #expect(files.isEmpty)
        #expect(problems.isEmpty)
    }

    @Test("any bytes are read or refused, never worse")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "[", "]", "=", "\"", "'", "\\", "\n", "#", ",", "a", "1", "-", ".", "{", "\\u", " ", "é", "\u{0}",
        ]
        for _ in 0..<2000 {
            let count = Int.random(in: 0..<40, using: &generator)
            let text = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            let document = TOMLDocument(text)
            let lineCount = text.split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(document.problems.allSatisfy { (1...lineCount).contains($0.line) }, "\(text.debugDescription)")
        }
    }

    /// A directory for configuration files, removed with its owner.
    private final class Place {
        let path: String

        init() throws {
            path = NSTemporaryDirectory() + "argus-configuration-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: path + "/argusfs.d", withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ text: String, to name: String, mode: Int = 0o644) throws {
            let file = "\(path)/\(name)"
            try text.write(toFile: file, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        }
    }
}
