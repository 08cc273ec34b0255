internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// Reading streams that move while they are read, or of which a part does not fit.
extension StreamReader {
    static let liveAttempts = 5
    static let liveRetryMicroseconds: UInt32 = 20_000

    /// Reads all there is from here on. A live stream moves meanwhile (its end is truncated when it closes, its oldest
    /// segments may go): what does not fit then is looked at again.
    func readMore(
        of source: SpoolStream, bootID: [UInt8], includingOpenBatch: Bool = true,
        _ body: (JournalRecord) -> Void
    ) throws(JournalFinding) {
        var attempts = source.isLive ? Self.liveAttempts : 1
        while true {
            attempts -= 1
            do throws(JournalFinding) {
                try readMore(
                    isLive: source.isLive, mayBeTorn: source.genesis.bootID != bootID,
                    includingOpenBatch: includingOpenBatch
                ) { record in
                    body(record)
                    return true
                }
                return
            } catch {
                if attempts == 0 { throw error }
                usleep(Self.liveRetryMicroseconds)
            }
        }
    }

    /// A reader that goes on in a segment behind the one that does not fit; nil where there is none. What stands between
    /// is told by `findings`: `finding`, and what does not fit either of the segments after it.
    static func goOn(
        behind finding: JournalFinding, in source: SpoolStream, keys: ReadingKeys, _ findings: inout [JournalFinding]
    ) -> StreamReader? {
        findings.append(finding.within(source.genesis.folder))
        guard var damaged = finding.segment else { return nil }
        while let next = source.ordinals.first(where: { $0 > damaged }) {
            do throws(JournalFinding) {
                guard try header(source.directory, source.stream, next).state == .used else { return nil }
                return try StreamReader(
                    directory: source.directory, stream: source.stream, keys: keys, from: .at(next))
            } catch {
                findings.append(error.within(source.genesis.folder))
                damaged = next
            }
        }
        return nil
    }
}

extension Spool {
    /// As `scan`; what cannot be read only because it is being made or removed at the moment is no finding.
    static func settledScan(_ spool: DirectoryHandle) throws(JournalFinding) -> (
        streams: [SpoolStream], findings: [JournalFinding]
    ) {
        do throws(SystemError) {
            let scanned = try scan(spool)
            guard !scanned.findings.isEmpty else { return scanned }
            usleep(20_000)
            return try scan(spool)
        } catch {
            throw JournalFinding(reason: .storage(errno: error.errno))
        }
    }
}
