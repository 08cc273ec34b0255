internal import ArgusSystem
internal import Glibc

/// The right to write to a store, held by one process at a time (flock(2)).
///
/// The kernel gives it back when the process ends, however it ends. A descriptor inherited by a child keeps it.
final class WriterLock: Sendable {
    /// Someone who removes the file again and again is no reason to wait forever.
    private static let attempts = 16

    private let root: DirectoryHandle
    private let guardian = Lock()
    /// Guarded by `guardian`.
    nonisolated(unsafe) private var held: OwnedDescriptor?

    init(_ root: DirectoryHandle) { self.root = root }

    func take() throws(DirectoryStoreError) {
        guardian.lock()
        defer { guardian.unlock() }
        guard held == nil else { return }
        for _ in 0..<Self.attempts {
            let file = try openFile()
            guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                let cause = errno
                if cause == EINTR { continue }
                throw cause == EWOULDBLOCK ? .busy : .store(StoreError(errno: cause))
            }
            // The lock counts only on the file that the next process will find.
            if isCurrent(file) {
                held = consume file
                return
            }
        }
        throw .busy
    }

    private func openFile() throws(DirectoryStoreError) -> OwnedDescriptor {
        let name = DirectoryStore.lockName
        do throws(SystemError) {
            return try root.open(name, flags: O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY)
        } catch  where error.errno == EROFS || error.errno == EACCES {
            // A reader of a store that it may not change can still keep writers out where the file is there.
            do throws(SystemError) { return try root.open(name, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) } catch {
                throw .store(.readOnly)
            }
        } catch {
            throw .store(StoreError(error))
        }
    }

    private func isCurrent(_ file: borrowing OwnedDescriptor) -> Bool {
        var locked = stat()
        var found = stat()
        return fstat(file.rawValue, &locked) == 0
            && fstatat(root.descriptor, DirectoryStore.lockName, &found, AT_SYMLINK_NOFOLLOW) == 0
            && locked.st_dev == found.st_dev && locked.st_ino == found.st_ino
    }
}
