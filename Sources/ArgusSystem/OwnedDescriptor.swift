internal import Glibc

/// A file descriptor with one owner, closed when the owner drops it.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    /// Takes over an open descriptor; nobody else may close it.
    package init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        _ = Glibc.close(rawValue)
    }

    /// Closes, and tells what the filesystem reports only now (close(2)).
    ///
    /// The descriptor is gone whatever the answer; EINTR is none, since Linux has closed it by then.
    package consuming func close() throws(SystemError) {
        let descriptor = rawValue
        discard self
        let status = Glibc.close(descriptor)
        let cause = errno
        if status == -1, cause != EINTR { throw SystemError(errno: cause, call: "close(2)") }
    }

    /// Gives the descriptor away: the caller closes it.
    package consuming func release() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }

    /// Opens a path given by the operator, following symbolic links (open(2)). O_CLOEXEC is always set.
    package static func open(_ path: String, flags: Int32, mode: UInt32 = 0) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try systemCall("open(2)", on: path) { Glibc.open($0, flags | O_CLOEXEC, mode_t(mode)) })
    }
}
