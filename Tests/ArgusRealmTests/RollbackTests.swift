import ArgusCore
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

/// Index, anchor and capsules are put back together, as they were at some moment, and the journal is not.
@Suite("The journal gives away an index that was put back with its anchor")
struct RollbackTests {
    /// When what is put back was copied.
    enum Moment: CaseIterable, Sendable {
        /// At rest, before the folder was used.
        case atRest
        /// In the middle of the use.
        case inUse
    }

    /// How the folder went on.
    enum Ending: CaseIterable, Sendable { case clean, unclean, uncleanThenUsed }

    private let directory = RealmDirectory()
    private let realm: Realm
    private let folder: FolderSummary
    private var place: String { directory.path + "/" + directory.place(of: folder) }
    private var kept: String { directory.path + "/kept" }

    init() throws {
        realm = try directory.create().realm
        folder = try realm.folder("plans", file: "a", content: [1])
    }

    private func records(_ activity: AuditActivity) throws -> [JournalRecord] {
        var found: [JournalRecord] = []
        let keys = JournalAuditKeys.derive(masterKey: realm.exportMasterKey(), realm: realm.id)
        try JournalReader(directory: DirectoryHandle(path: directory.realmPath + "/journal"), keys: keys)
            .read(folder: folder.id) { record in
                if record.activity == activity { found.append(record) }
                return true
            }
        return found
    }

