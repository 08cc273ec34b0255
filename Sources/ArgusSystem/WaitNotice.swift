internal import CArgusLinux

/// What a thread lets others know before it waits for storage, for another thread or for the network.
///
/// Whoever leads others must not wait, and cannot tell beforehand whether a request will: that shows far below, where
/// a page is not in memory or a lock is taken. There `give` is called, and the leader hands over, at that moment and
/// only then. A thread without a notice loses nothing by it.
package enum WaitNotice {
    /// Whether the calling thread has somebody to tell.
    package static var isWanted: Bool { argus_system_has_wait_notice() }

    /// To be called before the calling thread may wait. The first call tells, further ones do nothing.
    package static func give() { argus_system_give_wait_notice() }

    /// Runs `body`; `call` is called with `context` when it first may wait.
    package static func with<R: ~Copyable, E: Error>(
        _ call: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void, _ context: UnsafeMutableRawPointer,
        _ body: () throws(E) -> R
    ) throws(E) -> R {
        argus_system_set_wait_notice(argus_wait_notice(call: call, context: context))
        defer { argus_system_set_wait_notice(argus_wait_notice(call: nil, context: nil)) }
        return try body()
    }
}
