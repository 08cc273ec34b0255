import ArgusCore
import ArgusSystem
import Glibc
import Testing

@Suite("Threads, locks and conditions")
struct ThreadingTests {
    @Test("a wait that nobody ends runs out", arguments: [0, 1, 2_000_000, 1_000_000_000] as [UInt64])
    func timeout(nanoseconds: UInt64) {
        let (lock, condition) = (Lock(), Condition())
        // A wait may end for no reason, with true; it cannot do so for ever.
        let ranOut = lock.withLock {
            for _ in 0..<100 where !condition.wait(lock, nanoseconds: nanoseconds) { return true }
            return false
        }
        #expect(ranOut)
    }

    @Test("a signal ends a wait, and no lock is lost", arguments: [true, false])
    func signal(isTimed: Bool) {
        let (lock, condition) = (Lock(), Condition())
        nonisolated(unsafe) var turn = 0
        let other = Thread.start(name: "other") {
            for round in 0..<500 {
                lock.withLock {
                    while turn != 2 * round + 1 { condition.wait(lock) }
                    turn += 1
                    condition.signal()
                }
            }
        }
        for round in 0..<500 {
            lock.withLock {
                turn += 1
                condition.signal()
                while turn != 2 * round + 2 {
                    if isTimed { _ = condition.wait(lock, nanoseconds: 60_000_000_000) } else { condition.wait(lock) }
                }
            }
        }
        other.join()
        #expect(turn == 1000)
    }

    @Test("a broadcast wakes every waiting thread")
    func broadcast() {
        let (lock, condition) = (Lock(), Condition())
        nonisolated(unsafe) var isOpen = false
        nonisolated(unsafe) var count = 0
        let threads = (0..<8).map { _ in
            Thread.start(name: "waits") {
                lock.withLock {
                    while !isOpen { condition.wait(lock) }
                    count += 1
                }
            }
        }
        lock.withLock {
            isOpen = true
            condition.broadcast()
        }
        for thread in threads { thread.join() }
        #expect(count == 8)
    }

    @Test("a lock lets one thread in at a time, and is given back when the body throws")
    func lock() {
        struct Refused: Error {}
        let lock = Lock()
        nonisolated(unsafe) var count = 0
        let threads = (0..<4).map { _ in
            Thread.start(name: "counts") { for _ in 0..<5000 { lock.withLock { count += 1 } } }
        }
        for thread in threads { thread.join() }
        #expect(count == 20_000)
        #expect(throws: Refused.self) { try lock.withLock { () throws(Refused) in throw Refused() } }
        lock.withLock { count = 0 }
        #expect(count == 0)
    }

    @Test("readers share, and see a writer's change whole")
    func readWriteLock() {
        let lock = ReadWriteLock()
        nonisolated(unsafe) var pair = (0, 0)
        nonisolated(unsafe) var torn = 0
        let threads = (0..<4).map { number in
            Thread.start(name: "reads") {
                for round in 0..<2000 {
                    if number == 0 {
                        lock.withWriteLock { pair = (round, round) }
                    } else if !lock.withReadLock({ pair.0 == pair.1 }) {
                        lock.withWriteLock { torn += 1 }
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(torn == 0)
        // Two readers at once: with a lock for one alone the inner thread would never end.
        lock.withReadLock {
            Thread.start(name: "second") { lock.withReadLock {} }.join()
        }
    }

    @Test("joining twice is joining once")
    func join() {
        let thread = Thread.start(name: "a name of more than fifteen bytes") {}
        thread.join()
        thread.join()
    }

    @Test("an error of the system names its call and its cause")
    func systemError() {
        #expect(SystemError(errno: ENOENT, call: "openat(2)").description == "openat(2): No such file or directory")
    }

    @Test("the clocks run forward")
    func clock() {
        let clock = SystemClock()
        let first = clock.monotonicNanoseconds()
        #expect(clock.monotonicNanoseconds() >= first)
        #expect(clock.now().nanoseconds < 1_000_000_000)
    }
}
