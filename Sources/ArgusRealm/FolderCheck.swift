internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// One check of everything that a folder consists of, at rest or in use.
///
/// A folder in use goes on meanwhile. Its index is examined in a copy, as it was at one moment; what each capsule has
/// to be is asked of the volume when its turn comes. What looks wrong is looked at again while nobody changes it, so
/// that a finding is never a change that came in between.
final class FolderCheck {
    /// Findings reported; more say nothing new about broken storage.
    static let maxFindingCount = 10_000
    /// Rows read from the index at a time.
    static let sliceCount = 256

    let folder: CheckedFolder
    /// An index that is older than it was is left as it is: every commit makes it look newer.
    private(set) var repairs: Bool
    private let report: (CheckProgress) -> Bool
    private var findings: [CheckFinding] = []
    var progress = CheckProgress(phase: .index, doneFiles: 0, totalFiles: 0, doneBytes: 0)
    /// The objects that rows, and the list of what is to be deleted, account for.
    var known: Set<ObjectName> = []

    /// Once `report` returns false the check ends, with an error.
    init(folder: CheckedFolder, repairs: Bool, report: @escaping (CheckProgress) -> Bool) {
        self.folder = folder
        self.repairs = repairs
        self.report = report
    }

    /// `present`: what was on storage before the index was copied, for a folder in use.
    func run(present: StoredObjects? = nil) throws(RealmError) -> [CheckFinding] {
        try tellProgress()
        guard try examineIndexCapsule() else { return findings }
        let index = try folder.place.open(writable: repairsIndex)
        do throws(RealmError) {
            for finding in try indexCall({ () throws(IndexError) in try index.verify() }) {
                add(CheckFinding(.index, finding, advice: Self.indexAdvice))
            }
            try examineJournal(index)
            if repairsIndex { try folder.place.noteOpen(index) }
            try examineCapsules(index)
            if let present {
                try examineObjects(present, index)
            } else {
                try examineObjects(StoredObjects(folder.store), index)
            }
        } catch {
            // A page that opening did not need. What was found so far holds; nothing is repaired by half an index.
            guard error.kind == .indexDamaged else { throw error }
            if !findings.contains(where: { $0.kind == .index }) { add(CheckFinding(index: error)) }
            try? indexCall { () throws(IndexError) in try index.close() }
            return findings
        }
        if repairsIndex {
            if findings.allSatisfy(\.isRepaired) {
                try indexCall { () throws(IndexError) in try index.apply([.putMeta(key: .mayLag, value: [0])]) }
            }
            try indexCall { () throws(IndexError) in try index.commit(.durable) }
            try folder.place.end(index)
        } else {
            try indexCall { () throws(IndexError) in try index.close() }
        }
        return findings
    }

    func tellProgress() throws(RealmError) {
        guard report(progress) else { throw RealmError(.failed, "the check was ended early; start it again") }
    }

    /// Whether rows are mended here: those of a folder in use are the volume's.
    var repairsIndex: Bool { repairs && folder.volume == nil }

    func add(_ finding: CheckFinding) {
        if findings.count < Self.maxFindingCount { findings.append(finding) }
    }

    // MARK: The index

    private static let indexAdvice = "restore the index and its anchor from one backup"

    /// False where it cannot be read, so that nothing more can be said.
    private func examineIndexCapsule() throws(RealmError) -> Bool {
        do throws(RealmError) {
            let anchor = try FolderAnchor.read(in: folder.place.directory, secrets: folder.place.secrets)
            let (object, place) = try folder.place.openObject(writable: false)
            let location = try folder.original?.openObject(writable: false).location ?? place
            let found = try indexCapsuleCall { () throws(CapsuleError) in
                try verify(
                    object, folder.place.identity, expecting: anchor.expectation(bootID: Boot.currentID()))
            }
            for finding in found {
                let detail = "the index's capsule \(location): \(finding.text)"
                add(CheckFinding(.index, detail, advice: Self.indexAdvice))
            }
            // Findings say what is not as it was written; whether it can still be read, opening tells.
            return found.isEmpty || (try? folder.place.open(writable: false)) != nil
        } catch {
            // A number in clear that a later version may have written, or nobody: either way what lies there is not usable.
            guard error.kind == .indexDamaged || error.kind == .newerFormat else { throw error }
            add(CheckFinding(index: error))
            return false
        }
    }

    /// The journal gives away that the index is older, even where anchor and capsules are as old. It is for `journal verify`
    /// to judge itself.
    private func examineJournal(_ index: SQLiteIndex) throws(RealmError) {
        guard let journal = folder.journal else { return }
        let known: IndexMark?
        do throws(JournalError) {
            known = try IndexMark.newest(in: journal.spool, folder: folder.id, keys: journal.keys)
        } catch {
            throw RealmError(error)
        }
        if let rollback = try IndexRollback(index, known: known) {
            addRollback(rollback.detail)
        } else if try hasUnknownMount(index, journal) {
            addRollback("the journal has mounts that the index does not know of: the folder is older than it was")
        }
    }

    private func addRollback(_ detail: String) {
        add(CheckFinding(.rolledBack, detail, advice: IndexRollback.advice))
        repairs = false
    }

    /// Whether the journal has a mount that is newer than what the index knows of it, though that was ended cleanly: what
    /// journals tell in which no record names a root of the index.
    private func hasUnknownMount(
        _ index: SQLiteIndex, _ journal: (spool: DirectoryHandle, keys: JournalAuditKeys)
    ) throws(RealmError) -> Bool {
        let head = try indexCall { () throws(IndexError) -> [UInt8]? in
            try index.meta(.mounted) == [0] ? try index.meta(.journalHead) : nil
        }
        guard let hash = head.flatMap(OpenFolder.journalHead)?.hash else { return false }
        var isKnown = false
        var isOlder = false
        do throws(JournalFinding) {
            try JournalReader(directory: journal.spool, keys: journal.keys).read(folder: folder.id) {
                record in
                // A mount for reading alone leaves the index as it was.
                if isKnown, record.activity == .mount, record.reason != Volume.readOnlyReason { isOlder = true }
                // Where nothing was done, the newest record that the index knows is that of its own mount.
                if record.hash == hash { isKnown = true }
                return !isOlder
            }
        } catch {
            // What was read holds.
        }
        return isOlder
    }

    // MARK: Capsules

    /// Authenticates an object and counts its bytes.
    func verify(_ object: any BackingObject, _ identity: CapsuleIdentity, expecting: OpenExpectation)
        throws(CapsuleError) -> [CapsuleFinding]
    {
        let earlier = progress.doneBytes
        return try Capsule.verify(object, identity: identity, keys: folder.keys, expecting: expecting) { count in
            progress.doneBytes = earlier + count
            // A check ends between two capsules.
            _ = report(progress)
        }
    }
}
