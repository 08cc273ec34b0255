internal import ArgusCore

/// Counts equal denials, so that no local user can fill the spool. A state machine: it says what to record, the
/// journal records it.
///
/// 1. The first denial of a group has a record of its own.
/// 2. Every further one is counted, exactly, until the group's window is over.
/// 3. A uid has so many groups at most; its further denials share one group without program and file.
struct DenialTable {
    struct Group {
        var event: AuditEvent
        /// The record of the first denial.
        var firstSequence: UInt64
        /// Stands for several programs or files of one uid.
        var isShared: Bool
        /// Repeats that no record tells of yet, and those that one does.
        var count: UInt64
        var recordedCount: UInt64
        var lastTime: Timestamp
        var deadlineNanoseconds: UInt64
    }

    enum Verdict: Equatable {
        /// Record it; then call `begin` with the place that `slot` says.
        case record(slot: Int, isShared: Bool)
        /// Record it: the table has no place left.
        case recordUncounted
        /// Counted in the group at this place.
        case counted(slot: Int)
    }

    static let slotCount = 128

    private(set) var groups: [Group?] = Array(repeating: nil, count: Self.slotCount)
    private(set) var activeCount = 0
    let groupsPerUID: Int
    let windowNanoseconds: UInt64

    init(groupsPerUID: Int, windowNanoseconds: UInt64) {
        self.groupsPerUID = groupsPerUID
        self.windowNanoseconds = windowNanoseconds
    }

    /// When the next group's window ends.
    var nextDeadline: UInt64? { activeCount == 0 ? nil : groups.lazy.compactMap { $0?.deadlineNanoseconds }.min() }

    mutating func take(_ event: AuditEvent, at time: Timestamp) -> Verdict {
        var free: Int?
        var own = 0
        var shared: Int?
        var same: Int?
        // By place, and counted only behind the loop: iterating the array would have it copied when it is changed.
        for slot in 0..<Self.slotCount where same == nil {
            guard let uid = groups[slot]?.event.actor.uid else {
                if free == nil { free = slot }
                continue
            }
            guard uid == event.actor.uid else { continue }
            own += 1
            if groups[slot]?.isShared == true {
                shared = slot
            } else if isSame(event, as: slot) {
                same = slot
            }
        }
        if let same {
            count(same, at: time)
            return .counted(slot: same)
        }
        if own < groupsPerUID, let free { return .record(slot: free, isShared: false) }
        if let shared {
            count(shared, at: time)
            return .counted(slot: shared)
        }
        guard let free else { return .recordUncounted }
        return .record(slot: free, isShared: true)
    }

    mutating func begin(
        _ slot: Int, with event: AuditEvent, isShared: Bool, sequence: UInt64, at time: Timestamp,
        monotonicNanoseconds now: UInt64
    ) {
        var event = event
        if isShared {
            event.actor = event.actor.with { process in
                process.program = ""
                process.programDigest = []
            }
            event.fileID = nil
            event.place = AuditPlace()
            event.secondPlace = AuditPlace()
            event.reason = "further denials of this uid, of several programs or files"
        }
        groups[slot] = Group(
            event: event, firstSequence: sequence, isShared: isShared, count: 0, recordedCount: 0, lastTime: time,
            deadlineNanoseconds: now &+ windowNanoseconds)
        activeCount += 1
    }

    /// The next group whose window is over at `now`, or any with `all`.
    func ended(at now: UInt64, all: Bool = false) -> Int? {
        guard activeCount > 0 else { return nil }
        return groups.firstIndex { group in
            guard let group else { return false }
            return all || group.deadlineNanoseconds <= now
        }
    }

    /// So many repeats of the group have a record now.
    mutating func subtract(_ count: UInt64, from slot: Int) {
        groups[slot]?.count -= count
        groups[slot]?.recordedCount += count
    }

    mutating func remove(_ slot: Int) {
        guard groups[slot] != nil else { return }
        groups[slot] = nil
        activeCount -= 1
    }

    private mutating func count(_ slot: Int, at time: Timestamp) {
        groups[slot]?.count += 1
        groups[slot]?.lastTime = time
    }

    private func isSame(_ right: AuditEvent, as slot: Int) -> Bool {
        guard let left = groups[slot]?.event else { return false }
        return left.fileID == right.fileID && left.actor.person == right.actor.person
            && left.actor.program == right.actor.program && left.place == right.place && left.reason == right.reason
            && left.secondPlace == right.secondPlace && left.actor.loginUID == right.actor.loginUID
    }
}
