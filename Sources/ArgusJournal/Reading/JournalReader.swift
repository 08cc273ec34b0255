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

    /// Every record of `folder` (nil: of all folders), oldest first, until `body` returns false. Where something does not
    /// fit, the records before it have been handed out, and the finding is thrown.
    ///
    /// Streams that ran at the same time are merged by the time of their records; within a stream the order is that of
    /// the sequence, whatever the clock did.
    package func read(folder: FolderID? = nil, _ body: (JournalRecord) -> Bool) throws(JournalFinding) {
        let scanned: (streams: [SpoolStream], findings: [JournalFinding])
        do throws(SystemError) {
            scanned = try Spool.scan(spool)
        } catch {
            throw JournalFinding(reason: .storage(errno: error.errno))
        }
        var waiting = scanned.streams.filter { folder == nil || $0.genesis.folder == folder }[...]
        var open: [StreamCursor] = []
        while true {
            // A stream is opened only when its time comes, so that few are in memory at once.
            while let next = waiting.first, open.allSatisfy({ ($0.time ?? next.genesis.time) >= next.genesis.time }) {
                waiting.removeFirst()
                let cursor = try StreamCursor(next, keys: keys, bootID: bootID)
                if cursor.time != nil { open.append(cursor) }
            }
            guard let oldest = open.indices.min(by: { (open[$0].time ?? .epoch) < (open[$1].time ?? .epoch) }) else {
                break
            }
            guard body(open[oldest].take()) else { return }
            try open[oldest].fill()
            if open[oldest].time == nil { open.remove(at: oldest) }
        }
        if let finding = scanned.findings.first { throw finding }
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
    let reader: StreamReader
    let source: SpoolStream
    let mayBeTorn: Bool
    private var records: [JournalRecord] = []
    private var position = 0
    private var isAtEnd = false

    var time: Timestamp? { position < records.count ? records[position].time : nil }

    init(_ source: SpoolStream, keys: ReadingKeys, bootID: [UInt8]) throws(JournalFinding) {
        self.source = source
        self.mayBeTorn = source.genesis.bootID != bootID
        self.reader = try StreamReader(directory: source.directory, stream: source.stream, keys: keys)
        try fill()
    }

    mutating func take() -> JournalRecord {
        defer { position += 1 }
        return records[position]
    }

    mutating func fill() throws(JournalFinding) {
        guard position == records.count else { return }
        records.removeAll(keepingCapacity: true)
        position = 0
        while records.isEmpty, !isAtEnd {
            let isLive = source.isLive
            var found: [JournalRecord] = []
            let progress = try reader.readStep(isLive: isLive, mayBeTorn: mayBeTorn) { record in
                found.append(record)
                return true
            }
            if progress == .streamEnded {
                isAtEnd = true
                reader.readOpenBatch { record in
                    found.append(record)
                    return true
                }
            }
            records = found
        }
    }
}

/// Reads what is added to a spool: call `poll` again and again. Records come once their batch is on disk.
package final class JournalFollower {
    private let spool: DirectoryHandle
    private let keys: ReadingKeys
    private let bootID: [UInt8]
    private let folder: FolderID?
    private var readers: [StreamID: (reader: StreamReader, source: SpoolStream)] = [:]
    private var ended: Set<StreamID> = []

    fileprivate init(spool: DirectoryHandle, keys: ReadingKeys, bootID: [UInt8], folder: FolderID?) {
        self.spool = spool
        self.keys = keys
        self.bootID = bootID
        self.folder = folder
    }

    /// Hands out the records that were committed since the last call.
    package func poll(_ body: (JournalRecord) -> Void) throws(JournalFinding) {
        let streams: [SpoolStream]
        do throws(SystemError) {
            streams = try Spool.scan(spool).streams
        } catch {
            throw JournalFinding(reason: .storage(errno: error.errno))
        }
        for source in streams where folder == nil || source.genesis.folder == folder {
            guard !ended.contains(source.stream) else { continue }
            if readers[source.stream] == nil {
                let reader = try StreamReader(directory: source.directory, stream: source.stream, keys: keys)
                readers[source.stream] = (reader, source)
            }
            guard let (reader, source) = readers[source.stream] else { continue }
            let mayBeTorn = source.genesis.bootID != bootID
            try reader.readMore(isLive: source.isLive, mayBeTorn: mayBeTorn, includingOpenBatch: false) { record in
                body(record)
                return true
            }
            if reader.isFinal {
                ended.insert(source.stream)
                readers[source.stream] = nil
            }
        }
    }
}
