import ArgusCore
import Glibc
import Testing

@testable import ArgusFUSE

@Suite("Errors of the volume become the errno that Linux gives")
struct ErrnoTests {
    @Test(
        "one number for each",
        arguments: [
            (FileSystemError.notFound, ENOENT), (.exists, EEXIST), (.notDirectory, ENOTDIR), (.isDirectory, EISDIR),
            (.notEmpty, ENOTEMPTY), (.notPermitted, EPERM), (.accessDenied, EACCES), (.noSpace, ENOSPC),
            (.quotaExceeded, EDQUOT), (.inputOutput, EIO), (.invalidArgument, EINVAL), (.nameTooLong, ENAMETOOLONG),
            (.crossDevice, EXDEV), (.tooManyLinks, EMLINK), (.readOnly, EROFS), (.noAttribute, ENODATA),
            (.bufferTooSmall, ERANGE), (.argumentTooLong, E2BIG), (.busy, EBUSY), (.notSupported, EOPNOTSUPP),
            (.notImplemented, ENOSYS), (.stale, ESTALE), (.fileTooLarge, EFBIG), (.overflow, EOVERFLOW),
            (.badHandle, EBADF), (.noSuchDevice, ENXIO), (.outOfMemory, ENOMEM), (.tooManyOpenFiles, EMFILE),
            (.interrupted, EINTR), (.tryAgain, EAGAIN),
        ])
    func table(error: FileSystemError, errno: Int32) {
        #expect(error.errno == errno)
    }

    @Test(
        "the kernel is never told that permission, opening or syncing is not implemented",
        arguments: [
            Opcode.open, .opendir, .create, .access, .fsync, .fsyncdir, .flush, .read, .write, .lookup, .syncfs,
            .rename2,
        ])
    func neverUnimplemented(opcode: Opcode) throws {
        let pair = try SocketPair()
        Reply(descriptor: pair.driver, unique: 5, opcode: opcode.rawValue).fail(ENOSYS)
        #expect(try pair.received() == SocketPair.Message(error: -EOPNOTSUPP, unique: 5, payload: []))
    }
}
