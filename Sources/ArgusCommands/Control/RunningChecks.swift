internal import ArgusSystem

/// The checks under way in a driver, and whether they are to end.
final class RunningChecks: Sendable {
    private let lock = Lock()
    private let changed = Condition()
    // Guarded by `lock`.
    nonisolated(unsafe) private var count = 0
    nonisolated(unsafe) private var isEnding = false

    var areEnding: Bool { lock.withLock { isEnding } }

    /// False once checks are to end.
    func begin() -> Bool {
        lock.withLock {
            guard !isEnding else { return false }
            count += 1
            return true
        }
    }

    func end() {
        lock.withLock {
            count -= 1
            changed.broadcast()
        }
    }

    func endAll() {
        lock.withLock {
            isEnding = true
            while count > 0 { changed.wait(lock) }
        }
    }
}
