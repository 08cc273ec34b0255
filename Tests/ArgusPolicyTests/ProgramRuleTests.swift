import ArgusPolicy
import Testing

@Suite struct ProgramRuleTests {
    private static let restic = FileKey(major: 8, minor: 1, inode: 4711)
    private static let digest = [UInt8](repeating: 0xab, count: 32)

    @Test(
        "rules are read as they are written",
        arguments: [
            "", "deny:/usr/bin/curl", "allow:*", "withhold:sha256:" + String(repeating: "0f", count: 32),
            "deny:file:8:1:4711,allow:/usr/bin/vim,deny:*,indexers",
        ])
    func roundTrip(text: String) throws {
        let rules = try #require(ProgramRules(text: text))
        #expect(ProgramRules(text: rules.text) == rules)
    }

    @Test(
        "what is no rule is refused",
        arguments: [
            "curl", "deny", "deny:", "deny:curl", "forbid:/usr/bin/curl", "deny:sha256:00", "deny:file:8:1",
            "deny:file:8:1:x", "deny:../curl", Array(repeating: "deny:*", count: 65).joined(separator: ","),
        ])
    func malformed(text: String) { #expect(ProgramRules(text: text) == nil) }

    @Test(
        "the first rule that matches decides",
        arguments: [
            ("", ProgramRule.Effect.allow, "program:unlisted"),
            ("deny:/usr/bin/restic", .deny, "program:deny:/usr/bin/restic"),
            ("deny:/usr/bin/other", .allow, "program:unlisted"),
            ("withhold:file:8:1:4711,deny:*", .withhold, "program:withhold:file:8:1:4711"),
            ("withhold:file:8:1:4712,deny:*", .deny, "program:deny:*"),
            (
                "allow:sha256:" + String(repeating: "ab", count: 32) + ",deny:*", .allow,
                "program:allow:sha256:" + String(repeating: "ab", count: 32)
            ),
        ])
    func decides(text: String, effect: ProgramRule.Effect, rule: String) throws {
        let rules = try #require(ProgramRules(text: text))
        let facts = ProgramFacts(
            path: "/usr/bin/restic", file: Self.restic, digest: Self.digest, samePaths: ["/usr/bin/restic"])
        let decision = decideProgram(facts, by: rules)
        #expect(decision.effect == effect)
        #expect(decision.rule == rule)
    }

    @Test("a program whose name alone fits a rule is not the program")
    func forgedPath() throws {
        let rules = try #require(ProgramRules(text: "allow:/usr/bin/vim,deny:*"))
        let forged = ProgramFacts(path: "/usr/bin/vim", file: FileKey(major: 0, minor: 77, inode: 1))
        #expect(decideProgram(forged, by: rules).effect == .deny)
    }

    @Test("a program that cannot be resolved is refused where a folder has rules of its own, and nowhere else")
    func unresolved() throws {
        let facts = ProgramFacts(path: "")
        #expect(decideProgram(facts, by: ProgramRules()).effect == .allow)
        #expect(decideProgram(facts, by: try #require(ProgramRules(text: "allow:*"))).rule == "program:unresolved")
    }

    @Test(
        "indexers and thumbnailers are refused unless the folder lets them in",
        arguments: [
            "/usr/libexec/tracker-miner-fs-3", "/usr/bin/baloo_file", "/usr/lib/x86_64-linux-gnu/tumbler-1/tumblerd",
            "/usr/bin/evince-thumbnailer (deleted)", "/usr/sbin/updatedb.plocate",
        ])
    func indexers(path: String) throws {
        let facts = ProgramFacts(path: path, file: Self.restic)
        #expect(decideProgram(facts, by: ProgramRules()).rule == "program:no-indexers")
        #expect(decideProgram(facts, by: try #require(ProgramRules(text: "indexers"))).effect == .allow)
        let named = try #require(ProgramRules(text: "allow:file:8:1:4711"))
        #expect(decideProgram(facts, by: named).effect == .allow)
    }
}
