internal import CArgusLinux
internal import Glibc

/// Where threads wait, under a `Lock`, for what others change (pthread_cond_wait(3)).
///
/// A wait may end for no reason: check the state in a loop. Timed waits go by CLOCK_MONOTONIC, which no setting of
/// the wall clock moves.
///
/// `@unchecked`: the condition lies at an address of its own, which never changes while this object lives.
package final class Condition: @unchecked Sendable {
    private let raw = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        raw.initialize(to: pthread_cond_t())
        let status = argus_system_cond_init(raw)
        precondition(status == 0, "pthread_cond_init(3) failed")
    }

    deinit {
        pthread_cond_destroy(raw)
        raw.deallocate()
    }

    /// Waits with `lock` given up meanwhile; the caller holds it before and after.
    package func wait(_ lock: Lock) {
        WaitNotice.give()
        let status = pthread_cond_wait(raw, lock.mutex)
        assert(status == 0)
    }

    /// Like `wait`, for at most so many nanoseconds. False where the time has run out.
    package func wait(_ lock: Lock, nanoseconds: UInt64) -> Bool {
        WaitNotice.give()
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let sum = UInt64(deadline.tv_nsec) + nanoseconds % 1_000_000_000
        deadline.tv_sec += Int(nanoseconds / 1_000_000_000 + sum / 1_000_000_000)
        deadline.tv_nsec = Int(sum % 1_000_000_000)
        return pthread_cond_timedwait(raw, lock.mutex, &deadline) != ETIMEDOUT
    }

    /// Wakes one waiting thread.
    package func signal() { pthread_cond_signal(raw) }

    /// Wakes every waiting thread.
    package func broadcast() { pthread_cond_broadcast(raw) }
}
