package import ArgusCore
package import ArgusSystem
internal import Glibc

/// Reads a spool's records, by time, and shows none that was not verified.
///
/// It uses the verifier's parser: a record is handed out once its seal, its place in the chain and its batch's MAC were
/// checked. It does not check that streams are complete: `JournalVerifier` does.
package struct JournalReader {
    private let spool: DirectoryHandle
    private let keys: ReadingKeys
    private let bootID: [UInt8]

    package init(directory spool: DirectoryHandle, keys: JournalAuditKeys, bootID: [UInt8]? = nil) {
        self.spool = spool
        self.keys = ReadingKeys(keys)
        self.bootID = bootID ?? BootID.current()
    }

    /// Every record of `folder` (nil: of all folders), oldest first, until `body` returns false. What does not fit is
    /// passed over, to the end of its segment; when all that fits has been handed out, the first finding is thrown.
    package func read(folder: FolderID? = nil, _ body: (JournalRecord) -> Bool) throws(JournalFinding) {
        if let finding = try readWhatFits(folder: folder, body).first { throw finding }
    }

    /// As `read`, and returns all findings; none where `body` wanted no more. Throws only where the spool cannot be read.
    ///
    /// Streams that ran at the same time are merged by the time of their records; within a stream the order is that of
    /// the sequence, whatever the clock did.
    package func readWhatFits(folder: FolderID? = nil, _ body: (JournalRecord) -> Bool) throws(JournalFinding)
        -> [JournalFinding]
    {
        let scanned = try Spool.settledScan(spool)
        var findings = scanned.findings
        var waiting = scanned.streams.filter { folder == nil || $0.genesis.folder == folder }[...]
        var open: [StreamCursor] = []
        while true {
            // A stream is opened only when its time comes, so that few are in memory at once.
            while let next = waiting.first, open.allSatisfy({ ($0.time ?? next.genesis.time) >= next.genesis.time }) {
                waiting.removeFirst()
                var cursor = StreamCursor(next, keys: keys, bootID: bootID)
                cursor.fill(&findings)
                if cursor.time != nil { open.append(cursor) }
            }
            guard let oldest = open.indices.min(by: { (open[$0].time ?? .epoch) < (open[$1].time ?? .epoch) }) else {
                break
            }
            guard body(open[oldest].take()) else { return [] }
            open[oldest].fill(&findings)
            if open[oldest].time == nil { open.remove(at: oldest) }
        }
        return findings
    }

    /// Follows the spool from now on, or from its beginning.
    package func follower(folder: FolderID? = nil, fromBeginning: Bool = false) throws(JournalFinding)
        -> JournalFollower
    {
        let follower = JournalFollower(spool: spool, keys: keys, bootID: bootID, folder: folder)
        if !fromBeginning { try follower.poll { _ in } }
        return follower
    }
}

/// One stream's records, a segment at a time.
private struct StreamCursor {
    private let source: SpoolStream
    private let keys: ReadingKeys
    private let bootID: [UInt8]
    /// Nil before the first segment, and at the end.
    private var reader: StreamReader?
    private var isBegun = false
    private var records: [JournalRecord] = []
    private var position = 0

    var time: Timestamp? { position < records.count ? records[position].time : nil }

    init(_ source: SpoolStream, keys: ReadingKeys, bootID: [UInt8]) {
        self.source = source
        self.keys = keys
        self.bootID = bootID
    }

    mutating func take() -> JournalRecord {
        defer { position += 1 }
        return records[position]
    }

    /// Reads on to the next records, if there are any.
    mutating func fill(_ findings: inout [JournalFinding]) {
        guard position == records.count else { return }
        records.removeAll(keepingCapacity: true)
        position = 0
        while records.isEmpty, !isBegun || reader != nil {
            do throws(JournalFinding) {
                try step()
            } catch {
                reader = StreamReader.goOn(behind: error, in: source, keys: keys, &findings)
            }
        }
    }

    private mutating func step() throws(JournalFinding) {
        if !isBegun {
            isBegun = true
            reader = try StreamReader(directory: source.directory, stream: source.stream, keys: keys)
        }
        guard let reader else { return }
        var found: [JournalRecord] = []
        defer { records = found }
        let progress = try reader.readStep(isLive: source.isLive, mayBeTorn: source.genesis.bootID != bootID) {
            found.append($0)
            return true
        }
        if progress == .streamEnded {
            self.reader = nil
            reader.readOpenBatch {
                found.append($0)
                return true
            }
        }
    }
}

/// Reads what is added to a spool: call `poll` again and again. Records come once their batch is on disk.
package final class JournalFollower {
    private let spool: DirectoryHandle
    private let keys: ReadingKeys
    private let bootID: [UInt8]
    private let folder: FolderID?
    private var readers: [StreamID: StreamReader] = [:]
    /// Streams of which nothing more comes.
    private var ended: Set<StreamID> = []
    private var told: Set<JournalFinding> = []

    fileprivate init(spool: DirectoryHandle, keys: ReadingKeys, bootID: [UInt8], folder: FolderID?) {
        self.spool = spool
        self.keys = keys
        self.bootID = bootID
        self.folder = folder
    }

    /// Hands out the records that were committed since the last call, and returns what does not fit, each finding once.
    @discardableResult
    package func poll(_ body: (JournalRecord) -> Void) throws(JournalFinding) -> [JournalFinding] {
        let scanned = try Spool.settledScan(spool)
        var findings = scanned.findings
        for source in scanned.streams where folder == nil || source.genesis.folder == folder {
            guard !ended.contains(source.stream) else { continue }
            poll(source, &findings, body)
        }
        return findings.filter { told.insert($0).inserted }
    }

    private func poll(_ source: SpoolStream, _ findings: inout [JournalFinding], _ body: (JournalRecord) -> Void) {
        var reader = readers[source.stream]
        var isOpened = reader != nil
        while true {
            do throws(JournalFinding) {
                if !isOpened {
                    isOpened = true
                    reader = try StreamReader(directory: source.directory, stream: source.stream, keys: keys)
                }
                try reader?.readMore(of: source, bootID: bootID, includingOpenBatch: false, body)
                break
            } catch {
                reader = StreamReader.goOn(behind: error, in: source, keys: keys, &findings)
            }
        }
        readers[source.stream] = reader
        if reader?.isFinal ?? true {
            ended.insert(source.stream)
            readers[source.stream] = nil
        }
    }
}
