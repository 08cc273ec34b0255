internal import ArgusCore

/// How the streams of one folder fit together.
struct FolderCheck {
    private let streams: [SpoolStream]
    /// Nil where the list does not open: what is missing then is not judged.
    private let removals: RemovalList?
    /// Streams that were not read to their end.
    var unread: Set<StreamID>
    /// Records that others remember: by stream and sequence, the hash they must have.
    private var remembered: [StreamID: [UInt64: [UInt8]]] = [:]
    private var missingHeads: [JournalHead]
    /// Where each stream starts and ends.
    private var starts: [StreamID: UInt64] = [:]
    private var ends: [StreamID: UInt64] = [:]
    private var mismatch: JournalFinding?
    private var statements: Set<RemovalList.Entry> = []
    private var justification: RemovalCheck

    init(
        streams: [SpoolStream], heads: [JournalHead], removals: RemovalList?, made: Timestamp?, unread: Set<StreamID>
    ) {
        self.justification = RemovalCheck(streams: streams, removals: removals, made: made)
        self.streams = streams
        self.removals = removals
        self.unread = unread
        self.missingHeads = heads
        for stream in streams {
            for parent in stream.genesis.parents {
                remembered[parent.stream, default: [:]][parent.sequence] = parent.hash
            }
        }
    }

    /// Before a stream is read: does it start where it must?
    mutating func begin(_ reader: StreamReader) throws(JournalFinding) {
        starts[reader.stream] = reader.startSequence
        if reader.firstOrdinal > 1, let removals {
            guard let entry = removals.entry(for: reader.stream)?.removal else {
                throw JournalFinding(
                    stream: reader.stream, segment: reader.firstOrdinal, sequence: reader.startSequence,
                    reason: .removalNotRecorded)
            }
            // The files may be behind the list, where removing them was cut short; never ahead of it.
            if entry.throughOrdinal + 1 == reader.firstOrdinal {
                guard entry.sequence == reader.startSequence, entry.hash == reader.startHash else {
                    throw JournalFinding(
                        stream: reader.stream, segment: reader.firstOrdinal, sequence: reader.startSequence + 1,
                        reason: .removalMismatch)
                }
            } else if entry.throughOrdinal < reader.firstOrdinal {
                throw JournalFinding(
                    stream: reader.stream, segment: reader.firstOrdinal, sequence: reader.startSequence,
                    reason: .removalNotRecorded)
            }
        }
        compare(reader.stream, reader.startSequence, reader.startHash, reader.firstOrdinal)
    }

    mutating func note(_ record: JournalRecord) {
        compare(record.stream, record.sequence, record.hash, nil)
        justification.note(record)
        if let checkpoint = record.checkpoint, checkpoint.purpose == .removal {
            for removal in checkpoint.removals {
                statements.insert(.init(removal: removal, statedBy: record.stream, statedAt: record.sequence))
            }
        }
    }

    mutating func end(_ reader: StreamReader) { ends[reader.stream] = reader.sequence }

    private mutating func compare(_ stream: StreamID, _ sequence: UInt64, _ hash: [UInt8], _ segment: UInt32?) {
        missingHeads.removeAll { $0.sequence == sequence && $0.hash == hash }
        if let known = remembered[stream]?[sequence], known != hash, mismatch == nil {
            mismatch = JournalFinding(stream: stream, segment: segment, sequence: sequence, reason: .hashMismatch)
        }
    }

    /// After all streams were read.
    func finish() -> [JournalFinding] {
        var findings: [JournalFinding] = []
        if let mismatch { findings.append(mismatch) }
        findings += justification.findings
        if let removals {
            findings += removals.entries.compactMap { finding($0, in: removals) }
        }
        for stream in streams {
            findings += stream.genesis.parents.compactMap(finding)
        }
        findings += missingHeads.compactMap(finding)
        return findings
    }

    /// The statement must be in its stream, as long as that part of it is kept.
    private func finding(_ entry: RemovalList.Entry, in removals: RemovalList) -> JournalFinding? {
        if unread.contains(entry.statedBy) { return nil }
        if let start = starts[entry.statedBy] {
            guard entry.statedAt > start, !statements.contains(entry) else { return nil }
            return JournalFinding(stream: entry.statedBy, sequence: entry.statedAt, reason: .removalNotRecorded)
        }
        if removals.entry(for: entry.statedBy)?.removal.isWhole == true { return nil }
        return JournalFinding(stream: entry.statedBy, sequence: entry.statedAt, reason: .streamMissing)
    }

    private func finding(_ parent: JournalParent) -> JournalFinding? {
        if unread.contains(parent.stream) { return nil }
        guard let end = ends[parent.stream] else {
            guard let removals else { return nil }
            if let removal = removals.entry(for: parent.stream)?.removal, removal.isWhole,
                !parent.isFinal || (removal.sequence, removal.hash) == (parent.sequence, parent.hash)
            {
                return nil
            }
            return JournalFinding(stream: parent.stream, sequence: parent.sequence, reason: .streamMissing)
        }
        if end < parent.sequence {
            return JournalFinding(stream: parent.stream, sequence: end + 1, reason: .streamEndMismatch)
        }
        if parent.isFinal, end != parent.sequence {
            return JournalFinding(stream: parent.stream, sequence: parent.sequence + 1, reason: .streamEndMismatch)
        }
        return nil
    }

    private func finding(_ head: JournalHead) -> JournalFinding? {
        // It may be behind what does not fit.
        if head.stream.map(unread.contains) ?? !unread.isEmpty { return nil }
        guard let removals else { return nil }
        let wasRemoved = removals.entries.contains {
            (head.stream == nil || $0.removal.stream == head.stream) && $0.removal.sequence >= head.sequence
                && ($0.removal.isWhole || starts[$0.removal.stream].map { $0 >= head.sequence } ?? false)
        }
        if wasRemoved { return nil }
        return JournalFinding(stream: head.stream, sequence: head.sequence, reason: .expectedHeadMissing(head.witness))
    }
}
