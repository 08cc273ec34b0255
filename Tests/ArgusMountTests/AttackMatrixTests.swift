import ArgusMountKit
import Glibc
import Testing

/// Every shape of content against everything that can be done to its capsule, each pair in a file of its own.
@Suite("What is done to capsules gives EIO for exactly what is affected, a record, and a finding", .tags(.fuse))
struct AttackMatrixTests {
    private typealias Victim = AttackedFolder.Victim

    @Test("at rest, while a file is open, and while it is written")
    func everything() throws {
        let attacked = try AttackedFolder()
        #expect(try attacked.findings().isEmpty)
        try atRest(attacked)
        try attacked.heal()
        try whileOpen(attacked)
        try attacked.heal()
        try whileWritten(attacked)
    }

    private func atRest(_ attacked: AttackedFolder) throws {
        var pages: [String: Int] = [:]
        var changed: Set<String> = []
        for victim in attacked.victims {
            pages[victim.name] = victim.attack.page(of: victim.capsule)
            if try attacked.attack(victim) { changed.insert(victim.name) }
        }
        #expect(changed.count > 400)
        let findings = try attacked.findings()
        #expect(Set(findings.keys).subtracting([""]) == changed)
        for (name, page) in pages where changed.contains(name) {
            let told = findings[name, default: []].map(\.what)
            #expect(
                told.contains {
                    $0.contains("page \(page) ") || $0.contains("page \(page),") || $0.contains("free pages")
                }, "\(name): \(told)")
        }

        try attacked.folder.mount()
        var broken: Set<String> = []
        for victim in attacked.victims {
            let failed = judge(victim, victim.file.read())
            if !failed.isEmpty { broken.insert(victim.name) }
            expectExactly(failed, findings[victim.name, default: []], victim)
        }
        expectUntouched(attacked)
        let records = try attacked.integrityRecords()
        #expect(broken.subtracting(records.keys) == [], "not recorded")
        #expect(Set(records.keys).subtracting(changed) == [], "recorded without a cause")
        for name in broken { expectSameWords(records[name, default: []], findings[name, default: []], name) }
        try attacked.folder.unmount()
    }

    private func whileOpen(_ attacked: AttackedFolder) throws {
        try attacked.folder.mount()
        var changed: Set<String> = []
        var failed: [String: Set<UInt64>] = [:]
        for victim in attacked.victims {
            let file = Glibc.open(victim.file.path, O_RDONLY | O_CLOEXEC)
            try #require(file >= 0)
            defer { close(file) }
            #expect(judge(victim, victim.file.read(from: file)) == [])
            if try attacked.attack(victim) { changed.insert(victim.name) }
            #expect(KnownFile.passCache(file))
            failed[victim.name] = judge(victim, victim.file.read(from: file))
        }
        expectUntouched(attacked)
        // Opened anew, with the folder still mounted.
        for victim in attacked.victims { failed[victim.name]?.formUnion(judge(victim, victim.file.read())) }
        try expectRecords(of: failed, attacked)
        try attacked.folder.unmount()

        let findings = try attacked.findings()
        #expect(Set(findings.keys).subtracting([""]) == changed)
        for victim in attacked.victims {
            let (found, failed) = (findings[victim.name, default: []], failed[victim.name, default: []])
            expectAtMost(failed, found, victim)
            for finding in found {
                // No reader is served a page from before.
                guard case .page(let page) = finding.effect, victim.file.shape.probes.contains(page) else { continue }
                #expect(failed.contains(page), "\(victim.name), \(victim.attack): \(finding)")
            }
        }
    }

    private func whileWritten(_ attacked: AttackedFolder) throws {
        try attacked.folder.mount()
        var failed: [String: Set<UInt64>] = [:]
        var files: [String: KnownFile] = [:]
        // Each waits for the disk twice: the shapes that differ in what writing does.
        let victims = attacked.victims.filter {
            [.byte, .pageMore, .oneLevel, .threeLevels].contains($0.file.shape) && !$0.attack.isOneOfManyBytes
        }
        for victim in victims {
            var known = victim.file
            let file = Glibc.open(known.path, O_RDWR | O_CLOEXEC)
            try #require(file >= 0)
            defer { close(file) }
            #expect(known.change(in: file) && fsync(file) == 0)
            _ = try attacked.attack(victim)
            #expect(KnownFile.passCache(file))
            failed[victim.name] = judge(victim, known.read(from: file))
            // The same once more: refused or not, it is what a reader may find.
            _ = known.write(to: file)
            fsync(file)
            files[victim.name] = known
        }
        expectUntouched(attacked)
        try expectRecords(of: failed, attacked)
        try attacked.folder.unmount()

        let findings = try attacked.findings()
        try attacked.folder.mount()
        for victim in victims {
            let failed = judge(victim, try #require(files[victim.name]).read())
            expectExactly(failed, findings[victim.name, default: []], victim)
        }
        expectUntouched(attacked)
    }

    // MARK: Expectations

    /// The pages that gave EIO. Each other one must have given what was written.
    private func judge(_ victim: Victim, _ readings: [UInt64: KnownFile.Reading]) -> Set<UInt64> {
        for (page, reading) in readings where reading != .right && reading != .failed(EIO) {
            Issue.record("\(victim.name), \(victim.attack): page \(page) is \(reading)")
        }
        return Set(readings.filter { $0.value != .right }.keys)
    }

    private func expectUntouched(_ attacked: AttackedFolder) {
        for file in attacked.bystanders {
            #expect(file.read().values.allSatisfy { $0 == .right }, "\(file.path) was not attacked")
        }
    }

    private func expectExactly(_ failed: Set<UInt64>, _ findings: [StorageFinding], _ victim: Victim) {
        guard let wrong = StorageFinding.mismatch(findings, failed, of: victim.file.shape.probes) else { return }
        Issue.record("\(victim.name), \(victim.attack): \(wrong); \(findings)")
    }

    /// What an open file gives is not more than what the findings mean: the driver may know the rest.
    private func expectAtMost(_ failed: Set<UInt64>, _ findings: [StorageFinding], _ victim: Victim) {
        let effects = Set(StorageFinding.effects(of: findings))
        guard !effects.contains(.whole), !effects.contains(.map) else { return }
        let pages = Set(effects.compactMap { if case .page(let page) = $0 { page } else { nil } })
        #expect(failed.isSubset(of: pages), "\(victim.name), \(victim.attack): \(findings)")
    }

    private func expectRecords(of failed: [String: Set<UInt64>], _ attacked: AttackedFolder) throws {
        let records = try attacked.integrityRecords()
        #expect(Set(failed.filter { !$0.value.isEmpty }.keys).subtracting(records.keys) == [], "not recorded")
    }

    /// A record says what and where, as the check does: the first finding of a page that is read, or why none can be.
    private func expectSameWords(_ reasons: Set<String>, _ findings: [StorageFinding], _ name: String) {
        let words = findings.filter { $0.effect != .none }.map(\.recorded)
        let isTold = reasons.contains { reason in words.contains { reason.contains($0) } }
        #expect(isTold, "\(name): \(reasons), and check: \(findings)")
    }
}
