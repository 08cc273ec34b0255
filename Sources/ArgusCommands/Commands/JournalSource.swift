internal import ArgusCore
internal import ArgusIdentity
internal import ArgusJournal
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// The journal of a realm, opened for reading.
struct JournalSource {
    enum Form { case json, columns }

    /// Stands for what was done to the realm; no folder's name begins with a dash.
    static let realmItself = "-"

    private let spool: DirectoryHandle
    private let keys: JournalAuditKeys
    private let folder: FolderID?
    private let names: [FolderID: String]
    /// Accounts by the id of the person.
    private let accounts: [String: String]
    private let realm: Realm
    private let folders: [FolderSummary]
    /// Why the records of other folders cannot be read.
    private let damaged: [RealmError]
    /// How often a followed journal is looked at; records come in batches of 100 ms.
    private static let pollMicroseconds: UInt32 = 200_000

    init(_ realm: Realm, folder name: String?) throws(CommandError) {
        self.realm = realm
        let (folders, damaged) = try realmResult(realm.path) { () throws(RealmError) in
            try realm.readableFolders(listedFor: nil)
        }
        self.folders = folders
        self.damaged = damaged
        names = Dictionary(
            folders.map { ($0.id, $0.name) } + [(Realm.actsFolder, Self.realmItself)],
            uniquingKeysWith: { first, _ in first })
        accounts = Dictionary(
            realm.identity.persons.map { ($0.id.hex, $0.account) }, uniquingKeysWith: { first, _ in first })
        folder = try name.map { name throws(CommandError) in
            if name == Self.realmItself { return Realm.actsFolder }
            // Folders that were deleted have no name any more, and their records stay.
            if !folders.contains(where: { $0.name == name }), let id = FolderID(hex: name) { return id }
            return try realmResult(name) { () throws(RealmError) in try realm.folder(named: name).id }
        }
        keys = JournalAuditKeys.derive(masterKey: realm.exportMasterKey(), realm: realm.id)
        do throws(SystemError) {
            spool = try DirectoryHandle(path: "\(realm.path)/journal")
        } catch {
            throw CommandError(
                realm.path, "its journal cannot be read (\(error.description)); was it moved or deleted?")
        }
    }

    func show(_ filter: JournalFilter, as form: Form) throws(CommandError) {
        var printer = JournalPrinter(form: form, names: names, accounts: accounts)
        var failure: CommandError?
        let findings = try read { () throws(JournalFinding) in
            try JournalReader(directory: spool, keys: keys).readWhatFits(folder: folder) { record in
                guard filter.admits(record) else { return true }
                do throws(CommandError) { try printer.print(record) } catch { failure = error }
                return failure == nil
            }
        }
        if let failure { throw failure }
        try printer.flush()
        try JournalProblem.end(with: findings.map(problem))
    }

    func tail(_ filter: JournalFilter, count: Int, follows: Bool, as form: Form) throws(CommandError) {
        var printer = JournalPrinter(form: form, names: names, accounts: accounts)
        let follower = try read { () throws(JournalFinding) in
            try JournalReader(directory: spool, keys: keys).follower(folder: folder, fromBeginning: true)
        }
        var newest: [JournalRecord] = []
        let findings = try read { () throws(JournalFinding) in
            try follower.poll { record in
                guard filter.admits(record) else { return }
                newest.append(record)
                // Streams come one after another, not by time: what is kept is cut now and then.
                if newest.count > 2 * count + 1000 { newest = Self.newest(count, of: newest) }
            }
        }
        try print(Self.newest(count, of: newest), with: &printer)
        guard follows else { return try JournalProblem.end(with: findings.map(problem)) }
        for finding in findings { problem(finding).tell() }
        while true {
            usleep(Self.pollMicroseconds)
            var added: [JournalRecord] = []
            let findings = try read { () throws(JournalFinding) in
                try follower.poll { if filter.admits($0) { added.append($0) } }
            }
            try print(added, with: &printer)
            for finding in findings { problem(finding).tell() }
        }
    }

    /// Looks at all there is, whatever part of it does not fit or cannot be asked. `noted`: what somebody kept elsewhere.
    func verify(expecting noted: [JournalHead]) throws(CommandError) -> JournalVerification {
        let progress = Progress()
        defer { progress.clear() }
        var count = 0
        var problems: [JournalProblem] = []
        var heads = noted.filter { folder == nil || $0.folder == folder }
        for error in damaged where folder == nil || error.folder == folder?.hex {
            problems.append(JournalProblem(folder: error.folder ?? realm.path, message: error.message))
        }
        for known in folders where folder == nil || known.id == folder {
            do throws(CommandError) {
                heads += try self.heads(of: known)
            } catch {
                problems.append(JournalProblem(folder: known.name, message: error.message))
            }
        }
        let memory = try realmResult(realm.path) { () throws(RealmError) in try realm.journalMemory() }
        heads += memory.heads.filter { folder == nil || $0.folder == folder }
        for finding in memory.findings where folder == nil || finding.folder == folder {
            problems.append(JournalProblem(folder: name(of: finding.folder), message: finding.message))
        }
        let report = try read { () throws(JournalFinding) in
            try JournalVerifier(directory: spool, keys: keys).examine(
                folder: folder, expecting: heads, made: memory.made
            ) { _ in
                count += 1
                progress.show("\(count) records verified")
            }
        }
        return JournalVerification(
            report, removals: report.removals.map { .init($0, of: name(of: $0.folder)) },
            findings: problems + report.findings.map(problem))
    }

    /// The heads that stand for the journal as it is now.
    func heads() throws(CommandError) -> (list: JournalHeadList, problems: [JournalProblem]) {
        let (heads, findings) = try read { () throws(JournalFinding) in
            try SpoolHeads(directory: spool, keys: keys).read(witness: .auditor)
        }
        return (JournalHeadList(realm: realm.id, heads: heads), findings.map(problem))
    }

    /// The newest records that a folder knows of, from its driver where one runs and otherwise from what is at rest.
    private func heads(of folder: FolderSummary) throws(CommandError) -> [JournalHead] {
        if let driver = try realm.driver(of: folder) {
            do throws(ControlClient.Failure) { return try driver.journalHeads(of: folder.id) } catch {
                throw CommandError(folder.name, error.message)
            }
        }
        return try realmResult(folder.name) { () throws(RealmError) in
            let open = try realm.openFolder(named: folder.name, mode: .inspect)
            defer { try? open.close() }
            return try open.journalHeads()
        }
    }

    private func print(_ records: [JournalRecord], with printer: inout JournalPrinter) throws(CommandError) {
        for record in records { try printer.print(record) }
        try printer.flush()
    }

    private static func newest(_ count: Int, of records: [JournalRecord]) -> [JournalRecord] {
        Array(records.sorted { ($0.time, $0.sequence) < ($1.time, $1.sequence) }.suffix(count))
    }

    private func name(of folder: FolderID) -> String { names[folder] ?? folder.hex }

    private func problem(_ finding: JournalFinding) -> JournalProblem {
        JournalProblem(folder: finding.folder.map(name) ?? "journal", message: finding.message)
    }

    /// Runs what fails only where the spool cannot be read at all.
    private func read<Value>(_ body: () throws(JournalFinding) -> Value) throws(CommandError) -> Value {
        do throws(JournalFinding) { return try body() } catch { throw CommandError("journal", error.message) }
    }
}
