/// Why a directory cannot be used as a store.
package enum DirectoryStoreError: Error, Hashable, Sendable {
    /// There is no directory at that path.
    case missing
    /// The path leads to something else than a directory.
    case notADirectory
    /// The directory holds other files and no store; none is made among them.
    case notEmpty
    /// The directory has no marker of a store, or one that nobody can read.
    case notAStore
    /// A later version made the store.
    case newerFormat(found: Int, supported: Int)
    /// Another process uses the store.
    case busy
    case store(StoreError)

    /// One line for the operator: what is wrong, and what to do.
    package var message: String {
        switch self {
        case .missing: "the store's directory does not exist; is its storage mounted?"
        case .notADirectory: "the store's path is no directory"
        case .notEmpty: "the directory holds other files; choose an empty one for a new store"
        case .notAStore: "the directory is no store; is its storage mounted?"
        case .newerFormat(let found, let supported):
            "the store has format \(found), this version knows up to \(supported); install the version that made it"
        case .busy: "another process uses the store; stop it first"
        case .store(.readOnly): "the store's storage refuses access; check its owner, mode and mount options"
        case .store(.full): "the store's storage is full"
        case .store(.tooManyOpen): "no file descriptor is left; raise the limit of open files"
        case .store(.unavailable), .store(.missing): "the store is gone; is its storage mounted?"
        case .store(.exists), .store(.notAnObject):
            "something else lies where a file of the store belongs; look for a link, device or directory there"
        case .store(.failed(let errno)): "the store's storage failed with error \(errno); see the system's log"
        }
    }
}
