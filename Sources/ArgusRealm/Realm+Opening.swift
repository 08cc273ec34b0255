package import ArgusCore
package import ArgusIdentity
package import ArgusJournal
package import ArgusSystem
internal import Glibc

/// From a directory to an open realm.
extension Realm {
    /// What is known without a key: which question to ask.
    package static func inspect(at path: String) throws(RealmError) -> RealmSummary {
        let (file, _) = try RealmFile.read(in: try handle(at: path))
        return try RealmSummary(file)
    }

    package static func open(
        at path: String, unlock: Unlock, clock: any Clock = SystemClock(),
        accounts: any AccountDatabase = SystemAccounts(), journalLimits: JournalLimits = JournalLimits()
    ) throws(RealmError) -> Realm {
        let directory = try handle(at: path)
        let (file, bytes) = try RealmFile.read(in: directory)
        let masterKey = try file.masterKey(unlock)
        do throws(RealmError) {
            try file.verify(bytes, masterKey: masterKey)
        } catch {
            // A key that was handed over is either this realm's, or the file was altered; which, nobody can tell.
            guard case .masterKey = unlock else { throw error }
            throw RealmError(
                .damaged,
                "does not open with the key at hand: run `argusfs lock` and unlock it again, or restore its realm.json")
        }
        let realm = try Realm(
            directory: directory, file: file, masterKey: masterKey, clock: clock, accounts: accounts,
            journalLimits: journalLimits)
        realm.clearLeftovers()
        return realm
    }

    /// Replaces every passphrase and key file by `newUnlock`; the recovery key stays.
    package static func recover(
        at path: String, recoveryKey: String, newUnlock: Unlock, cost: ScryptCost = .standard,
        clock: any Clock = SystemClock(), journalLimits: JournalLimits = JournalLimits()
    ) throws(RealmError) -> Realm {
        let realm = try open(
            at: path, unlock: .recovery(recoveryKey), clock: clock, journalLimits: journalLimits)
        let made = try NewUnlock(newUnlock, masterKey: realm.masterKey, realm: realm.id, cost: cost)
        do throws(RealmError) {
            try realm.recordingAct(.keyRotated, "realm recovered: all passphrases and key files replaced") {
                () throws(RealmError) in
                try realm.replaceWraps { wraps in
                    wraps.filter { $0.type == UnlockMethod.recovery.rawValue } + [made.wrap]
                }
            }
        } catch {
            made.undo()
            throw error
        }
        return realm
    }

    /// Replaces the passphrase; key files and the recovery key stay. A realm without a passphrase gets one.
    package func changePassphrase(to passphrase: SecretBytes, cost: ScryptCost = .standard) throws(RealmError) {
        let wrap = try KeyWrap.passphrase(passphrase, masterKey: masterKey, realm: id, cost: cost)
        try recordingAct(.keyRotated, "the realm's passphrase changed") { () throws(RealmError) in
            try replaceWraps { wraps in [wrap] + wraps.filter { $0.type != UnlockMethod.passphrase.rawValue } }
        }
    }

    private func replaceWraps(_ change: ([KeyWrap]) -> [KeyWrap]) throws(RealmError) {
        try withChangeLock { () throws(RealmError) in
            try changeRealmFile { $0.wraps = change($0.wraps) }
        }
    }

    /// Replaces `realm.json` by one that is changed. Under the change lock.
    func changeRealmFile(_ change: (inout RealmFile) -> Void) throws(RealmError) {
        let (file, bytes) = try RealmFile.read(in: directory)
        try file.verify(bytes, masterKey: masterKey)
        var changed = file
        change(&changed)
        let new = try changed.encoded(masterKey: masterKey)
        try realmCall { () throws(SystemError) in try directory.replaceFile(RealmFile.name, with: new) }
    }

