internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// Why a realm or a folder could not do what it was asked: for programs the kind, for people one line.
package struct RealmError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case notARealm, alreadyARealm, directoryNotEmpty, newerFormat, damaged
        case wrongPassphrase, wrongKeyFile, wrongRecoveryKey
        /// The realm has no passphrase, or no key file.
        case noPassphrase, noKeyFile
        case keyFileMissing, unsuitableKey, emptyPassphrase
        case folderExists, noSuchFolder, invalidFolderName, folderInUse
        case unknownAccount, unknownGroup, changedAccount, revokedPerson, privateFolder, notAMember
        case storageMissing, storageReadOnly, storageFull, storageInUse
        case indexDamaged, journalDamaged
        /// The index is older than the journal says it was.
        case rolledBack
        case notPermitted, full, readOnly, failed
    }

    package let kind: Kind
    /// What is wrong and what to do, in one line that follows its subject. Never a folder's or file's name.
    package let message: String
    /// For `folderInUse`: the process that has the folder, where it is known.
    package let holder: Int32?
    /// The folder that it is about, where several are dealt with.
    package let folder: String?

    /// What is wrong, without what to do; and that.
    var finding: String { parts.first.map(String.init) ?? message }
    var advice: String { parts.dropFirst().first.map { String($0.drop { $0 == " " }) } ?? "" }
    private var parts: [Substring] { message.split(separator: ";", maxSplits: 1) }

    init(_ kind: Kind, _ message: String, holder: Int32? = nil, folder: String? = nil) {
        self.kind = kind
        self.message = message
        self.holder = holder
        self.folder = folder
    }

    /// A failed system call on the realm's own files.
    init(_ error: SystemError) {
        switch error.errno {
        case ENOSPC, EDQUOT:
            self.init(.full, "the realm's storage is full; free space there and try again")
        case EROFS:
            self.init(.readOnly, "the realm lies on storage that is read-only; remount it writable")
        case EACCES, EPERM:
            self.init(.notPermitted, "the realm is not yours to use; run the command as the user who made it")
        case ENOENT, ENOTDIR, EISDIR, ELOOP, EFBIG, EINVAL:
            self.init(.damaged, "files of the realm are missing or replaced; restore them from a backup")
        default:
            self.init(.failed, "the realm's storage failed (\(error.description)); see the system's log")
        }
    }

    /// A failed operation on the store of a folder's index.
    init(index error: DirectoryStoreError) {
        switch error {
        case .store(.full): self.init(.full, "the realm's storage is full; free space there and try again")
        case .store(.readOnly): self.init(.readOnly, "the realm's storage refuses access; remount it writable")
        case .newerFormat: self.init(.newerFormat, error.message)
        case .notAStore:
            self.init(
                .indexDamaged, "the marker of its index's store was altered or is missing; restore it from a backup")
        default:
            let cause = error.message.prefix { $0 != ";" }
            self.init(.indexDamaged, "the store of its index cannot be used (\(cause)); restore it from a backup")
        }
    }

    /// A failed operation on a folder's storage.
    init(storage error: DirectoryStoreError) {
        switch error {
        case .missing, .notADirectory, .notAStore:
            self.init(.storageMissing, "its storage is missing; mount the disk or share that holds it")
        case .notEmpty:
            self.init(.storageInUse, "other files lie where its storage is to be; choose another directory")
        case .newerFormat: self.init(.newerFormat, error.message)
        case .busy:
            self.init(
                .storageInUse, "another process uses its storage, perhaps that of a copy of the realm; stop it first")
        case .store(let cause): self.init(storage: cause)
        }
    }

    init(storage error: StoreError) {
        switch error {
        case .full: self.init(.storageFull, "its storage is full; free space there and try again")
        case .readOnly:
            self.init(
                .storageReadOnly, "its storage refuses writes; remount it writable, or mount the folder with -o ro")
        case .missing, .unavailable:
            self.init(.storageMissing, "its storage is missing; mount the disk or share that holds it")
        case .tooManyOpen: self.init(.failed, "no file descriptor is left; raise the limit of open files")
        case .exists, .notAnObject:
            self.init(
                .failed, "something else lies where a file of its storage belongs; look for a link or directory there")
        case .failed(let errno):
            self.init(.failed, "its storage failed (\(String(cString: strerror(errno)))); see the system's log")
        }
    }
}

/// Runs a step on the realm's own files.
func realmCall<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(RealmError) -> R {
    do throws(SystemError) { return try body() } catch { throw RealmError(error) }
}
