internal import CArgusLinux
internal import Glibc

/// A thread of the operating system (pthread_create(3)), for work that blocks.
///
/// It leaves SIGHUP, SIGINT, SIGQUIT and SIGTERM to the thread that waits for them. Dropped without `join`, it runs on.
package final class Thread: Sendable {
    private struct State {
        var handle: pthread_t
        var isJoined = false
    }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let lock = Lock()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var state: State

    private init(_ handle: pthread_t) {
        self.state = State(handle: handle)
    }

    deinit {
        if !state.isJoined { pthread_detach(state.handle) }
    }

    /// Starts a thread. The kernel keeps the first 15 bytes of `name`. Traps where the system allows no more threads.
    @discardableResult
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Thread {
        var handle = pthread_t()
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let status = name.withCString {
            argus_system_thread_start(
                &handle, $0,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                    return nil
                }, argument)
        }
        precondition(status == 0, "pthread_create(3) failed")
        return Thread(handle)
    }

    /// Waits until the thread has ended; at once when it was joined before.
    package func join() {
        lock.withLock {
            guard !state.isJoined else { return }
            let status = pthread_join(state.handle, nil)
            precondition(status == 0, "a thread cannot wait for itself")
            state.isJoined = true
        }
    }
}
