internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

/// An index that is older than its folder's journal says it was: it was put back, with its anchor, and perhaps with the
/// capsules, since all of these fit together.
///
/// A record names a root of the index only after that was durable (`IndexMark`), so that neither a killed process nor
/// a power cut looks like this. A restored realm does not either: its indexes go on above what its journal names
/// (`IndexPlace.adopt`).
///
/// The index in a backup goes on from a copy, with numbers of its own: it says what it is, and is refused for that.
struct IndexRollback {
    /// What was found, in words for who reads the journal.
    let detail: String

    /// Nil where the index may follow on `known`.
    init?(_ index: SQLiteIndex, known: IndexMark?) throws(RealmError) {
        let found = index.newestRoot
        let inBackup = try indexCall { () throws(IndexError) in try index.meta(.inBackup) }
        if inBackup == [1] {
            detail = "the index is one from a backup, which was not restored"
        } else if let known, !known.precedes(found) {
            detail =
                found.commit == known.commit
                ? "the index is another one than the journal knows: both have commit \(known.commit)"
                : "the index is older than the journal knows: it has commit \(found.commit), and \(known.commit) was durable"
        } else {
            return nil
        }
    }

    static let advice = "bring the newer index, anchor and capsules back, or take what is there with --accept"

    var error: RealmError {
        RealmError(.rolledBack, "\(detail); bring the newer one back, or see `argusfs check`")
    }
}

extension SQLiteIndex {
    /// The last commit written, as the journal names it.
    var newestRoot: IndexMark { IndexMark(capsule.info) }
}

extension IndexMark {
    init(_ commit: CommitInfo) {
        self.init(
            commit: commit.commit, rootTag: Identifier(high: commit.rootTag.high, low: commit.rootTag.low))
    }
}

extension IndexPlace {
    /// Inode numbers passed over in an index that takes the place of a newer one: more than any realm leases between a
    /// backup and its loss.
    private static let inodeNumberSkip: UInt64 = 1 << 40

    /// What an index is marked with that takes the place of a newer one: its capsules may be newer, and its newest inode
    /// numbers may have been used.
    static func marksOfOlder(_ index: SQLiteIndex) throws(RealmError) -> [IndexChange] {
        var lease = try indexCall { () throws(IndexError) in try index.meta(.inodeLease) } ?? []
        if lease.count == 16 {
            let end = lease[8...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } + inodeNumberSkip
            let bytes = withUnsafeBytes(of: end.littleEndian) { Array($0) }
            lease = bytes + bytes
        }
        return [
            .putMeta(key: .mounted, value: [1]), .putMeta(key: .mayLag, value: [1]),
            .putMeta(key: .inodeLease, value: lease),
        ]
    }

    /// Makes an index that is older than `known`, or from a backup, the folder's newest one: its next commit has a number
    /// above it.
    func adopt(_ index: SQLiteIndex, after known: IndexMark?, _ changes: [IndexChange]) throws(RealmError) {
        try noteOpen(index)
        if let known { index.capsule.skipNumbers(through: known.commit) }
        try indexCall { () throws(IndexError) in
            try index.apply(changes + [.putMeta(key: .inBackup, value: [0])])
            try index.commit(.durable)
        }
        try end(index)
    }
}

extension Realm {
    /// Throws where the index of a folder at rest is older than its journal knows: nothing may be written to it then, and
    /// what it says is not how things are.
    package func requireNewestIndex(ofFolder name: String) throws(RealmError) {
        let (directory, record) = try find(name)
        let secrets = secrets(of: record.id)
        // First: a driver that starts meanwhile writes the index before it names it.
        let known = try newestIndexRoot(of: record.id)
        let index = try IndexPlace(
            directory: directory, record: record, keys: try secrets.unwrap(record.keys), secrets: secrets
        ).open(writable: false)
        let rollback = try IndexRollback(index, known: known)
        try indexCall { () throws(IndexError) in try index.close() }
        if let rollback { throw rollback.error }
    }

    /// What the index of a folder must not be older than, as the folder's journal says.
    func newestIndexRoot(of folder: FolderID) throws(RealmError) -> IndexMark? {
        let spool = try realmCall { () throws(SystemError) in try directory.subdirectory(Self.journalName) }
        do throws(JournalError) {
            return try IndexMark.newest(
                in: spool, folder: folder, keys: JournalAuditKeys.derive(masterKey: masterKey, realm: id))
        } catch {
            throw RealmError(error)
        }
    }
}
