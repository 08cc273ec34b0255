package import ArgusCore
package import ArgusSystem

/// The newest record of a folder's stream, as somebody remembers it who is not the stream.
package struct JournalHead: Hashable, Sendable {
    package enum Witness: Hashable, Sendable {
        /// The folder's index or record.
        case folder
        /// What the realm remembers of folders that were deleted, and of what was done to itself.
        case realm
        /// Somebody outside of this machine.
        case auditor
    }

    package var folder: FolderID
    package var sequence: UInt64
    package var hash: [UInt8]
    /// Nil where the stream is not remembered.
    package var stream: StreamID?
    package var witness: Witness

    package init(
        folder: FolderID, sequence: UInt64, hash: [UInt8], stream: StreamID? = nil, witness: Witness = .folder
    ) {
        self.folder = folder
        self.sequence = sequence
        self.hash = hash
        self.stream = stream
        self.witness = witness
    }

    package init(folder: FolderID, _ mark: JournalMark, witness: Witness = .folder) {
        self.init(
            folder: folder, sequence: mark.sequence, hash: mark.hash, stream: mark.stream, witness: witness)
    }

    package var mark: JournalMark { JournalMark(stream: stream, sequence: sequence, hash: hash) }
}

/// The heads that stand for a whole spool: of each folder the newest committed record of those streams that no other
/// stream names as ended. Every other stream's end is in the beginning of one of them, or of one that they lead to.
package struct SpoolHeads {
    private let spool: DirectoryHandle
    private let keys: ReadingKeys
    private let bootID: [UInt8]

    package init(directory spool: DirectoryHandle, keys: JournalAuditKeys, bootID: [UInt8]? = nil) {
        self.spool = spool
        self.keys = ReadingKeys(keys)
        self.bootID = bootID ?? BootID.current()
    }

    /// Sorted by folder and stream. `findings`: streams whose end cannot be told.
    package func read(folder: FolderID? = nil, witness: JournalHead.Witness) throws(JournalFinding) -> (
        heads: [JournalHead], findings: [JournalFinding]
    ) {
        let scanned = try Spool.settledScan(spool)
        var findings = scanned.findings
        let streams = scanned.streams.filter { folder == nil || $0.genesis.folder == folder }
        let ended = Set(streams.flatMap { $0.genesis.parents.filter(\.isFinal).map(\.stream) })
        var heads: [JournalHead] = []
        for source in streams where !ended.contains(source.stream) {
            do throws(JournalFinding) {
                let reader = try StreamReader(
                    directory: source.directory, stream: source.stream, keys: keys, from: .newest)
                try reader.readMore(of: source, bootID: bootID) { _ in }
                guard reader.committedSequence > 0 else { continue }
                heads.append(
                    JournalHead(
                        folder: reader.genesis.folder, sequence: reader.committedSequence, hash: reader.committedHash,
                        stream: source.stream, witness: witness))
            } catch {
                findings.append(error.within(source.genesis.folder))
            }
        }
        heads.sort { ($0.folder.hex, $0.stream?.hex ?? "") < ($1.folder.hex, $1.stream?.hex ?? "") }
        return (heads, findings)
    }
}