    private func copyAll() throws { try #require(run("cp", "-a", place, kept)) }

    private func putBack(_ parts: [String]) throws {
        for part in parts {
            try #require(run("rm", "-rf", "\(place)/\(part)"))
            try #require(run("cp", "-a", "\(kept)/\(part)", "\(place)/\(part)"))
        }
    }

    /// Uses the folder, with a copy of it at `moment`.
    private func useCopying(at moment: Moment, ending: Ending) throws {
        if moment == .atRest { try copyAll() }
        let open = try realm.openFolder(named: "plans", mode: .mount)
        let session = try FolderSession(open.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        try session.write([1], to: "v", synchronizes: true)
        try session.synchronize()
        if moment == .inUse { try copyAll() }
        try session.write([2, 2], to: "w", synchronizes: true)
        try session.remove("a")
        try session.synchronize()
        try session.end()
        try open.close(isClean: ending == .clean)
        if ending == .uncleanThenUsed { try realm.use("plans") { try $0.write([3], to: "x") } }
    }

    private func isRolledBack(_ finding: CheckFinding) -> Bool {
        finding.kind == .rolledBack && finding.path == nil && finding.detail.contains("older than the journal knows")
    }

    static let cases = Moment.allCases.flatMap { moment in
        Ending.allCases.flatMap { ending in
            [["index", "anchor"], ["index", "anchor", "store"]].map { (moment, ending, $0) }
        }
    }

    @Test("put back, it is found by a check, refused by a mount and recorded, as often as one looks", arguments: cases)
    func putBack(moment: Moment, ending: Ending, parts: [String]) throws {
        try useCopying(at: moment, ending: ending)
        #expect(try realm.findings("plans").isEmpty)
        try putBack(parts)
        let before = try files()
        for count in 1...2 {
            #expect(try realm.findings("plans").contains(where: isRolledBack))
            // Neither is it made to look newer.
            #expect(try realm.findings("plans", repair: true).contains(where: isRolledBack))
            #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .rolledBack)
            #expect(failure { try realm.openFolder(named: "plans", mode: .mountReadOnly) }?.kind == .rolledBack)
            #expect(failure { try realm.rotateKey(ofFolder: "plans") }?.kind == .rolledBack)
            #expect(failure { try realm.listing("plans") }?.kind == .rolledBack)
            let reasons = try records(.integrity).map(\.reason)
            #expect(reasons.count == 2 * count)
            #expect(reasons.allSatisfy { $0.hasPrefix("the index is older than the journal knows: it has commit ") })
            #expect(try files() == before)
        }
    }

    /// What lies on storage of the folder, but for its lock.
    private func files() throws -> [String: [UInt8]] {
        Dictionary(
            uniqueKeysWithValues: directory.files("realm/folders").filter { !$0.hasSuffix("/lock") }.map {
                ($0, directory.bytes($0))
            })
    }

    @Test("the newest state opens again, and the record stays")
    func broughtBack() throws {
        try useCopying(at: .inUse, ending: .clean)
        try #require(run("cp", "-a", place, directory.path + "/newest"))
        try putBack(["index", "anchor", "store"])
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .rolledBack)
        try #require(run("rm", "-rf", place))
        try #require(run("cp", "-a", directory.path + "/newest", place))
        try realm.use("plans") { session throws in #expect(try session.read("w") == [2, 2]) }
        #expect(try realm.findings("plans").isEmpty)
        #expect(try records(.integrity).count == 1)
    }

    @Test("an older state that is accepted is used, recorded, and given away when it comes back once more")
    func accepted() throws {
        try useCopying(at: .inUse, ending: .clean)
        try putBack(["index", "anchor", "store"])
        let administration = try realm.administration(ofFolder: "plans")
        #expect(try administration.accept()?.isRepaired == true)
        #expect(try administration.accept() == nil)
        administration.close()
        #expect(try records(.recover).last?.reason.hasPrefix("accepted as it is: the index is older") == true)
        #expect(try !realm.findings("plans").contains(where: isRolledBack))
        try realm.use("plans") { session throws in
            #expect(try session.read("v") == [1])
            #expect(try session.read("w") == nil)
            try session.write([4], to: "y")
        }
        #expect(try realm.findings("plans", repair: true).allSatisfy(\.isRepaired))
        #expect(try realm.findings("plans").isEmpty)
        try putBack(["index", "anchor", "store"])
        #expect(try realm.findings("plans").contains(where: isRolledBack))
    }

    @Test("there is nothing to accept where nothing was put back", arguments: Ending.allCases)
    func nothingToAccept(ending: Ending) throws {
        try useCopying(at: .inUse, ending: ending)
        let administration = try realm.administration(ofFolder: "plans")
        defer { administration.close() }
        #expect(try administration.accept() == nil)
    }

    @Test("a restored realm is no rollback, though its journal went on after its index was copied")
    func restored() throws {
        let open = try realm.openFolder(named: "plans", mode: .mount)
        let session = try FolderSession(open.parts, uid: getuid(), bootID: RealmDirectory.bootID)
        nonisolated(unsafe) var count = 0
        _ = try realm.backup(to: directory.path + "/backup", includesCapsules: true) { _ in
            // Between any two files of the backup.
            count += 1
            try? session.write([1], to: "file \(count)")
            try? session.synchronize()
        }
        try session.end()
        try open.close()
        let target = directory.path + "/restored"
        let (other, _) = try Realm.restore(
            from: directory.path + "/backup", to: target,
            unlock: .passphrase(secret(RealmDirectory.passphrase)))
        #expect(count > 3)
        #expect(try !other.findings("plans").contains { $0.kind == .rolledBack || $0.kind == .index })
        try other.use("plans") { session throws in #expect(try session.read("a") == [1]) }
        #expect(try !other.findings("plans").contains { $0.kind == .rolledBack || $0.kind == .index })
    }

    @Test(
        "what is in a backup does not pass for the newest where it is put into the realm by hand",
        arguments: [true, false])
    func backupByHand(isInUse: Bool) throws {
        func backUp() throws {
            _ = try realm.backup(to: directory.path + "/backup", includesCapsules: true) { _ in }
        }
        if isInUse { try realm.use("plans") { _ in try backUp() } } else { try backUp() }
        try realm.use("plans") { try $0.write([2], to: "b") }
        try #require(run("tar", "-xf", directory.path + "/backup", "-C", directory.realmPath, "folders"))
        #expect(
            try realm.findings("plans").contains {
                $0.kind == .rolledBack && $0.detail == "the index is one from a backup, which was not restored"
            })
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .rolledBack)
        let administration = try realm.administration(ofFolder: "plans")
        #expect(try administration.accept()?.isRepaired == true)
        administration.close()
        try realm.use("plans") { session throws in #expect(try session.read("a") == [1]) }
    }

    @Test("a mount that the index does not know of is found where no record names a root")
    func unknownMount() throws {
        let keys = JournalKeys.derive(masterKey: realm.exportMasterKey(), realm: realm.id)
        let journal = try Journal(
            directory: DirectoryHandle(path: directory.realmPath + "/journal"), keys: keys, folder: folder.id,
            device: DeviceID(high: 7, low: 8), clock: SystemClock())
        try journal.append(
            AuditEvent(
                activity: .mount, status: .success, actor: AuditActor(uid: 0, person: "", process: .none)))
        try journal.close()
        #expect(
            try realm.findings("plans").map(\.detail)
                == ["the journal has mounts that the index does not know of: the folder is older than it was"])
    }

    @Test("an index that cannot be opened is refused, and that is recorded")
    func unreadable() throws {
        let object = try #require(directory.objects(in: directory.place(of: folder) + "/index").first)
        unlink(directory.path + "/" + object)
        #expect(failure { try realm.openFolder(named: "plans", mode: .mount) }?.kind == .indexDamaged)
        #expect(try records(.integrity).count == 1)
    }
}