    /// The directory as an absolute path, so that what is said of it stays true wherever the process stands.
    static func handle(at path: String) throws(RealmError) -> DirectoryHandle {
        do throws(SystemError) {
            guard let resolved = realpath(path, nil) else { throw SystemError(errno: errno, call: "realpath(3)") }
            defer { free(resolved) }
            return try DirectoryHandle(path: String(cString: resolved))
        } catch {
            throw error.isAbsence ? .notARealm : RealmError(error)
        }
    }
}

extension RealmSummary {
    init(_ file: RealmFile) throws(RealmError) {
        id = try file.realmID()
        format = file.format
        created = Timestamp(seconds: file.created, nanoseconds: 0)
        methods = Set(file.wraps.compactMap { UnlockMethod(rawValue: $0.type) })
    }
}

extension RealmFile {
    /// Unwraps the master key; it is not known to be this file's before `verify`.
    func masterKey(_ unlock: Unlock) throws(RealmError) -> SecretBytes {
        switch unlock {
        case .masterKey(let key):
            guard key.count == KeyWrap.masterKeyByteCount, !key.looksDegenerate else {
                throw RealmError(
                    .unsuitableKey, "the key at hand is no realm's; run `argusfs lock` and unlock it again")
            }
            return key
        case .passphrase(let passphrase):
            guard passphrase.count > 0 else {
                throw RealmError(.emptyPassphrase, "the passphrase is empty; give the realm's")
            }
            return try open(
                .passphrase, secret: passphrase,
                missing: RealmError(.noPassphrase, "has no passphrase; open it with its key file (--key-file FILE)"),
                wrong: RealmError(.wrongPassphrase, "the passphrase is wrong; try again, or use `argusfs recover`"))
        case .keyFile(let path):
            guard !wraps(.keyFile).isEmpty else {
                throw RealmError(.noKeyFile, "has no key file; open it with its passphrase")
            }
            return try open(
                .keyFile, secret: try KeyFile.read(path),
                missing: RealmError(.noKeyFile, "has no key file; open it with its passphrase"),
                wrong: RealmError(.wrongKeyFile, "the key file is another realm's; give the right one"))
        case .recovery(let text):
            return try open(
                .recovery, secret: try RecoveryKey.secret(from: text),
                missing: RealmError(.wrongRecoveryKey, "has no recovery key; open it with its passphrase or key file"),
                wrong: RealmError(.wrongRecoveryKey, "the recovery key is another realm's; give the right one"))
        }
    }

    private func open(_ method: UnlockMethod, secret: SecretBytes, missing: RealmError, wrong: RealmError)
        throws(RealmError) -> SecretBytes
    {
        let candidates = wraps(method)
        guard !candidates.isEmpty else { throw missing }
        let realm = try realmID()
        for wrap in candidates {
            if let key = try wrap.open(method, secret: secret, realm: realm) { return key }
        }
        throw wrong
    }
}

/// A wrap that is being added, with the key file that was made for it.
struct NewUnlock {
    let wrap: KeyWrap
    private let madeKeyFile: String?

    init(_ unlock: Unlock, masterKey: SecretBytes, realm: RealmID, cost: ScryptCost) throws(RealmError) {
        switch unlock {
        case .passphrase(let passphrase):
            wrap = try KeyWrap.passphrase(passphrase, masterKey: masterKey, realm: realm, cost: cost)
            madeKeyFile = nil
        case .keyFile(let path):
            let (key, isMade) = try KeyFile.readOrMake(path)
            madeKeyFile = isMade ? path : nil
            do throws(RealmError) {
                wrap = try KeyWrap(.keyFile, secret: key, masterKey: masterKey, realm: realm)
            } catch {
                if isMade { unlink(path) }
                throw error
            }
        case .recovery, .masterKey:
            throw RealmError(.failed, "a realm is made to open with a passphrase or a key file; give one of them")
        }
    }

    /// Takes a key file away again that opens nothing.
    func undo() {
        if let madeKeyFile { unlink(madeKeyFile) }
    }
}
