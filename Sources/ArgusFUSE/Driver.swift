package import ArgusFS
internal import ArgusSystem
internal import Glibc

/// A mounted volume, or several on one mount: takes the kernel's requests and answers them, from the mount until it is gone.
///
/// `init` mounts; requests wait until `run`. `run` ends when someone unmounted (umount(8), fusermount3(1)), or after
/// `unmount`. The volumes outlive it: who mounted shuts them down afterwards.
package final class Driver: Sendable {
    /// How long files still open on an unmounted driver are served before they fail with ENOTCONN, in nanoseconds.
    private static let lingerNanoseconds: UInt64 = 5_000_000_000

    private let session: MountSession
    private let workers: Workers
    private let invalidations: InvalidationQueue

    private let lock = Lock()
    private let ended = Condition()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var hasEnded = false

    package convenience init(volume: Volume, options: MountOptions) throws(MountError) {
        try self.init(Router(volume), options)
    }

    package convenience init(folders: FolderSet, options: MountOptions) throws(MountError) {
        try self.init(Router(folders), options)
    }

    private init(_ router: Router, _ options: MountOptions) throws(MountError) {
        let session = try MountSession(options)
        let invalidations = InvalidationQueue(device: session.device.rawValue)
        do throws(SystemError) {
            workers = try Workers(
                device: session.device.rawValue, router: router, invalidations: invalidations,
                kernelChecksPermission: options.defaultPermissions, kernelAsksBeforeReads: options.asksBeforeReads
            ) { session.raiseReadAhead() }
        } catch {
            session.unmount()
            throw .failed(reason: "no descriptor is left for the mount (\(error.description))")
        }
        self.session = session
        self.invalidations = invalidations
        router.setKernelCaches(invalidations)
    }

    /// Serves until the mount is gone, then returns with every request answered and no thread left.
    package func run() {
        let notifier = Thread.start(name: "fuse-notify") { [invalidations] in invalidations.run() }
        workers.serve()
        invalidations.end()
        session.unmount()
        notifier.join()
        lock.withLock {
            hasEnded = true
            ended.broadcast()
        }
    }

    /// Takes the mount away and makes `run` return: at once where nothing is open on it, otherwise when the last file is
    /// closed or after five seconds. Returns without waiting for that; may be called from any thread, more than once.
    package func unmount() {
        session.unmount()
        Thread.start(name: "fuse-linger") { self.linger() }
    }

    private func linger() {
        let isOver = lock.withLock {
            while !hasEnded {
                guard ended.wait(lock, nanoseconds: Self.lingerNanoseconds) else { break }
            }
            return hasEnded
        }
        if !isOver { workers.end() }
    }
}
