internal import ArgusCore

/// The count of a group of denials, in the stream's mapped `counters` file, survives `kill -9`: first sequence 8,
/// count 8, last seconds 8, last nanoseconds 4, uid 4; zeros where there is no group.
struct DenialCounter {
    static let byteCount = 32

    var firstSequence: UInt64
    var count: UInt64
    var lastTime: Timestamp
    var uid: UInt32

    func store(_ file: UnsafeMutableRawBufferPointer, slot: Int) {
        let base = slot * Self.byteCount
        file.storeBytes(of: firstSequence.littleEndian, toByteOffset: base, as: UInt64.self)
        file.storeBytes(of: lastTime.seconds.littleEndian, toByteOffset: base + 16, as: Int64.self)
        file.storeBytes(of: lastTime.nanoseconds.littleEndian, toByteOffset: base + 24, as: UInt32.self)
        file.storeBytes(of: uid.littleEndian, toByteOffset: base + 28, as: UInt32.self)
        file.storeBytes(of: count.littleEndian, toByteOffset: base + 8, as: UInt64.self)
    }

    static func clear(_ file: UnsafeMutableRawBufferPointer, slot: Int) {
        let range = slot * byteCount..<(slot + 1) * byteCount
        UnsafeMutableRawBufferPointer(rebasing: file[range]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    static func read(_ bytes: [UInt8]) -> [DenialCounter] {
        var counters: [DenialCounter] = []
        bytes.withUnsafeBytes { raw in
            for slot in 0..<min(DenialTable.slotCount, raw.count / byteCount) {
                var reader = ByteReader(UnsafeRawBufferPointer(rebasing: raw[(slot * byteCount)...]))
                guard let first = try? reader.integer(UInt64.self), let count = try? reader.integer(UInt64.self),
                    let seconds = try? reader.integer(Int64.self), let nanoseconds = try? reader.integer(UInt32.self),
                    let uid = try? reader.integer(UInt32.self), count > 0
                else { continue }
                counters.append(
                    DenialCounter(
                        firstSequence: first, count: count,
                        lastTime: Timestamp(seconds: seconds, nanoseconds: min(nanoseconds, 999_999_999)), uid: uid))
            }
        }
        return counters
    }
}

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
            DenialCounter.clear(counters.bytes, slot: slot)
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

    /// The count on file is that since the group began: a takeover subtracts what it finds recorded.
    private func store(_ slot: Int) {
        guard let group = denials.groups[slot] else { return }
        DenialCounter(
            firstSequence: group.firstSequence, count: group.recordedCount + group.count, lastTime: group.lastTime,
            uid: group.event.actor.uid
        ).store(counters.bytes, slot: slot)
        areCountersDirty = true
    }
}
