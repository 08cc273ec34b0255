internal import ArgusCore
internal import ArgusSystem

/// What was refused because there was no room for its record.
struct RefusalCount {
    /// Refusals without a record, and the sequence of the record before the first of them.
    var count: UInt64 = 0
    var sequence: UInt64 = 0
    var lastTime = Timestamp(seconds: 0, nanoseconds: 0)
}

/// A spool that runs out of room.
///
/// 1. Before it is full, a strict folder opens nothing more; each refusal is recorded, as other denials are.
/// 2. Once it is full, what is refused has no record of its own. It is counted, and the count recorded as soon as there
///    is room again, or at the end of the stream from the reserve.
extension Journal {
    /// Whether a strict folder must not open more: room runs out and nothing may be removed for it.
    var isNearlyFull: Bool {
        if isSpareRefused { return true }
        guard limits.retention == .keepsAll else { return false }
        let used = otherByteCount &+ UInt64(offset)
        return used >= limits.spoolByteCount / 100 &* limits.strictRefusalPercent
    }

    /// Records that an open was refused before the spool is full; where it is full, counts it.
    func recordRefusal(of event: AuditEvent) {
        var denial = event
        denial.activity = .denied
        denial.status = .failure
        denial.reason = JournalRefusal.nearlyFull
        denial.access = []
        // The open is refused whatever becomes of its record; without room `makeRoom` has counted it.
        try? appendDenial(denial)
    }

    /// Counts what `makeRoom` refuses.
    func refusal() -> JournalError {
        countRefused(1, after: sequence, at: clock.now())
        return .full
    }

    func countRefused(_ count: UInt64, after sequence: UInt64, at time: Timestamp) {
        refused.sequence = refused.count == 0 ? sequence : min(refused.sequence, sequence)
        refused.count += count
        refused.lastTime = max(refused.lastTime, time)
    }

    /// Records what was counted: denials whose time is over, and refusals once there is room again; with `all` whatever
    /// there is, from the reserve. By the commit thread, and without one at the end.
    func recordCounts(all: Bool) throws(JournalError) {
        do throws(JournalError) {
            if !isSpareRefused { try recordRefused() }
            try recordDenials(all: all)
        } catch {
            // What was counted stays counted until there is room.
            guard error == .full else { throw error }
            if all { foldDenials() }
        }
        if all { try recordRefused() }
    }

    private func recordRefused() throws(JournalError) {
        let told = refused
        guard told.count > 0 else { return }
        try appendLocked(
            AuditEvent(
                activity: .denied, status: .failure, actor: AuditActor(uid: .max, person: "", process: .none),
                reason: JournalRefusal.full),
            repeats: JournalRepeats(count: told.count, firstSequence: told.sequence, lastTime: told.lastTime),
            isReserved: true, isOwnThread: true)
        // Making room may have waited, without the lock: others may have been refused meanwhile.
        refused.count -= told.count
        refused.sequence = sequence
    }
}

/// Why an operation was refused, as records of `denied` say it, where it was for want of room in the spool.
enum JournalRefusal {
    static let nearlyFull = "journal:nearly-full"
    static let full = "journal:full"
}
