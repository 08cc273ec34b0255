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

    /// To be called before what does not wait as a rule, and does on storage that hangs: making, changing or opening for
    /// writing what a frozen file system holds (FIFREEZE of ioctl_fs(2)), or one whose device does not answer.
    package static func giveIfHanging() { argus_system_give_hang_notice() }

    package typealias Call = @convention(c) (UnsafeMutableRawPointer?) -> Void

    /// Runs `body`; `willWait` is called with `context` when it first may wait, `mayHang` before that when it first may
    /// hang.
    package static func with<R: ~Copyable, E: Error>(
        _ willWait: @escaping Call, mayHang: @escaping Call, _ context: UnsafeMutableRawPointer,
        _ body: () throws(E) -> R
    ) throws(E) -> R {
        argus_system_set_wait_notice(argus_wait_notice(will_wait: willWait, may_hang: mayHang, context: context))
        defer {
            argus_system_set_wait_notice(argus_wait_notice(will_wait: nil, may_hang: nil, context: nil))
        }
        return try body()
    }
}
