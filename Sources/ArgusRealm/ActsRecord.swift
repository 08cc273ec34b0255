internal import ArgusCore
internal import ArgusJournal
internal import ArgusSystem

/// What was done to the realm: the plaintext of the sealed file `acts`. It has the acts that the realm's journal does not
/// have yet, the newest record of that journal, and which folders there are or were, so that none of their journals can
/// go unnoticed.
///
/// 1. `realm.json` has a revision that the file never falls below (`Realm.write(acts:)`): without the file, or with an older
///    one, the realm knows that something was taken from it.
/// 2. A folder is listed from the first act after it was made; as deleted, with the heads of its journal, before what is
///    left of it is removed.
struct ActsRecord: RealmRecord {
    static let fileName = "acts"

    struct Folder: Codable {
        /// In hexadecimal.
        var id: String
        /// Seconds since 1970; absent where it is not known.
        var made: Int64?
        /// The same; absent of a folder that is there.
        var deleted: Int64?
        /// Of a folder that was deleted: the heads that stand for its journal.
        var heads: [FolderRecord.Head] = []
    }

    /// Rises by one with each change; absent in records that were written before there was one.
    var revision: UInt64?
    var pending: [PendingChange] = []
    var head: FolderRecord.Head?
    /// Every folder that was ever made; absent in records that were written before they were kept.
    var folders: [Folder]?

    var knownHead: JournalMark? { head?.mark }

    func folder(_ id: FolderID) -> Folder? { folders?.first { $0.id == id.hex } }

    /// Lists a folder that is there. One that was deleted stays so.
    mutating func note(_ id: FolderID, made: Timestamp?) {
        if folder(id) == nil { folders = (folders ?? []) + [Folder(id: id.hex, made: made?.seconds)] }
    }

    mutating func note(deleted id: FolderID, at time: Timestamp, heads: [JournalMark]) {
        let entry = Folder(
            id: id.hex, made: folder(id)?.made, deleted: time.seconds, heads: heads.map(FolderRecord.Head.init))
        folders = (folders ?? []).filter { $0.id != id.hex } + [entry]
    }

    // MARK: On disk

    static let kind = SealedRecord.Kind.acts
    static func key(of keys: RealmKeys) -> SecretBytes { keys.acts }

    static let damaged = RealmError(
        .damaged, "its file of acts was altered or damaged: what it knew of the folders' journals is lost")
    static let missing = RealmError(
        .damaged, "its file of acts was removed: what it knew of the folders' journals is lost")
    static let older = RealmError(
        .damaged,
        "its file of acts is older than the realm: what was done since, and which journals there are, is not in it")
}
