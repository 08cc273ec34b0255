package import ArgusCore
package import ArgusIdentity
internal import ArgusJournal
package import ArgusSystem
internal import Glibc

/// A realm, open: keys, persons and folders in one directory (docs/formats/realm.md).
///
///     realm.json      identity, and the master key wrapped for each way to unlock it
///     persons         who is who: sealed
///     folders/<id>/   one folder: record, lock, index, anchor, and its store unless that lies elsewhere
///     journal/        streams of the folders' journals
///     run/  log/      sockets and log lines of drivers
///
/// 1. Nothing that a person chose (names, paths, content) is on disk in clear.
/// 2. A folder appears and disappears as a whole: it is built and taken down under a name that is no folder's.
/// 3. Records change under `changeLock` only, each by one durable replacement.
package final class Realm: Sendable {
    static let foldersName = "folders"
    static let journalName = "journal"
    static let runName = "run"
    static let logName = "log"

    package let id: RealmID
    /// Absolute.
    package let path: String
    /// The persons of the realm, as last read.
    package let identity: PersonDirectory
    let device: DeviceID
    let directory: DirectoryHandle
    let folderDirectory: DirectoryHandle
    let clock: any Clock
    /// What bounds the journal of each folder.
    let journalLimits: JournalLimits
    let masterKey: SecretBytes
    let keys: RealmKeys

    init(
        directory: DirectoryHandle, file: RealmFile, masterKey: SecretBytes, clock: any Clock,
        accounts: any AccountDatabase = SystemAccounts(), journalLimits: JournalLimits = JournalLimits()
    ) throws(RealmError) {
        self.directory = directory
        self.path = directory.path
        self.id = try file.realmID()
        self.device = try file.deviceID()
        self.masterKey = masterKey
        self.clock = clock
        self.journalLimits = journalLimits
        self.keys = RealmKeys(masterKey: masterKey, realm: id)
        self.folderDirectory = try realmCall { () throws(SystemError) in
            try directory.subdirectory(Self.foldersName)
        }
        self.identity = PersonDirectory(
            persons: try PersonsRecord.read(in: directory, keys: keys), accounts: accounts, clock: clock)
    }

    /// Where drivers have their sockets: mode 0700.
    package var runDirectory: String { "\(path)/\(Self.runName)" }

    /// The realm's master key, to be handed to a driver or the kernel keyring and given back as `Unlock.masterKey`.
    package func exportMasterKey() -> SecretBytes { masterKey }

    func secrets(of folder: FolderID) -> FolderSecrets {
        FolderSecrets(masterKey: masterKey, realm: id, folder: folder)
    }

    /// Runs `body` while no other process changes records of the realm (flock(2) on `folders/`).
    func withChangeLock<R>(_ body: () throws(RealmError) -> R) throws(RealmError) -> R {
        try directory.withChangeLock(body)
    }

    /// Nil where another process has it and `waits` is false.
    func changeLock(waits: Bool) throws(RealmError) -> HeldLock? { try directory.changeLock(waits: waits) }
}

/// The directory of a realm: all that a process needs that serves a folder and keeps no key of the realm.
extension DirectoryHandle {
    func withChangeLock<R>(_ body: () throws(RealmError) -> R) throws(RealmError) -> R {
        let held = try changeLock(waits: true)
        defer { withExtendedLifetime(held) {} }
        return try body()
    }

    func changeLock(waits: Bool) throws(RealmError) -> HeldLock? {
        try realmCall { () throws(SystemError) in
            let file = try open(Realm.foldersName, flags: O_RDONLY | O_DIRECTORY)
            return try HeldLock(file, exclusive: true, waits: waits)
        }
    }
}

/// A lock of flock(2), held until dropped.
final class HeldLock: Sendable {
    let descriptor: OwnedDescriptor

    /// Fails where another open file has it and `waits` is false: nil.
    init?(_ file: consuming OwnedDescriptor, exclusive: Bool, waits: Bool) throws(SystemError) {
        descriptor = file
        while flock(descriptor.rawValue, (exclusive ? LOCK_EX : LOCK_SH) | (waits ? 0 : LOCK_NB)) != 0 {
            let cause = errno
            if cause == EINTR { continue }
            if cause == EWOULDBLOCK { return nil }
            throw SystemError(errno: cause, call: "flock(2)")
        }
    }
}
