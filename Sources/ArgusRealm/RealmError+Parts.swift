internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import Glibc

/// What the failures of a folder's parts mean to whoever opens it.
extension RealmError {
    private static let indexAdvice = "it was altered, rolled back or damaged; restore the folder's index from a backup"

    /// A failure of the capsule that holds the index.
    init(index error: CapsuleError) {
        switch error {
        case .unauthentic(let finding):
            self.init(.indexDamaged, "its index is not authentic (\(finding.text)): \(Self.indexAdvice)")
        case .noKey: self.init(.indexDamaged, "none of its keys opens its index: \(Self.indexAdvice)")
        case .newerFormat(let found, let supported):
            self.init(
                .newerFormat,
                "its index has format \(found), this version knows up to \(supported); install the version that wrote it"
            )
        case .store(.missing), .store(.notAnObject):
            self.init(.indexDamaged, "its index is missing: \(Self.indexAdvice)")
        case .store(.full): self.init(.full, "the realm's storage is full; free space there and try again")
        case .store(.readOnly): self.init(.readOnly, "the realm's storage refuses writes; remount it writable")
        case .store(let cause):
            self.init(.failed, "the realm's storage failed (the index \(cause.text)); see the system's log")
        case .fileTooLarge: self.init(.full, "its index has reached the largest size there is; remove files")
        case .poisoned, .crypto:
            self.init(.failed, "its index could not be stored; see the system's log for errors of the storage")
        }
    }

    init(_ error: IndexError) {
        switch error {
        case .unauthentic(let reason), .corrupt(let reason):
            self.init(.indexDamaged, "its index cannot be used (\(reason)): \(Self.indexAdvice)")
        case .newerFormat(let found, let supported):
            self.init(
                .newerFormat,
                "its index has format \(found), this version knows up to \(supported); install the version that wrote it"
            )
        case .full: self.init(.full, "the realm's storage is full; free space there and try again")
        case .readOnly: self.init(.readOnly, "the realm's storage refuses writes; remount it writable")
        case .storage(let errno):
            self.init(.failed, "the realm's storage failed (\(String(cString: strerror(errno)))); see the system's log")
        }
    }

    init(_ error: JournalError) {
        switch error {
        case .full:
            self.init(.full, "its journal has no room left; free space in the realm, or raise the journal's bounds")
        case .storage(let errno) where errno == EROFS || errno == EACCES:
            self.init(.readOnly, "its journal cannot be written; make the realm's storage writable")
        case .storage(let errno):
            self.init(
                .failed, "its journal cannot be written (\(String(cString: strerror(errno)))); see the system's log")
        case .unauthentic(let reason):
            self.init(.journalDamaged, "its journal is not authentic (\(reason)); see `argusfs journal verify`")
        case .newerFormat(let found, let supported):
            self.init(
                .newerFormat,
                "its journal has format \(found), this version knows up to \(supported); install the version that wrote it"
            )
        case .closed: self.init(.failed, "its journal is closed; mount the folder again")
        }
    }

    init(_ error: FileSystemError) {
        switch error {
        case .noSpace, .quotaExceeded:
            self.init(.full, "the realm's storage is full; free space there and try again")
        case .readOnly: self.init(.readOnly, "the realm's storage refuses writes; remount it writable")
        default: self.init(.failed, "its index could not be made (\(error)); see the system's log")
        }
    }
}

/// Runs a step of a folder's index.
func indexCall<R>(_ body: () throws(IndexError) -> R) throws(RealmError) -> R {
    do throws(IndexError) { return try body() } catch { throw RealmError(error) }
}

/// Runs a step of the capsule that holds a folder's index.
func indexCapsuleCall<R>(_ body: () throws(CapsuleError) -> R) throws(RealmError) -> R {
    do throws(CapsuleError) { return try body() } catch { throw RealmError(index: error) }
}
