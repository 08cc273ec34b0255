internal import ArgusCore

/// Whether records that state removals had a reason for them, as far as that can be told afterwards: their age, or that
/// the spool was full. Who writes the open batch can say what he likes in it, but not what the batches before say.
struct RemovalCheck {
    /// By how much a clock may have been put back meanwhile.
    private static let clockSlackSeconds: Int64 = 3_600
    /// Segments that are allocated before there is anything in them.
    private static let allocatedSegmentCount: UInt64 = 4

    private let removals: RemovalList?
    private let made: Timestamp?
    private let begun: [StreamID: Timestamp]
    /// When the next stream found that one had ended: none of its records is later, whatever it says.
    private var ended: [StreamID: Timestamp] = [:]
    private let segmentByteCount: UInt64
    /// At most what the folder's segments ever took up; nil where that is not known any more.
    private let totalByteCount: UInt64?
    private var retention: [StreamID: JournalRetention] = [:]
    private(set) var findings: [JournalFinding] = []

    init(streams: [SpoolStream], removals: RemovalList?, made: Timestamp?) {
        self.removals = removals
        self.made = made
        let segment = UInt64(streams.map(\.genesis.segmentByteCount).max() ?? 0)
        segmentByteCount = segment
        begun = Dictionary(streams.map { ($0.stream, $0.genesis.time) }, uniquingKeysWith: { first, _ in first })
        for stream in streams {
            for parent in stream.genesis.parents where parent.isFinal {
                ended[parent.stream] = min(ended[parent.stream] ?? stream.genesis.time, stream.genesis.time)
            }
        }
        let entries = removals?.entries ?? []
        // Older entries may have left the list.
        let isComplete = entries.count(where: \.removal.isWhole) < RemovalList.wholeEntryCount
        let removed = entries.reduce(UInt64(0)) { $0 &+ Self.bound(of: $1.removal, segmentByteCount: segment) }
        totalByteCount = isComplete ? removed &+ Spool.byteCount(streams) : nil
    }

    /// At most what the segments of a removal took up: their number, and that of their records, are in the chain.
    private static func bound(of removal: JournalRemoval, segmentByteCount: UInt64) -> UInt64 {
        let headers = UInt64(removal.throughOrdinal) * UInt64(JournalFormat.headerByteCount)
        let (records, overflow) = removal.sequence.multipliedReportingOverflow(
            by: UInt64(2 * JournalFormat.frameByteCount(plain: JournalFormat.maxRecordByteCount)))
        let segments = UInt64(removal.throughOrdinal) * segmentByteCount
        return overflow ? segments : min(segments, headers &+ records)
    }

    mutating func note(_ record: JournalRecord) {
        if let stated = record.retention { retention[record.stream] = stated }
        // Earlier versions do not say what they went by.
        guard let checkpoint = record.checkpoint, checkpoint.purpose == .removal,
            let bounds = retention[record.stream], removals != nil
        else { return }
        let isJustified =
            !bounds.keepsAll
            && checkpoint.removals.allSatisfy { isOld($0, in: record, bounds) || wasTooMuch($0, bounds) }
        if !isJustified {
            findings.append(
                JournalFinding(stream: record.stream, sequence: record.sequence, reason: .removalUnjustified))
        }
    }

    private func isOld(_ removal: JournalRemoval, in record: JournalRecord, _ bounds: JournalRetention) -> Bool {
        guard let last = removal.lastTime else { return false }
        let time = min(record.time, ended[record.stream] ?? record.time)
        // A clock that was ahead when the folder was made says nothing.
        let present = max(record.time, begun[record.stream] ?? record.time)
        let earliest = [made, begun[removal.stream]].compactMap { $0 }.filter { $0 <= present }.max() ?? .epoch
        let (age, overflow) = time.seconds.subtractingReportingOverflow(last.seconds)
        return !overflow && age >= bounds.seconds &- Self.clockSlackSeconds
            && last.seconds >= earliest.seconds &- Self.clockSlackSeconds
    }

    private func wasTooMuch(_ removal: JournalRemoval, _ bounds: JournalRetention) -> Bool {
        guard removal.byteCount != nil else { return false }
        guard let totalByteCount else { return true }
        return totalByteCount &+ Self.allocatedSegmentCount * segmentByteCount >= bounds.spoolByteCount
    }
}
