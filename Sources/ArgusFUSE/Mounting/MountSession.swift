internal import ArgusSystem
internal import CArgusLinux
internal import CFuse3
internal import Glibc
internal import Logging

/// A mount made by libfuse, and the descriptor over which the kernel sends its requests.
///
/// libfuse mounts, unmounts and knows fusermount3(1); it never sees a request. The driver reads and writes through a
/// descriptor of its own, so that unmounting, which closes libfuse's, leaves the requests of still open files served.
///
/// `@unchecked`: the session pointer is guarded by `lock`; all else is constant.
final class MountSession: @unchecked Sendable {
    /// The driver's own descriptor of /dev/fuse; reads from it never wait.
    let device: OwnedDescriptor
    /// The mount as the kernel lists it; nil where the table cannot be read.
    let entry: MountTableEntry?

    private let lock = Lock()
    private var session: OpaquePointer?

    init(_ options: MountOptions) throws(MountError) {
        try MountPreflight.check(options)
        argus_fuse_keep_messages()
        argus_fuse_forget_message()

        var arguments = fuse_args(argc: 0, argv: nil, allocated: 0)
        defer { fuse_opt_free_args(&arguments) }
        guard fuse_opt_add_arg(&arguments, "argusfs") == 0, fuse_opt_add_arg(&arguments, "-o") == 0,
            fuse_opt_add_arg(&arguments, options.libfuseOptions) == 0
        else { throw .failed(reason: "the mount options do not fit into memory") }
        var operations = fuse_lowlevel_ops()
        guard let session = fuse_session_new(&arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, nil) else {
            throw .failed(reason: Self.reason("libfuse refused the mount options"))
        }
        let before = Set(MountTableEntry.all.map(\.id))
        guard fuse_session_mount(session, options.mountPoint) == 0 else {
            fuse_session_destroy(session)
            throw .failed(reason: Self.reason("the system refused to mount here"))
        }
        let duplicate = argus_fuse_duplicate_nonblocking(fuse_session_fd(session))
        guard duplicate >= 0 else {
            let cause = errno
            fuse_session_unmount(session)
            fuse_session_destroy(session)
            throw .failed(reason: "no descriptor is left for the mount (\(String(cString: strerror(cause))))")
        }
        device = OwnedDescriptor(owning: duplicate)
        entry = MountTableEntry.top(at: options.mountPoint).flatMap { $0.type == "fuse.argusfs" ? $0 : nil }
        // Whoever may write in a directory above can put a link in the mount point's place, and the mount elsewhere.
        guard entry != nil || textFile(MountTableEntry.tablePath) == nil else {
            MountTableEntry.takeAwayOnly(since: before)
            fuse_session_unmount(session)
            fuse_session_destroy(session)
            throw .mountPoint(
                reason: "was replaced while it was mounted; mount below directories that only you can change")
        }
        self.session = session
    }

    deinit { unmount() }

    /// Takes the mount away, even while files on it are open; their requests still arrive. Once; then does nothing.
    func unmount() {
        lock.withLock {
            guard let session else { return }
            // libfuse closes its descriptor first, then calls umount2(2) with MNT_DETACH or `fusermount3 -u -z`;
            // where the kernel says that the mount is gone already, it only closes.
            fuse_session_unmount(session)
            fuse_session_destroy(session)
            self.session = nil
        }
    }

    /// The kernel's readahead for FUSE is 128 KiB: a quarter of what hides the round trip of a sequential reader.
    private static let readAheadKiB = "4096"

    /// Raises the readahead of the mount; for root alone, and only once the kernel knows the driver's limits.
    func raiseReadAhead() {
        guard geteuid() == 0, let device = entry?.device else { return }
        do throws(SystemError) {
            let file = try OwnedDescriptor.open("/sys/class/bdi/\(device)/read_ahead_kb", flags: O_WRONLY)
            let text = Array(Self.readAheadKiB.utf8)
            guard write(file.rawValue, text, text.count) == text.count else {
                throw SystemError(errno: errno, call: "write(2)")
            }
        } catch {
            log.info("the readahead of the mount stays as it is: \(error.description)")
        }
    }

    /// libfuse's own words where it had some.
    private static func reason(_ fallback: String) -> String {
        let message = String(cString: argus_fuse_last_message())
        return message.isEmpty ? fallback : message
    }
}

/// The driver's log. It carries opcodes, errnos and counts; never names, content or inode numbers.
let log = Logger(label: "argusfs.driver")
