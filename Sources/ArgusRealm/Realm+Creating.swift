package import ArgusCore
package import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// Making a realm.
extension Realm {
    /// Makes a realm in a new or empty directory; missing parents are made. `unlock` is a passphrase or a key file, which
    /// is made where it is missing. The recovery key is shown here and nowhere else.
    ///
    /// `realm.json` comes last: a directory without it is no realm. After an error nothing of it stays.
    package static func create(
        at path: String, unlock: Unlock, cost: ScryptCost = .standard, clock: any Clock = SystemClock(),
        journalLimits: JournalLimits = JournalLimits()
    ) throws(RealmError) -> (realm: Realm, recoveryKey: String) {
        let masterKey = SecretBytes.random(count: KeyWrap.masterKeyByteCount)
        guard !masterKey.looksDegenerate else {
            throw RealmError(.failed, "the kernel's random numbers are not random; do not use this machine for secrets")
        }
        let id = RealmID.random()
        let place = try NewDirectory(path)
        var made: NewUnlock?
        do throws(RealmError) {
            let directory = try handle(at: path)
            try requireRoom(in: directory)
            let newUnlock = try NewUnlock(unlock, masterKey: masterKey, realm: id, cost: cost)
            made = newUnlock
            let recovery = SecretBytes.random(count: RecoveryKey.secretByteCount)
            var file = RealmFile(
                realm: id, device: DeviceID.random(), created: clock.now(),
                wraps: [
                    newUnlock.wrap, try KeyWrap(.recovery, secret: recovery, masterKey: masterKey, realm: id),
                ])
            let bytes = try file.encoded(masterKey: masterKey)
            do throws(RealmError) {
                try fill(directory, keys: RealmKeys(masterKey: masterKey, realm: id))
                let realm = try Realm(
                    directory: directory, file: file, masterKey: masterKey, clock: clock, journalLimits: journalLimits)
                try realm.recordingAct(.create, "realm made", path: "/") { () throws(RealmError) in
                    try realmCall { () throws(SystemError) in try directory.replaceFile(RealmFile.name, with: bytes) }
                }
                endMaking(directory)
                return (realm, RecoveryKey.text(of: recovery))
            } catch {
                clear(directory)
                throw error
            }
        } catch {
            made?.undo()
            place.undo()
            throw error
        }
    }

    static var subdirectories: [String] { [foldersName, journalName, runName, logName] }

    /// Marks the directory as one in which a realm is being made: whatever has a realm's names in it is ours.
    private static let makingName = DirectoryHandle.temporaryPrefix + "making"

    static func beginMaking(_ directory: DirectoryHandle) throws(RealmError) {
        try realmCall { () throws(SystemError) in try directory.replaceFile(makingName, with: []) }
    }

    static func endMaking(_ directory: DirectoryHandle) { try? directory.remove(makingName) }

    /// Takes everything of a realm away, whole or not, in a directory marked by `beginMaking`.
    static func clear(_ directory: DirectoryHandle) {
        for name in [RealmFile.name, PersonsRecord.fileName, ActsRecord.fileName, PendingMove.fileName] + subdirectories
        {
            try? directory.removeTree(name)
        }
        endMaking(directory)
    }

    private static func fill(_ directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) {
        // What a realm left behind whose making was cut short has another key.
        clear(directory)
        try beginMaking(directory)
        try realmCall { () throws(SystemError) in
            if fchmod(directory.descriptor, 0o700) != 0 { throw SystemError(errno: errno, call: "fchmod(2)") }
            for name in subdirectories { _ = try directory.subdirectory(name, create: true, mode: 0o700) }
        }
        try PersonsRecord.write([], in: directory, keys: keys)
    }

    /// Accepts an empty directory, and one in which making a realm was cut short.
    static func requireRoom(in directory: DirectoryHandle) throws(RealmError) {
        let names = Set(try realmCall { () throws(SystemError) in try directory.names() })
        if names.contains(RealmFile.name) {
            throw RealmError(.alreadyARealm, "is a realm already; choose another directory for a new one")
        }
        let own = names.contains(makingName) ? subdirectories + [PersonsRecord.fileName, ActsRecord.fileName] : []
        let others = names.subtracting(own + ["lost+found"]).filter { !$0.hasPrefix(DirectoryHandle.temporaryPrefix) }
        guard others.isEmpty else {
            throw RealmError(.directoryNotEmpty, "holds other files; choose a new or an empty directory for a realm")
        }
    }
}

/// A directory that is there, or is made with its parents, and can be unmade.
struct NewDirectory {
    /// What was made, outermost first.
    private var made: [String] = []

    init(_ path: String) throws(RealmError) {
        var missing: [String] = []
        var rest = path
        while rest != "/", !rest.isEmpty, access(rest, F_OK) != 0, errno == ENOENT {
            missing.append(rest)
            guard let slash = rest.utf8.lastIndex(of: UInt8(ascii: "/")) else { break }
            rest = String(rest[..<slash])
        }
        for directory in missing.reversed() where !directory.hasSuffix("/") {
            guard mkdir(directory, 0o700) == 0 else {
                let cause = errno
                undo()
                switch cause {
                case EACCES, EPERM:
                    throw RealmError(.notPermitted, "cannot be made there: permission denied; choose another directory")
                default: throw RealmError(SystemError(errno: cause, call: "mkdir(2)"))
                }
            }
            made.append(directory)
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            undo()
            throw RealmError(.directoryNotEmpty, "is no directory; choose another place for a realm")
        }
        for directory in made { syncParent(of: directory) }
    }

    func undo() {
        for directory in made.reversed() { rmdir(directory) }
    }

    private func syncParent(of directory: String) {
        guard let parent = try? DirectoryHandle(path: directory + "/..") else { return }
        try? parent.sync()
    }
}
