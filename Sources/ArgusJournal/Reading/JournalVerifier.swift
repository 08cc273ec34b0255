package import ArgusCore
package import ArgusSystem
internal import Glibc

/// What a journal holds, and what of it does not fit.
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

    package struct Removal: Hashable, Sendable {
        package var folder: FolderID
        package var removal: JournalRemoval
        /// The record that states it.
        package var statedBy: StreamID
        package var statedAt: UInt64
    }

    package var streams: [Stream]
    package var recordCount: UInt64
    package var gaps: [JournalGap]
    /// What the folders' lists say was removed for its age or the spool's size.
    package var removals: [Removal]
    /// Empty where the journal is whole and unaltered; in the order in which they were met.
    package var findings: [JournalFinding]
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

    /// As `examine`, and throws the first finding.
    package func verify(
        folder: FolderID? = nil, expecting heads: [JournalHead] = [], _ visit: (JournalRecord) -> Void = { _ in }
    ) throws(JournalFinding) -> JournalReport {
        let report = try examine(folder: folder, expecting: heads, visit)
        if let finding = report.findings.first { throw finding }
        return report
    }

    /// Looks at all there is of `folder` (nil: of all folders); every verified record goes to `visit`. Throws only where
    /// the spool cannot be read.
    ///
    /// Of a stream the first thing that does not fit is a finding; what other streams say of it is left open then.
    /// `made`: when folders were made, where it is known; what is older cannot have been recorded in them.
    package func examine(
        folder: FolderID? = nil, expecting heads: [JournalHead] = [], made: [FolderID: Timestamp] = [:],
        _ visit: (JournalRecord) -> Void = { _ in }
    ) throws(JournalFinding) -> JournalReport {
        let scanned = try Spool.settledScan(spool)
        var streams = scanned.streams.filter { folder == nil || $0.genesis.folder == folder }
        var folders: [FolderID] = []
        for stream in streams where !folders.contains(stream.genesis.folder) { folders.append(stream.genesis.folder) }
        for head in heads where folder == nil || head.folder == folder {
            if !folders.contains(head.folder) { folders.append(head.folder) }
        }
        var report = JournalReport(
            streams: [], recordCount: 0, gaps: [], removals: [], findings: scanned.findings)
        for folder in folders {
            let own = streams.filter { $0.genesis.folder == folder }
            streams.removeAll { $0.genesis.folder == folder }
            let removals = removals(of: folder, &report)
            report.removals += (removals?.entries ?? []).map {
                .init(folder: folder, removal: $0.removal, statedBy: $0.statedBy, statedAt: $0.statedAt)
            }
            var check = FolderCheck(
                streams: own, heads: heads.filter { $0.folder == folder && $0.sequence > 0 }, removals: removals,
                made: made[folder], unread: Set(scanned.findings.compactMap(\.stream)))
            for stream in own {
                do throws(JournalFinding) {
                    report.streams.append(
                        try walk(stream, &check) { record in
                            report.recordCount += 1
                            if let gap = record.gap { report.gaps.append(gap) }
                            visit(record)
                        })
                } catch {
                    check.unread.insert(stream.stream)
                    report.findings.append(error.within(folder))
                }
            }
            report.findings += check.finish().map { $0.within(folder) }
        }
        return report
    }

    /// Nil where the list does not open.
    private func removals(of folder: FolderID, _ report: inout JournalReport) -> RemovalList? {
        do throws(JournalFinding) {
            return try RemovalList.read(spool, folder: folder, keys: keys)
        } catch {
            report.findings.append(error.within(folder))
            return nil
        }
    }

    private func walk(_ stream: SpoolStream, _ check: inout FolderCheck, _ visit: (JournalRecord) -> Void)
        throws(JournalFinding) -> JournalReport.Stream
    {
        let reader = try StreamReader(directory: stream.directory, stream: stream.stream, keys: keys)
        try check.begin(reader)
        var attempts = stream.isLive ? StreamReader.liveAttempts : 1
        while true {
            try reader.readMore(of: stream, bootID: bootID) { record in
                check.note(record)
                visit(record)
            }
            guard !reader.isFinal, let finding = reader.counters().finding else { break }
            // A writer changes counts while they are read, and takes them away at its end.
            attempts -= 1
            if attempts == 0 { throw finding }
            usleep(StreamReader.liveRetryMicroseconds)
        }
        check.end(reader)
        return JournalReport.Stream(
            stream: stream.stream, folder: reader.genesis.folder, firstSequence: reader.startSequence + 1,
            lastSequence: reader.sequence, headHash: reader.hash, isLive: stream.isLive, isEnded: reader.isFinal,
            wasRecovered: reader.wasRecovered, hasTornTail: reader.hasTornTail && !stream.isLive)
    }
}
