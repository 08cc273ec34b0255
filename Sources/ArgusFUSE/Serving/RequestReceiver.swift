internal import ArgusSystem
internal import CArgusLinux
internal import Glibc
internal import Logging

/// Takes requests from /dev/fuse, one at a time: only the leader among the workers calls it.
///
/// It polls before it sleeps: the next request of a busy app comes within a few microseconds of the last answer, sooner
/// than a sleeping thread wakes. A mount without requests sleeps in poll(2) with no timeout.
struct RequestReceiver: ~Copyable {
    enum Arrival {
        case request(byteCount: Int)
        /// The mount is gone, or serving is to end.
        case ended
    }

    /// How long the leader tries again after the last request, in nanoseconds.
    private static let pollingNanoseconds: UInt64 = 50_000

    private let device: Int32
    private let wake: OwnedDescriptor
    private let clock = SystemClock()

    init(device: Int32) throws(SystemError) {
        let descriptor = argus_fuse_eventfd()
        guard descriptor >= 0 else { throw SystemError(errno: errno, call: "eventfd(2)") }
        self.device = device
        wake = OwnedDescriptor(owning: descriptor)
    }

    /// Wakes the sleeping leader, and every later one at once: to be called when serving is to end.
    borrowing func interrupt() {
        var one: UInt64 = 1
        _ = write(wake.rawValue, &one, MemoryLayout<UInt64>.size)
    }

    /// Whether a request can be read now.
    var hasRequest: Bool {
        var polled = pollfd(fd: device, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) > 0
    }

    borrowing func next(into buffer: UnsafeMutableRawBufferPointer) -> Arrival {
        var deadline = clock.monotonicNanoseconds() + Self.pollingNanoseconds
        while true {
            let count = read(device, buffer.baseAddress, buffer.count)
            let cause = errno
            if count > 0 { return .request(byteCount: count) }
            switch cause {
            // ENOENT: the request was withdrawn while it was read.
            case EINTR, ENOENT: continue
            case EAGAIN: break
            case ENODEV, ECONNABORTED: return .ended
            default:
                log.error("the mount's device cannot be read any more", metadata: ["errno": "\(cause)"])
                return .ended
            }
            if clock.monotonicNanoseconds() < deadline {
                // Sealing, commits and the app itself go first.
                sched_yield()
                continue
            }
            guard sleep() else { return .ended }
            deadline = clock.monotonicNanoseconds() + Self.pollingNanoseconds
        }
    }

    /// Waits for a request without using the processor; false where serving is to end.
    private borrowing func sleep() -> Bool {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { polled in
            polled[0] = pollfd(fd: device, events: Int16(POLLIN), revents: 0)
            polled[1] = pollfd(fd: wake.rawValue, events: Int16(POLLIN), revents: 0)
            while poll(polled.baseAddress, 2, -1) < 0 {
                if errno != EINTR { return false }
            }
            return polled[1].revents == 0
        }
    }
}
