internal import ArgumentParser
internal import ArgusRealm

/// `argusfs check`: authenticates everything that a folder consists of.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Verify every byte of a folder on storage.",
        discussion: """
            Each finding says what was found, where, and what to do. A mounted folder goes on being used meanwhile; what an \
            unclean end left is repaired when it is not mounted. Exit status: 0, all is well; 1, there are findings, \
            repaired or not; 2, the folder could not be checked.

              argusfs check plans
              argusfs check plans --repair
              argusfs check plans --accept
            """)

    @Argument(help: "The folder's name.") var name: String
    @Flag(help: "Repair what can be repaired without losing anything that is still readable.") var repair = false
    @Flag(
        help:
            "Take an index that was put back to an older state for the newest, and record that: where nothing newer is left."
    )
    var accept = false
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let findings: [CheckReport]
        let progress = Progress()
        do throws(CommandError) {
            defer { progress.clear() }
            findings = try examine(showing: progress)
        } catch {
            throw CommandError(error.subject, error.message, exitStatus: .couldNotCheck)
        }
        if listing.json {
            try JSONOutput.print(findings)
        } else {
            for finding in findings { try Standard.outputLine(finding.line) }
            if findings.isEmpty { try Standard.outputLine("\(Table.printable(name)): clean") }
        }
        if !findings.isEmpty { throw ExitStatusOnly(exitStatus: .failure) }
    }

    private func examine(showing progress: Progress) throws(CommandError) -> [CheckReport] {
        let open = try realm.openRealm()
        let folder = try realmResult(name) { () throws(RealmError) in try open.folder(named: name) }
        if let driver = try open.driver(of: folder) {
            if accept {
                throw CommandError(name, "is in use, and so is the newest there is; check it without --accept")
            }
            do throws(ControlClient.Failure) {
                return try examine(with: driver, showing: progress)
            } catch {
                throw CommandError(name, error.message)
            }
        }
        return try realmResult(name) { () throws(RealmError) in
            let administration = try open.administration(ofFolder: name)
            defer { administration.close() }
            let accepted = accept ? try administration.accept() : nil
            let findings = try administration.check(repair: repair) { step in
                progress.show(CheckProgressReport(step).text)
            }
            return ((accepted.map { [$0] } ?? []) + findings).map(CheckReport.init)
        }
    }

    private func examine(with driver: borrowing ControlClient, showing progress: Progress)
        throws(ControlClient.Failure) -> [CheckReport]
    {
        try driver.ask(.check(repair: repair))
        var findings: [CheckReport] = []
        while true {
            switch try driver.reply() {
            case .progress(let step): progress.show(step.text)
            case .finding(let finding): findings.append(finding)
            case .done: return findings
            default: throw .broken
            }
        }
    }
}

extension CheckProgressReport {
    init(_ step: CheckProgress) {
        self.init(
            phase: "\(step.phase)", doneFiles: step.doneFiles, totalFiles: step.totalFiles, doneBytes: step.doneBytes)
    }

    var text: String {
        let total = totalFiles > 0 ? " of \(totalFiles)" : ""
        return "\(phase): \(doneFiles)\(total) files, \(byteCountText(doneBytes)) verified"
    }
}

extension CheckReport {
    init(_ finding: CheckFinding) {
        self.init(
            kind: finding.kind.rawValue, path: finding.path.map { String(decoding: $0, as: UTF8.self) },
            detail: finding.detail, advice: finding.advice, repaired: finding.isRepaired)
    }

    /// `kind: path: detail; advice (repaired)`
    var line: String {
        let place = path.map { Table.printable($0) + ": " } ?? ""
        return "\(kind): \(place)\(detail)\(advice.isEmpty ? "" : "; \(advice)")\(repaired ? " (repaired)" : "")"
    }
}
