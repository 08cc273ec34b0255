package import ArgusCore
internal import Glibc

extension FileSystemError {
    /// The number that the app finds in `errno` (errno(3)): the one table between the volume's errors and Linux's.
    package var errno: Int32 {
        switch self {
        case .notFound: ENOENT
        case .exists: EEXIST
        case .notDirectory: ENOTDIR
        case .isDirectory: EISDIR
        case .notEmpty: ENOTEMPTY
        case .notPermitted: EPERM
        case .accessDenied: EACCES
        case .noSpace: ENOSPC
        case .quotaExceeded: EDQUOT
        case .inputOutput: EIO
        case .invalidArgument: EINVAL
        case .nameTooLong: ENAMETOOLONG
        case .crossDevice: EXDEV
        case .tooManyLinks: EMLINK
        case .readOnly: EROFS
        case .noAttribute: ENODATA
        case .bufferTooSmall: ERANGE
        case .argumentTooLong: E2BIG
        case .busy: EBUSY
        case .notSupported: EOPNOTSUPP
        case .notImplemented: ENOSYS
        case .stale: ESTALE
        case .fileTooLarge: EFBIG
        case .overflow: EOVERFLOW
        case .badHandle: EBADF
        case .noSuchDevice: ENXIO
        case .outOfMemory: ENOMEM
        case .tooManyOpenFiles: EMFILE
        case .interrupted: EINTR
        case .tryAgain: EAGAIN
        }
    }
}
