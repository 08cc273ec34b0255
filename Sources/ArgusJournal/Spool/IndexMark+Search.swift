package import ArgusCore
package import ArgusSystem

extension IndexMark {
    /// The newest root of the folder's index that its journal names, for whoever starts no stream.
    ///
    /// What is wrong with a stream is for `JournalVerifier` to tell: here each is read as far as it can be.
    package static func newest(
        in spool: DirectoryHandle, folder: FolderID, keys: JournalAuditKeys, bootID: [UInt8]? = nil
    )
        throws(JournalError) -> IndexMark?
    {
        let streams: [SpoolStream]
        do throws(SystemError) { streams = try Spool.scan(spool).streams } catch {
            throw .storage(errno: error.errno)
        }
        // Whoever starts a stream does without it: deriving the key of a batch takes long, and seals are enough here.
        var readingKeys = ReadingKeys(keys)
        readingKeys.auditKey = nil
        return newest(
            in: streams.filter { $0.genesis.folder == folder }, keys: readingKeys,
            bootID: bootID ?? BootID.current())
    }

    /// The newest that the last segments name. Every segment in which a record follows names the newest of its time.
    static func newest(in streams: [SpoolStream], keys: ReadingKeys, bootID: [UInt8]) -> IndexMark? {
        var newest: IndexMark?
        for stream in streams {
            let mayBeTorn = stream.genesis.bootID != bootID
            for start in [StreamReader.Start.newest, .oldest] {
                var hasRecords = false
                do throws(JournalFinding) {
                    let reader = try StreamReader(
                        directory: stream.directory, stream: stream.stream, keys: keys,
                        from: start)
                    _ = try reader.readMore(isLive: stream.isLive, mayBeTorn: mayBeTorn) { record in
                        hasRecords = true
                        newest = max(newest, record.indexRoot)
                        return true
                    }
                } catch {
                    continue
                }
                // A segment that was begun when the machine stopped has none.
                if hasRecords { break }
            }
        }
        return newest
    }

    static func max(_ one: IndexMark?, _ other: IndexMark?) -> IndexMark? {
        guard let one, let other else { return one ?? other }
        return other.commit > one.commit ? other : one
    }
}
