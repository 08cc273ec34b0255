internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// One run of `FolderAdministration.check`.
final class FolderCheck {
    /// Findings reported; more say nothing new about broken storage.
    static let maxFindingCount = 10_000
    /// Rows read from the index at a time.
    static let sliceCount = 256

    let folder: FolderAdministration
    let store: DirectoryStore
    let repairs: Bool
    private let report: (CheckProgress) -> Void
    private var findings: [CheckFinding] = []
    private var progress = CheckProgress(phase: .index, doneFiles: 0, totalFiles: 0, doneBytes: 0)
    /// The objects that rows, and the list of what is to be deleted, account for.
    private var known: Set<ObjectName> = []

    init(
        folder: FolderAdministration, store: DirectoryStore, repairs: Bool, report: @escaping (CheckProgress) -> Void
    ) {
        self.folder = folder
        self.store = store
        self.repairs = repairs
        self.report = report
    }

    func run() throws(RealmError) -> [CheckFinding] {
        report(progress)
        guard try examineIndexCapsule() else { return findings }
        let index = try folder.place.open(writable: repairs)
        do throws(RealmError) {
            for finding in try indexCall({ () throws(IndexError) in try index.verify() }) {
                add(CheckFinding(.index, finding, advice: Self.indexAdvice))
            }
            if repairs { try folder.place.noteOpen(index) }
            try examineJournal(index)
            try examineCapsules(index)
            try examineObjects(index)
        } catch {
            // A page that opening did not need. What was found so far holds; nothing is repaired by half an index.
            guard error.kind == .indexDamaged else { throw error }
            if !findings.contains(where: { $0.kind == .index }) {
                add(CheckFinding(.index, error.message, advice: Self.indexAdvice))
            }
            try? indexCall { () throws(IndexError) in try index.close() }
            return findings
        }
        if repairs {
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

    func add(_ finding: CheckFinding) {
        if findings.count < Self.maxFindingCount { findings.append(finding) }
    }

    // MARK: The index

    private static let indexAdvice = "restore the index and its anchor from one backup"

    /// False where it cannot be read, so that nothing more can be said.
    private func examineIndexCapsule() throws(RealmError) -> Bool {
        do throws(RealmError) {
            let anchor = try FolderAnchor.read(in: folder.directory, secrets: folder.secrets)
            let (object, location) = try folder.place.openObject(writable: false)
            let earlier = progress.doneBytes
            let found = try indexCapsuleCall { () throws(CapsuleError) in
                try Capsule.verify(
                    object, identity: folder.place.identity, keys: folder.keys,
                    expecting: anchor.expectation(bootID: Boot.currentID()), progress: { noteBytes($0, after: earlier) }
                )
            }
            for finding in found {
                add(CheckFinding(.index, "the index's capsule \(location): \(finding)", advice: Self.indexAdvice))
            }
            // Findings say what is not as it was written; whether it can still be read, opening tells.
            return found.isEmpty || (try? folder.place.open(writable: false)) != nil
        } catch {
            guard error.kind == .indexDamaged else { throw error }
            add(CheckFinding(.index, error.message, advice: Self.indexAdvice))
            return false
        }
    }

    /// A mount in the journal that is newer than what the index knows of it, though that was ended cleanly, gives away that
    /// the index is older, even where anchor and capsules are as old. The journal itself is for `journal verify` to judge.
    private func examineJournal(_ index: SQLiteIndex) throws(RealmError) {
        let head = try indexCall { () throws(IndexError) -> [UInt8]? in
            try index.meta(.mounted) == [0] ? try index.meta(.journalHead) : nil
        }
        guard let hash = head.flatMap(OpenFolder.journalHead)?.hash else { return }
        var isKnown = false
        var isOlder = false
        do throws(JournalFinding) {
            try JournalReader(directory: folder.spool, keys: folder.auditKeys).read(folder: folder.record.id) {
                record in
                // A mount for reading alone leaves the index as it was.
                if isKnown, record.activity == .mount, record.reason != Volume.readOnlyReason { isOlder = true }
                // Where nothing was done, the newest record that the index knows is that of its own mount.
                if record.hash == hash { isKnown = true }
                return !isOlder
            }
        } catch {
            return
        }
        guard isOlder else { return }
        add(
            CheckFinding(
                .rolledBack, "the journal has mounts that the index does not know of: the folder is older than it was",
                advice: "bring the newer index, anchor and capsules back; `argusfs journal show` tells what is missing")
        )
    }

    // MARK: Capsules

    private func examineCapsules(_ index: SQLiteIndex) throws(RealmError) {
        progress.phase = .capsules
        progress.totalFiles = try indexCall { () throws(IndexError) in try index.inodeCount() }
        let mayLag = try indexCall { () throws(IndexError) in
            let lags = try index.meta(.mayLag)
            let mounted = try index.meta(.mounted)
            return lags == [1] || mounted == [1]
        }
        var next = InodeNumber(0)
        while true {
            var rows: [InodeRow] = []
            try indexCall { () throws(IndexError) in
                try index.forEachInode(from: next) { row in
                    rows.append(row)
                    return rows.count < Self.sliceCount
                }
            }
            guard let last = rows.last else { return }
            next = InodeNumber(last.attributes.inode.rawValue + 1)
            for row in rows {
                if row.capsule != nil { try examine(row, index: index, mayLag: mayLag) }
                progress.doneFiles += 1
            }
            report(progress)
        }
    }

    private func examine(_ row: InodeRow, index: SQLiteIndex, mayLag: Bool) throws(RealmError) {
        guard let state = row.capsule else { return }
        let name = folder.keys.objectName(of: row.fileID)
        known.insert(name)
        let expectation = state.expectation(mayLag: mayLag)
        switch verify(name, row.fileID, expectation) {
        // Never synced before the unclean end: an empty file, as after any crash.
        case .success(let found) where state.durableCommit == 0 && !found.isEmpty && isTorn(name, row.fileID):
            if repairs { try clear(row, index) }
        case .success(let found):
            for finding in found { try add(.unauthentic(finding), row, index) }
            if repairs, found.isEmpty, state.isDirty || mayLag { try settle(row, expectation, index) }
        case .failure(let error) where state.durableCommit == 0 && error.isTorn:
            if repairs { try clear(row, index) }
        case .failure(let error): try add(error, row, index)
        }
    }

    /// Whether the capsule holds no commit that can be taken.
    private func isTorn(_ name: ObjectName, _ file: FileID) -> Bool {
        guard let object = try? store.open(name, writable: false) else { return false }
        do throws(CapsuleError) {
            _ = try Capsule.open(
                object, identity: CapsuleIdentity(folder: folder.record.id, file: file), keys: folder.keys,
                expecting: .any, writable: false)
            return false
        } catch {
            return error.isTorn
        }
    }

    private func verify(_ name: ObjectName, _ file: FileID, _ expectation: OpenExpectation)
        -> Result<[CapsuleFinding], CapsuleError>
    {
        do throws(CapsuleError) {
            let object: any BackingObject
            do throws(StoreError) { object = try store.open(name, writable: false) } catch { throw .store(error) }
            let earlier = progress.doneBytes
            return .success(
                try Capsule.verify(
                    object, identity: CapsuleIdentity(folder: folder.record.id, file: file), keys: folder.keys,
                    expecting: expectation, progress: { noteBytes($0, after: earlier) }))
        } catch {
            return .failure(error)
        }
    }

    private func add(_ error: CapsuleError, _ row: InodeRow, _ index: SQLiteIndex) throws(RealmError) {
        let path = try FolderPath(index).path(of: row)
        let location = store.location(of: folder.keys.objectName(of: row.fileID))
        add(CheckFinding(error, at: location, path: path))
    }

    // MARK: Objects

    private func examineObjects(_ index: SQLiteIndex) throws(RealmError) {
        progress.phase = .objects
        report(progress)
        let garbage = try indexCall { () throws(IndexError) in try index.garbage() }
        for file in garbage {
            let name = folder.keys.objectName(of: file)
            known.insert(name)
            if repairs { try removeGarbage(file, name, index) }
        }
        var orphans: [ObjectName] = []
        var strays: [String] = []
        do throws(StoreError) {
            try store.forEachObject(
                { name in
                    if !known.contains(name) { orphans.append(name) }
                    return orphans.count < Self.maxFindingCount
                }, stray: { if strays.count < Self.maxFindingCount { strays.append($0) } })
        } catch {
            throw RealmError(storage: error)
        }
        for place in strays {
            add(
                CheckFinding(
                    .stray, "\(place) is none of the store's files", advice: "look where it comes from and remove it"))
        }
        for name in orphans { try examineOrphan(name) }
    }

    private func examineOrphan(_ name: ObjectName) throws(RealmError) {
        let location = store.location(of: name)
        var isOurs = false
        do throws(CapsuleError) {
            let object: any BackingObject
            do throws(StoreError) { object = try store.open(name, writable: false) } catch { throw .store(error) }
            let header = try Capsule.inspect(object)
            isOurs =
                header.identity.folder == folder.record.id && folder.keys.objectName(of: header.identity.file) == name
        } catch .store(.missing) {
            return
        } catch {
            isOurs = false
        }
        guard isOurs else {
            return add(
                CheckFinding(
                    .orphan, "\(location) belongs to no file and is no capsule of this folder",
                    advice: "look where it comes from and remove it"))
        }
        var isRepaired = false
        if repairs {
            do throws(StoreError) {
                try store.remove(name)
                isRepaired = true
            } catch {
                throw RealmError(storage: error)
            }
        }
        add(
            CheckFinding(
                .orphan, "\(location) is a capsule of this folder that no file refers to",
                advice: "keep a copy if the index was restored from a backup; --repair removes it",
                isRepaired: isRepaired))
    }

    /// Counts an object's bytes: `count` of them so far.
    private func noteBytes(_ count: UInt64, after earlier: UInt64) {
        progress.doneBytes = earlier + count
        report(progress)
    }
}

extension CapsuleState {
    /// What the capsule must be. After an unclean end it may be ahead of its row, marked dirty or not.
    func expectation(mayLag: Bool) -> OpenExpectation {
        isDirty || mayLag
            ? .dirty(atLeast: durableCommit, rootTag: Identifier(high: rootTag.high, low: rootTag.low))
            : .clean(commit: durableCommit, rootTag: Identifier(high: rootTag.high, low: rootTag.low))
    }
}

extension CapsuleError {
    /// What a capsule that was never made durable may look like after a crash.
    var isTorn: Bool {
        switch self {
        case .unauthentic, .store(.missing): true
        default: false
        }
    }
}

extension CheckFinding {
    init(_ error: CapsuleError, at location: String, path: [UInt8]?) {
        let restore = "restore the file from a backup"
        switch error {
        case .unauthentic(.rolledBack(let found, let expected)):
            self.init(
                .rolledBack, path: path, "\(location) is at commit \(found), and \(expected) was durable",
                advice: "bring the newer capsule back, or \(restore)")
        case .unauthentic(let finding):
            self.init(.damaged, path: path, "\(location): \(finding)", advice: restore)
        case .noKey(let generation):
            self.init(
                .damaged, path: path, "\(location) is sealed with key \(generation), which the folder does not have",
                advice: restore)
        case .newerFormat(let found, let supported):
            self.init(
                .damaged, path: path, "\(location) has format \(found), this version knows up to \(supported)",
                advice: "install the version that wrote it")
        case .store(.missing):
            self.init(
                .missing, path: path, "\(location) is missing", advice: "bring the capsule back, or remove the file")
        case .store(.notAnObject):
            self.init(
                .damaged, path: path, "\(location) is no regular file",
                advice: "bring the capsule back, or remove the file")
        case .store, .fileTooLarge, .poisoned, .crypto:
            self.init(
                .storage, path: path, "\(location) could not be read (\(error))", advice: "see the system's log")
        }
    }
}
