internal import Glibc

/// What a thread keeps between calls, so that sealing a page allocates nothing and hashing a record little.
///
/// Made at the thread's first use and freed, with libcrypto wiping the key schedule, when the thread ends
/// (pthread_key_create(3)).
final class ThreadContext {
    let cipher = AESGCM()
    let digest = Digest()
    /// Whether `cipher` is lent: a use within that one gets a context of its own, or it would change the key.
    var isCipherLent = false

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { value in
            if let value { Unmanaged<ThreadContext>.fromOpaque(value).release() }
        }
        precondition(status == 0, "pthread_key_create(3) failed")
        return key
    }()

    /// The calling thread's own; it must not leave the thread.
    static var current: ThreadContext {
        if let value = pthread_getspecific(key) {
            return Unmanaged<ThreadContext>.fromOpaque(value).takeUnretainedValue()
        }
        let made = ThreadContext()
        let status = pthread_setspecific(key, Unmanaged.passRetained(made).toOpaque())
        precondition(status == 0, "pthread_setspecific(3) failed")
        return made
    }
}
