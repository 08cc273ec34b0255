package import ArgusCore
internal import ArgusCrypto
package import ArgusSystem
internal import Glibc

/// What a whole, unaltered journal holds.
package struct JournalReport: Hashable, Sendable {
    package struct Stream: Hashable, Sendable {
        package var stream: StreamID
        package var folder: FolderID
        /// The oldest record that is kept, 1 where none were removed.
        package var firstSequence: UInt64
        package var lastSequence: UInt64
        package var headHash: [UInt8]
        /// A process writes it.
        package var isLive: Bool
        /// Ended by its writer, or by the stream that came after.
        package var isEnded: Bool
        package var wasRecovered: Bool
        /// The last batch was torn by a power cut and nobody has recorded the gap yet.
        package var hasTornTail: Bool
    }

    package var streams: [Stream]
    package var recordCount: UInt64
    package var gaps: [JournalGap]
}

/// What the folder's index knew as the journal's newest record.
package struct JournalHead: Hashable, Sendable {
    package var folder: FolderID
    package var sequence: UInt64
    package var hash: [UInt8]
    /// Nil where the stream is not remembered.
    package var stream: StreamID?

    package init(folder: FolderID, sequence: UInt64, hash: [UInt8], stream: StreamID? = nil) {
        self.folder = folder
        self.sequence = sequence
        self.hash = hash
        self.stream = stream
    }

    package init(folder: FolderID, _ mark: JournalMark) {
        self.init(folder: folder, sequence: mark.sequence, hash: mark.hash, stream: mark.stream)
    }
}

/// Checks a spool as a whole: every byte of every stream, how the streams follow each other, what was removed, and that
/// what the indexes remember is there.
package struct JournalVerifier {
    private let spool: DirectoryHandle
    private let keys: ReadingKeys
    private let bootID: [UInt8]

    package init(directory spool: DirectoryHandle, keys: JournalAuditKeys, bootID: [UInt8]? = nil) {
        self.spool = spool
        self.keys = ReadingKeys(keys)
        self.bootID = bootID ?? BootID.current()
    }

    /// Throws the first record that does not fit. `folder` nil: all folders. Every verified record goes to `visit`.
    package func verify(
        folder: FolderID? = nil, expecting heads: [JournalHead] = [], _ visit: (JournalRecord) -> Void = { _ in }
    ) throws(JournalFinding) -> JournalReport {
        var streams = try scan().filter { folder == nil || $0.genesis.folder == folder }
        var folders: [FolderID] = []
        for stream in streams where !folders.contains(stream.genesis.folder) { folders.append(stream.genesis.folder) }
        for head in heads where folder == nil || head.folder == folder {
            if !folders.contains(head.folder) { folders.append(head.folder) }
        }
        var report = JournalReport(streams: [], recordCount: 0, gaps: [])
        for folder in folders {
            let own = streams.filter { $0.genesis.folder == folder }
            streams.removeAll { $0.genesis.folder == folder }
            var check = FolderCheck(
                folder: folder, streams: own, heads: heads.filter { $0.folder == folder && $0.sequence > 0 },
                removals: try RemovalList.read(spool, folder: folder, keys: keys))
            for stream in own {
                report.streams.append(
                    try walk(stream, &check) { record in
                        report.recordCount += 1
                        if let gap = record.gap { report.gaps.append(gap) }
                        visit(record)
                    })
            }
            try check.finish()
        }
        return report
    }

    private func scan() throws(JournalFinding) -> [SpoolStream] {
        let scanned: (streams: [SpoolStream], findings: [JournalFinding])
        do throws(SystemError) {
            scanned = try Spool.scan(spool)
        } catch {
            throw JournalFinding(reason: .storage(errno: error.errno))
        }
        if let finding = scanned.findings.first { throw finding }
        return scanned.streams
    }

    /// Reads a stream to its end. A live one moves meanwhile (its end is truncated when it closes, its oldest segments
    /// may go): what does not fit then is looked at again.
    private func walk(_ stream: SpoolStream, _ check: inout FolderCheck, _ visit: (JournalRecord) -> Void)
        throws(JournalFinding) -> JournalReport.Stream
    {
        let wasLive = stream.isLive
        let reader = try StreamReader(directory: stream.directory, stream: stream.stream, keys: keys)
        try check.begin(reader)
        var attempts = wasLive ? 5 : 1
        while true {
            attempts -= 1
            do throws(JournalFinding) {
                try reader.readMore(isLive: stream.isLive, mayBeTorn: stream.genesis.bootID != bootID) { record in
                    check.note(record)
                    visit(record)
                    return true
                }
                break
            } catch {
                if attempts == 0 { throw error }
                usleep(20_000)
            }
        }
        check.end(reader)
        return JournalReport.Stream(
            stream: stream.stream, folder: reader.genesis.folder, firstSequence: reader.startSequence + 1,
            lastSequence: reader.sequence, headHash: reader.hash, isLive: stream.isLive, isEnded: reader.isFinal,
            wasRecovered: reader.wasRecovered, hasTornTail: reader.hasTornTail && !stream.isLive)
    }
}

