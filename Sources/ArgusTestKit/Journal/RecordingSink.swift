package import ArgusJournal
internal import Synchronization

/// A journal in memory: keeps every event in order, and refuses or fails when a test tells it to. Where it is to fail, it
/// does so at the append, as a disk would; where it is full, at the reservation before.
///
/// An event is in `events` before `append` returns. The hash of `head` is a stand-in that changes with every
/// event; it proves nothing.
package final class RecordingSink: JournalSink {
    private struct State {
        var events: [AuditEvent] = []
        var durableCount = 0
        var failure: JournalError?
        var remainingBeforeFailure: Int?
        var reservations = 0
        var kept = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Everything appended so far, oldest first.
    package var events: [AuditEvent] { state.withLock { $0.events } }
    /// How many of the events, from the oldest on, a `sync` has covered.
    package var durableCount: Int { state.withLock { $0.durableCount } }
    /// Room kept for what is being done, and neither used nor released.
    package var keptReservations: Int { state.withLock { $0.kept } }
    /// Close records reserved and not yet used or released.
    package var openReservations: Int { state.withLock { $0.reservations } }

    package func events(of activity: AuditActivity) -> [AuditEvent] { events.filter { $0.activity == activity } }

    /// Forgets what was recorded; sequence numbers start again at 1.
    package func reset() {
        state.withLock { state in
            state.events.removeAll()
            state.durableCount = 0
        }
    }

    /// From now on (or after `count` more events) every append and sync throws `error`; nil makes them succeed again.
    package func fail(with error: JournalError?, afterEvents count: Int = 0) {
        state.withLock { state in
            state.failure = error
            state.remainingBeforeFailure = error == nil ? nil : count
        }
    }

    package func append(_ event: AuditEvent) throws(JournalError) {
        let refused = state.withLock { state -> JournalError? in
            if let remaining = state.remainingBeforeFailure, let failure = state.failure {
                if remaining == 0 { return failure }
                state.remainingBeforeFailure = remaining - 1
            }
            if event.activity == .close, state.reservations > 0 { state.reservations -= 1 }
            state.events.append(event)
            return nil
        }
        if let refused { throw refused }
    }

    package func reserve(_ event: AuditEvent) throws(JournalError) -> JournalReservation {
        let isFull = state.withLock { state -> Bool in
            if state.remainingBeforeFailure == 0, state.failure == .full { return true }
            state.kept += 1
            return false
        }
        if isFull { throw .full }
        return JournalReservation(byteCount: 1)
    }

    package func append(_ event: AuditEvent, using reservation: JournalReservation) throws(JournalError) {
        release(reservation)
        try append(event)
    }

    package func release(_ reservation: JournalReservation) { state.withLock { $0.kept -= 1 } }

    package func sync() throws(JournalError) {
        let refused = state.withLock { state -> JournalError? in
            if state.remainingBeforeFailure == 0, let failure = state.failure { return failure }
            state.durableCount = state.events.count
            return nil
        }
        if let refused { throw refused }
    }

    package func head() -> JournalMark {
        let count = UInt64(state.withLock { $0.events.count })
        var hash = [UInt8](repeating: 0, count: 32)
        for index in 0..<8 { hash[index] = UInt8(truncatingIfNeeded: count >> (8 * UInt64(index))) }
        return JournalMark(stream: nil, sequence: count, hash: hash)
    }
}
