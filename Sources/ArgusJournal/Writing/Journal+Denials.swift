internal import ArgusCore

extension Journal {
    /// Records a denial, or counts it where an equal one was recorded a moment ago.
    func appendDenial(_ event: AuditEvent) throws(JournalError) {
        let time = clock.now()
        switch denials.take(event, at: time) {
        case .recordUncounted:
            try appendLocked(event)
        case .record(let slot, let isShared):
            try appendLocked(event)
            // Making room may have waited, without the lock: another thread may have taken the place.
            if denials.groups[slot] == nil {
                denials.begin(
                    slot, with: event, isShared: isShared, sequence: sequence, at: time,
                    monotonicNanoseconds: clock.monotonicNanoseconds())
            }
        case .counted(let slot):
            store(slot)
            ticket &+= 1
            noteWork()
        }
    }

    /// Records the counts of groups whose window is over, or of all from the reserve. For the commit thread, and without
    /// one.
    func recordDenials(all: Bool) throws(JournalError) {
        let now = clock.monotonicNanoseconds()
        while let slot = denials.ended(at: now, all: all) {
            // Counts may come while `appendLocked` makes room: they are still this group's.
            while let group = denials.groups[slot], group.count > 0 {
                try appendLocked(
                    group.event,
                    repeats: JournalRepeats(
                        count: group.count, firstSequence: group.firstSequence, lastTime: group.lastTime),
                    isReserved: all, isOwnThread: true)
                denials.subtract(group.count, from: slot)
            }
            denials.remove(slot)
            DenialCounter.clear(counters.bytes, slot: slot, key: streamKeys.counters)
            areCountersDirty = true
        }
    }

    /// Counts that no record tells of, at the end of a stream: they go into the one of all that was refused.
    func foldDenials() {
        for slot in denials.groups.indices {
            guard let group = denials.groups[slot] else { continue }
            if group.count > 0 { countRefused(group.count, after: group.firstSequence, at: group.lastTime) }
            denials.remove(slot)
        }
    }

    private func store(_ slot: Int) {
        guard let group = denials.groups[slot] else { return }
        DenialCounter(group).store(counters.bytes, slot: slot, key: streamKeys.counters)
        areCountersDirty = true
    }
}
