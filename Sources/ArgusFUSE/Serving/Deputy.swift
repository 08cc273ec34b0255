internal import ArgusSystem
internal import Synchronization

/// Watches a leader that waits, and takes over where it waits for long.
///
/// The leader says when it begins and ends to wait; that costs an atomic store. The deputy looks every millisecond while
/// there was such a wait lately, and sleeps otherwise. It is what lets a leader wait for a fast disk without waking
/// anyone, and keeps a hanging one from holding up requests that need no disk.
final class Deputy: Sendable {
    private static let tickNanoseconds: UInt64 = 1_000_000
    /// Ticks without a wait after which the deputy sleeps.
    private static let quietTickMax = 20

    /// The wait under way: its number, or 0. Whoever changes the number to 0 has the leadership.
    private let wait = Atomic<UInt64>(0)
    private let newest = Atomic<UInt64>(0)
    private let isAsleep = Atomic<Bool>(true)
    private let lock = Lock()
    private let alarm = Condition()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var isEnding = false

    /// Says that the leader is about to wait.
    func beginWait() -> UInt64 {
        let number = newest.wrappingAdd(1, ordering: .relaxed).newValue
        wait.store(number, ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .sequentiallyConsistent) { lock.withLock { alarm.signal() } }
        return number
    }

    /// Says that the wait is over. False where the leadership was taken meanwhile.
    func endWait(_ number: UInt64) -> Bool {
        wait.compareExchange(expected: number, desired: 0, ordering: .sequentiallyConsistent).exchanged
    }

    /// Watches until `end`; `takeOver` is called with the leadership taken from the one who waits.
    func watch(_ takeOver: () -> Void) {
        var seen: UInt64 = 0
        var quietTicks = 0
        while sleepUntilTick() {
            let number = wait.load(ordering: .sequentiallyConsistent)
            if number == 0, newest.load(ordering: .relaxed) == seen {
                quietTicks += 1
                if quietTicks > Self.quietTickMax {
                    sleepUntilWait()
                    quietTicks = 0
                }
                continue
            }
            quietTicks = 0
            if number != 0, number == seen, endWait(number) { takeOver() }
            seen = number == 0 ? newest.load(ordering: .relaxed) : number
        }
    }

    func end() {
        lock.withLock {
            isEnding = true
            alarm.signal()
        }
    }

    private func sleepUntilTick() -> Bool {
        lock.withLock {
            if !isEnding { _ = alarm.wait(lock, nanoseconds: Self.tickNanoseconds) }
            return !isEnding
        }
    }

    private func sleepUntilWait() {
        lock.withLock {
            isAsleep.store(true, ordering: .sequentiallyConsistent)
            while !isEnding, wait.load(ordering: .sequentiallyConsistent) == 0 { alarm.wait(lock) }
            isAsleep.store(false, ordering: .sequentiallyConsistent)
        }
    }
}
