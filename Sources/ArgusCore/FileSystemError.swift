/// What a file operation can answer instead of a result: a closed set, turned into an errno once, by the driver.
///
/// Each case carries the sense of the errno that Linux gives at that place (errno(3)).
package enum FileSystemError: Error, Hashable, Sendable {
    /// ENOENT
    case notFound
    /// EEXIST
    case exists
    /// ENOTDIR
    case notDirectory
    /// EISDIR
    case isDirectory
    /// ENOTEMPTY
    case notEmpty
    /// EPERM: not for this caller, whatever the mode says.
    case notPermitted
    /// EACCES: the mode, or the folder's protection, denies it.
    case accessDenied
    /// ENOSPC
    case noSpace
    /// EDQUOT
    case quotaExceeded
    /// EIO: storage failed, or returned bytes that are not authentic.
    case inputOutput
    /// EINVAL
    case invalidArgument
    /// ENAMETOOLONG
    case nameTooLong
    /// EXDEV
    case crossDevice
    /// EMLINK
    case tooManyLinks
    /// EROFS
    case readOnly
    /// ENODATA: no such extended attribute, or no data after the offset is ENXIO's `noSuchDevice`.
    case noAttribute
    /// ERANGE: the caller's buffer is too small.
    case bufferTooSmall
    /// E2BIG
    case argumentTooLong
    /// EBUSY
    case busy
    /// EOPNOTSUPP
    case notSupported
    /// ENOSYS: the kernel may stop asking.
    case notImplemented
    /// ESTALE
    case stale
    /// EFBIG
    case fileTooLarge
    /// EOVERFLOW
    case overflow
    /// EBADF
    case badHandle
    /// ENXIO
    case noSuchDevice
    /// ENOMEM
    case outOfMemory
    /// EMFILE, ENFILE
    case tooManyOpenFiles
    /// EINTR
    case interrupted
    /// EAGAIN
    case tryAgain
}

extension FileSystemError {
    /// Why something could not be made durable, for people.
    package var storageCause: String {
        switch self {
        case .noSpace, .quotaExceeded: "storage has no room"
        case .readOnly: "storage refuses writes"
        case .inputOutput: "storage fails"
        default: "\(self)"
        }
    }
}
