internal import CArgusLinux
internal import Glibc

/// What a file is and when it last changed. Two equal states have equal content: whoever changes a file's content
/// changes its ctime, which nobody can set.
///
/// Taken without asking whoever serves the file's file system: that may be this process.
package struct FileState: Hashable, Sendable {
    package let deviceMajor: UInt32
    package let deviceMinor: UInt32
    package let inode: UInt64
    package let byteCount: UInt64
    package let isRegular: Bool
    private let modified: SIMD2<Int64>
    private let changed: SIMD2<Int64>

    /// Of an open descriptor (statx(2)), O_PATH included.
    package init(descriptor: Int32) throws(SystemError) {
        var state = argus_file_state()
        let status = argus_read_file_state(descriptor, &state)
        let cause = errno
        guard status == 0 else { throw SystemError(errno: cause, call: "statx(2)") }
        deviceMajor = state.device_major
        deviceMinor = state.device_minor
        inode = state.inode
        byteCount = state.size
        isRegular = state.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
        modified = [state.modified_seconds, Int64(state.modified_nanoseconds)]
        changed = [state.changed_seconds, Int64(state.changed_nanoseconds)]
    }

    /// How long ago the file changed, at the time `now` since 1970; 0 for what lies ahead.
    package func age(at now: (seconds: Int64, nanoseconds: Int64)) -> UInt64 {
        let seconds = now.seconds - changed[0]
        guard seconds >= 0 else { return 0 }
        guard seconds < 1_000 else { return 1_000_000_000_000 }
        return UInt64(max(0, seconds * 1_000_000_000 + now.nanoseconds - changed[1]))
    }
}

extension OwnedDescriptor {
    /// The program of the process whose directory in /proc this is, named without being opened (O_PATH).
    package static func program(ofProcess directory: Int32) throws(SystemError) -> OwnedDescriptor {
        let descriptor = argus_open_program(directory)
        let cause = errno
        guard descriptor >= 0 else { throw SystemError(errno: cause, call: "openat(2)") }
        return OwnedDescriptor(owning: descriptor)
    }

    /// Whether the file lies on a FUSE mount. Asks whoever serves it.
    package var liesOnFUSE: Bool { argus_is_on_fuse(rawValue) == 1 }
}