/// How the streams of one folder fit together.
private struct FolderCheck {
    let folder: FolderID
    let streams: [SpoolStream]
    let heads: [JournalHead]
    let removals: RemovalList
    /// Records that others remember: by stream and sequence, the hash they must have.
    private var remembered: [StreamID: [UInt64: (hash: [UInt8], by: StreamID)]] = [:]
    private var missingHeads: [JournalHead]
    /// Where each stream starts and ends.
    private var starts: [StreamID: UInt64] = [:]
    private var ends: [StreamID: UInt64] = [:]
    private var mismatch: JournalFinding?
    private var statements: Set<RemovalList.Entry> = []

    init(folder: FolderID, streams: [SpoolStream], heads: [JournalHead], removals: RemovalList) {
        self.folder = folder
        self.streams = streams
        self.heads = heads
        self.removals = removals
        self.missingHeads = heads
        for stream in streams {
            for parent in stream.genesis.parents {
                remembered[parent.stream, default: [:]][parent.sequence] = (parent.hash, stream.stream)
            }
        }
    }

    /// Before a stream is read: does it start where it must?
    mutating func begin(_ reader: StreamReader) throws(JournalFinding) {
        starts[reader.stream] = reader.startSequence
        if reader.firstOrdinal > 1 {
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
        if let checkpoint = record.checkpoint, checkpoint.purpose == .removal {
            for removal in checkpoint.removals {
                statements.insert(.init(removal: removal, statedBy: record.stream, statedAt: record.sequence))
            }
        }
    }

    mutating func end(_ reader: StreamReader) { ends[reader.stream] = reader.sequence }

    private mutating func compare(_ stream: StreamID, _ sequence: UInt64, _ hash: [UInt8], _ segment: UInt32?) {
        missingHeads.removeAll { $0.sequence == sequence && $0.hash == hash }
        if let known = remembered[stream]?[sequence], known.hash != hash, mismatch == nil {
            mismatch = JournalFinding(stream: stream, segment: segment, sequence: sequence, reason: .hashMismatch)
        }
    }

    /// After all streams were read.
    func finish() throws(JournalFinding) {
        if let mismatch { throw mismatch }
        for entry in removals.entries {
            // The statement must be in its stream, as long as that part of it is kept.
            let start = starts[entry.statedBy]
            if let start, entry.statedAt > start, !statements.contains(entry) {
                throw JournalFinding(stream: entry.statedBy, sequence: entry.statedAt, reason: .removalNotRecorded)
            }
            if start == nil, removals.entry(for: entry.statedBy)?.removal.isWhole != true {
                throw JournalFinding(stream: entry.statedBy, sequence: entry.statedAt, reason: .streamMissing)
            }
        }
        for stream in streams {
            for parent in stream.genesis.parents { try check(parent) }
        }
        for head in missingHeads {
            let wasRemoved = removals.entries.contains {
                (head.stream == nil || $0.removal.stream == head.stream) && $0.removal.sequence >= head.sequence
                    && ($0.removal.isWhole || starts[$0.removal.stream].map { $0 >= head.sequence } ?? false)
            }
            if !wasRemoved { throw JournalFinding(sequence: head.sequence, reason: .expectedHeadMissing) }
        }
    }

    private func check(_ parent: JournalParent) throws(JournalFinding) {
        guard let end = ends[parent.stream] else {
            guard let removal = removals.entry(for: parent.stream)?.removal, removal.isWhole,
                !parent.isFinal || (removal.sequence, removal.hash) == (parent.sequence, parent.hash)
            else {
                throw JournalFinding(stream: parent.stream, sequence: parent.sequence, reason: .streamMissing)
            }
            return
        }
        if end < parent.sequence {
            throw JournalFinding(
                stream: parent.stream, sequence: end + 1,
                reason: .streamEndMismatch)
        }
        if parent.isFinal, end != parent.sequence {
            throw JournalFinding(stream: parent.stream, sequence: parent.sequence + 1, reason: .streamEndMismatch)
        }
    }
}
