internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// What a driver makes of its process before it starts a thread: no core dump, every descriptor it may have, files for
/// its user alone, and signals that end it only through a clean unmount.
final class ProcessSignals: Sendable {
    private let lock = Lock()
    private let changed = Condition()
    // Guarded by `lock`.
    nonisolated(unsafe) private var unmount: (@Sendable () -> Void)?

    private init() {}

    static func takeOver() -> ProcessSignals {
        _ = argus_forbid_core_dumps()
        _ = argus_set_dumpable(0)
        _ = argus_set_process_name("argusfs")
        _ = argus_raise_descriptor_limit()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)

        var handled = sigset_t()
        sigemptyset(&handled)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&handled, number) }
        pthread_sigmask(SIG_BLOCK, &handled, nil)
        let signals = ProcessSignals()
        Thread.start(name: "signals") { signals.wait() }
        return signals
    }

    /// From now on, and also for a signal that came before, SIGTERM, SIGINT and SIGHUP unmount.
    func onTermination(_ unmount: @escaping @Sendable () -> Void) {
        lock.withLock {
            self.unmount = unmount
            changed.broadcast()
        }
    }

    private func wait() {
        var handled = sigset_t()
        sigemptyset(&handled)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&handled, number) }
        while true {
            var number: Int32 = 0
            guard sigwait(&handled, &number) == 0 else { continue }
            let unmount = lock.withLock { () -> @Sendable () -> Void in
                while true {
                    if let unmount = self.unmount { return unmount }
                    changed.wait(lock)
                }
            }
            unmount()
        }
    }
}
