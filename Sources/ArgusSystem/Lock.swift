internal import CArgusLinux
internal import Glibc

/// A mutual exclusion lock (pthread_mutex_lock(3), adaptive). Not recursive.
///
/// `@unchecked`: the mutex lies at an address of its own, which never changes while the lock lives.
package final class Lock: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    package init() {
        mutex.initialize(to: pthread_mutex_t())
        let status = argus_system_mutex_init(mutex)
        precondition(status == 0, "pthread_mutex_init(3) failed")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func lock() {
        let status = pthread_mutex_lock(mutex)
        assert(status == 0)
    }

    package func unlock() {
        let status = pthread_mutex_unlock(mutex)
        assert(status == 0)
    }

    @inlinable
    package func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// A mutual exclusion lock that is held while storage is waited for. Not recursive.
package final class LongLock: Sendable {
    private let inner = Lock()

    package init() {}

    /// Gives notice where somebody else has it.
    package func lock() {
        guard pthread_mutex_trylock(inner.mutex) != 0 else { return }
        WaitNotice.give()
        inner.lock()
    }

    /// Takes the lock where nobody has it.
    package func tryLock() -> Bool { pthread_mutex_trylock(inner.mutex) == 0 }

    package func unlock() { inner.unlock() }

    @inlinable
    package func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// A lock for many readers or one writer (pthread_rwlock_rdlock(3)). Waiting writers go first, so a thread must not
/// take the read lock twice.
///
/// `@unchecked`: the lock lies at an address of its own, which never changes while this object lives.
package final class ReadWriteLock: @unchecked Sendable {
    private let raw = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

    package init() {
        raw.initialize(to: pthread_rwlock_t())
        let status = argus_system_rwlock_init(raw)
        precondition(status == 0, "pthread_rwlock_init(3) failed")
    }

    deinit {
        pthread_rwlock_destroy(raw)
        raw.deallocate()
    }

    package func readLock() {
        // EAGAIN means 2³¹ readers, EDEADLK a thread that holds the write lock: both are errors of the program.
        let status = pthread_rwlock_rdlock(raw)
        precondition(status == 0, "a read lock was refused")
    }

    package func writeLock() {
        let status = pthread_rwlock_wrlock(raw)
        precondition(status == 0, "a write lock was refused")
    }

    /// Gives back the lock that this thread holds.
    package func unlock() {
        let status = pthread_rwlock_unlock(raw)
        assert(status == 0)
    }

    @inlinable
    package func withReadLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        readLock()
        defer { unlock() }
        return try body()
    }

    @inlinable
    package func withWriteLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        writeLock()
        defer { unlock() }
        return try body()
    }
}
