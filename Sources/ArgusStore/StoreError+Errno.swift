package import ArgusSystem
internal import Glibc

/// What an errno of the storage means to a store's user: the one place that translates (errno(3)).
extension StoreError {
    package init(errno: Int32) {
        self =
            switch errno {
            case ENOENT: .missing
            case EEXIST: .exists
            case ELOOP, ENOTDIR, EISDIR, EXDEV: .notAnObject
            case ENOSPC, EDQUOT: .full
            case EROFS, EACCES, EPERM: .readOnly
            case EMFILE, ENFILE: .tooManyOpen
            case ESTALE, ENOTCONN, ENXIO, ENODEV: .unavailable
            default: .failed(errno: errno)
            }
    }

    package init(_ error: SystemError) { self.init(errno: error.errno) }

    /// What is the matter with an object, in words that follow its name.
    package var text: String {
        switch self {
        case .missing: "is missing"
        case .exists: "exists already"
        case .notAnObject: "is no regular file"
        case .full: "found no room on its storage"
        case .readOnly: "is refused by its storage"
        case .tooManyOpen: "cannot be opened: no file descriptor is left"
        case .unavailable: "cannot be reached: its storage is gone"
        case .failed(let errno): "cannot be read or written: \(String(cString: strerror(errno)))"
        }
    }
}

/// Makes a system call that answers -1 on failure, again while a signal interrupts it.
@discardableResult
func storeCall<Value: SignedInteger>(_ body: () -> Value) throws(StoreError) -> Value {
    while true {
        let value = body()
        let cause = errno
        if value != -1 { return value }
        if cause != EINTR { throw StoreError(errno: cause) }
    }
}

/// Does what ArgusSystem does, with its error translated.
func translated<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(StoreError) -> Result {
    do throws(SystemError) { return try body() } catch { throw StoreError(error) }
}
