internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

extension RealmOptions {
    func openRealm(usingKeyring: Bool = true) throws(CommandError) -> Realm {
        try access.openRealm(usingKeyring: usingKeyring)
    }

    /// What a new realm is to open with: a key file, a passphrase file, or a passphrase asked for twice.
    func newUnlock() throws(CommandError) -> Unlock {
        switch access.source {
        case .keyFile(let file): .keyFile(file)
        case .passphraseFile(let file): .passphrase(try Passphrase.read(from: file))
        case .unspecified: .passphrase(try Passphrase.askTwice("New passphrase: "))
        }
    }
}

/// From what the caller gave to an open realm.
extension RealmAccess {
    /// Opens the realm with a key file, a passphrase file, the kernel keyring if asked, or an answer on the terminal: the
    /// first of them that there is.
    func openRealm(usingKeyring: Bool = true) throws(CommandError) -> Realm {
        let summary = try realmResult(path) { () throws(RealmError) in try Realm.inspect(at: path) }
        let unlock = try unlock(for: summary, usingKeyring: usingKeyring)
        return try realmResult(path) { () throws(RealmError) in
            do throws(RealmError) { return try open(unlock) } catch {
                recordRefusal(error, of: summary)
                throw error
            }
        }
    }

    private func open(_ unlock: Unlock) throws(RealmError) -> Realm {
        try Realm.open(at: path, unlock: unlock, journalLimits: Invocation.current.settings.journalLimits)
    }

    /// Who gives the wrong passphrase has no key that a record could be sealed with, except where the realm is unlocked.
    func recordRefusal(_ error: RealmError, of summary: RealmSummary) {
        let reason: String
        switch error.kind {
        case .wrongPassphrase: reason = "realm:wrong-passphrase"
        case .wrongKeyFile: reason = "realm:wrong-key-file"
        case .wrongRecoveryKey: reason = "realm:wrong-recovery-key"
        default: return
        }
        guard let key = KernelKeyring(realm: summary.id).key() else { return }
        try? open(.masterKey(key)).recordDenial(reason)
    }

    func unlock(for summary: RealmSummary, usingKeyring: Bool) throws(CommandError) -> Unlock {
        switch source {
        case .keyFile(let file): return .keyFile(file)
        case .passphraseFile(let file): return .passphrase(try Passphrase.read(from: file))
        case .unspecified:
            if usingKeyring, let key = KernelKeyring(realm: summary.id).key() { return .masterKey(key) }
            guard summary.methods.contains(.passphrase) else {
                throw CommandError(path, "opens with a key file; give it with --key-file FILE or in ARGUS_KEY_FILE")
            }
            return .passphrase(try Passphrase.ask("Passphrase of the realm: "))
        }
    }
}

enum Passphrase {
    /// The longest passphrase, in bytes.
    private static let maxBytes = Terminal.lineMaxBytes

    /// The file's first line. Any kind of file will do: a pipe lets another program hand the passphrase over.
    static func read(from path: String) throws(CommandError) -> SecretBytes {
        var failure: String?
        var count = 0
        // One byte more than is allowed and one for the newline, so that what is too long is seen.
        let content = SecretBytes(count: maxBytes + 2) { buffer in
            do throws(SystemError) {
                let file = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY)
                while count < buffer.count {
                    let got = Glibc.read(file.rawValue, buffer.baseAddress?.advanced(by: count), buffer.count - count)
                    let cause = errno
                    if got < 0, cause == EINTR { continue }
                    if got < 0 { throw SystemError(errno: cause, call: "read(2)") }
                    if got == 0 { break }
                    count += got
                }
            } catch {
                failure = String(cString: strerror(error.errno))
            }
        }
        if let failure { throw CommandError(path, "the passphrase cannot be read (\(failure)); check the file") }
        let line: SecretBytes? = content.withBytes { bytes in
            let filled = bytes[..<count]
            let end = filled.firstIndex(of: UInt8(ascii: "\n")) ?? filled.endIndex
            guard end > 0, end <= maxBytes else { return nil }
            return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
        guard let line else {
            throw CommandError(
                path,
                count == 0 || content.withBytes { $0[0] == UInt8(ascii: "\n") }
                    ? "holds no passphrase on its first line; write one there"
                    : "its first line is longer than \(maxBytes) bytes; choose a shorter passphrase")
        }
        return line
    }

    static func ask(_ question: String) throws(CommandError) -> SecretBytes {
        guard let terminal = Terminal.open() else { throw noTerminal }
        guard let answer = terminal.askSecretly(question) else { throw interrupted }
        guard answer.count > 0 else { throw empty }
        return answer
    }

    static func askTwice(_ question: String) throws(CommandError) -> SecretBytes {
        guard let terminal = Terminal.open() else { throw noTerminal }
        guard let first = terminal.askSecretly(question) else { throw interrupted }
        guard first.count > 0 else { throw empty }
        guard let second = terminal.askSecretly("The same again: ") else { throw interrupted }
        guard first.count == second.count, first.isEqual(to: second) else {
            throw CommandError("passphrase", "the two entries differ; nothing was changed, try again")
        }
        return first
    }

    private static let noTerminal = CommandError(
        "passphrase", "there is no terminal to ask on; give --key-file FILE or --passphrase-file FILE")
    private static let interrupted = CommandError("passphrase", "the question was broken off; nothing was changed")
    private static let empty = CommandError(
        "passphrase", "an empty one protects nothing; nothing was changed, try again")
}

/// Runs a step of the realm; its failure becomes the command's, about `subject`.
func realmResult<Value>(_ subject: String, _ body: () throws(RealmError) -> Value) throws(CommandError) -> Value {
    do throws(RealmError) {
        return try body()
    } catch {
        throw CommandError(error.folder ?? subject, error.message)
    }
}
