internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// What was removed from a folder's journal, signed and sealed: the file `<folder id>.removed` of the spool.
///
/// Every entry is also in a `checkpoint` record of the stream that removed it, under that stream's MAC keys; the list
/// lets a reader start where the oldest kept segment starts.
struct RemovalList {
    struct Entry: Hashable {
        var removal: JournalRemoval
        /// The record that says so.
        var statedBy: StreamID
        var statedAt: UInt64
    }

    /// Streams that went as a whole, remembered at least; a list with fewer has every removal.
    static let wholeEntryCount = 64

    var entries: [Entry] = []

    func entry(for stream: StreamID) -> Entry? { entries.last { $0.removal.stream == stream } }

    mutating func put(_ entry: Entry) {
        entries.removeAll { $0.removal.stream == entry.removal.stream }
        entries.append(entry)
    }

    func encode(signingKey: Ed25519PrivateKey, folderKey: FolderJournalKey) throws(CryptoError) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(JournalFormat.removalsMagic)
        writer.identifier(folderKey.folder)
        writer.integer(UInt32(entries.count))
        for entry in entries {
            entry.removal.encode(&writer)
            writer.identifier(entry.statedBy)
            writer.integer(entry.statedAt)
            entry.removal.encodeFacts(&writer)
        }
        let signature = signingKey.sign(writer.bytes)
        return try SealedBox.seal(
            writer.bytes + signature, key: folderKey.removals, aad: JournalFormat.removalsMagic)
    }

    static let maxByteCount = 64 << 20

    /// The list as it lies in the spool; empty where there is none.
    static func read(_ spool: DirectoryHandle, folder: FolderID, keys: ReadingKeys) throws(JournalFinding)
        -> RemovalList
    {
        let box: [UInt8]
        do throws(SystemError) {
            box = try spool.readFile(Spool.removalsName(folder), maxByteCount: maxByteCount)
        } catch {
            if error.errno == ENOENT { return RemovalList() }
            throw JournalFinding(reason: .storage(errno: error.errno))
        }
        guard let folderKey = keys.folderKey(folder),
            let bytes = opened(box, folderKey.removals), bytes.count > 64,
            Ed25519.verify(Array(bytes.suffix(64)), Array(bytes.dropLast(64)), keys.signingPublicKey),
            let list = try? bytes.dropLast(64).withUnsafeBytes({ try RemovalList(decoding: $0, folder: folder) })
        else { throw JournalFinding(reason: .removalsUnauthentic) }
        return list
    }

    /// The magic number is authenticated data: a list is of one version, whatever it says of itself.
    private static func opened(_ box: [UInt8], _ key: SecretBytes) -> [UInt8]? {
        for magic in [JournalFormat.removalsMagic, JournalFormat.olderRemovalsMagic] {
            if let bytes = try? SealedBox.open(box, key: key, aad: magic), bytes.starts(with: magic) { return bytes }
        }
        return nil
    }

    init(entries: [Entry] = []) { self.entries = entries }

    private init(decoding raw: UnsafeRawBufferPointer, folder: FolderID) throws(MalformedBytes) {
        var reader = ByteReader(raw)
        let isOlder = try reader.bytes(8) == JournalFormat.olderRemovalsMagic
        guard try reader.identifier(FolderID.self) == folder else { throw MalformedBytes() }
        let count: UInt32 = try reader.integer()
        for _ in 0..<count {
            var entry = Entry(
                removal: try JournalRemoval(&reader), statedBy: try reader.identifier(),
                statedAt: try reader.integer())
            if !isOlder { try entry.removal.readFacts(&reader) }
            entries.append(entry)
        }
        guard reader.remaining == 0 else { throw MalformedBytes() }
    }
}
