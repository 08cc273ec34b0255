internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// One stream's directory in a spool.
struct SpoolStream {
    var stream: StreamID
    var directory: DirectoryHandle
    /// Segments that are there, spares among them, oldest first.
    var ordinals: [UInt32]
    /// As its oldest segment has it; nobody has judged it yet.
    var genesis: JournalGenesis

    /// Whether a process has the stream open for writing. The lock is taken with it, and given back with `directory`.
    func lockExclusively() -> Bool { flock(directory.descriptor, LOCK_EX | LOCK_NB) == 0 }

    var isLive: Bool {
        guard flock(directory.descriptor, LOCK_SH | LOCK_NB) == 0 else { return true }
        flock(directory.descriptor, LOCK_UN)
        return false
    }
}

/// The directory that holds the streams of a realm on this machine: `<stream id>/<ordinal>.segment`.
enum Spool {
    static let temporaryPrefix = ".new-"

    static func removalsName(_ folder: FolderID) -> String { folder.hex + ".removed" }

    /// All streams, oldest first; of those that cannot be read at all, the finding.
    static func scan(_ spool: DirectoryHandle) throws(SystemError) -> (
        streams: [SpoolStream], findings: [JournalFinding]
    ) {
        var streams: [SpoolStream] = []
        var findings: [JournalFinding] = []
        for name in try spool.names().sorted() {
            guard let stream = StreamID(hex: name) else { continue }
            do {
                streams.append(try open(spool, stream))
            } catch let finding as JournalFinding {
                findings.append(finding)
            } catch let error as SystemError where error.errno == ENOENT {
                continue
            } catch {
                findings.append(JournalFinding(stream: stream, reason: .malformedHeader))
            }
        }
        streams.sort { ($0.genesis.time, $0.stream.hex) < ($1.genesis.time, $1.stream.hex) }
        return (streams, findings)
    }

    private static func open(_ spool: DirectoryHandle, _ stream: StreamID) throws -> SpoolStream {
        let directory = try spool.subdirectory(stream.hex)
        let ordinals = try StreamReader.ordinals(directory, stream)
        guard let first = ordinals.first else { throw JournalFinding(stream: stream, reason: .segmentMissing(1)) }
        let header = try StreamReader.header(directory, stream, first)
        guard let genesis = try? JournalGenesis(decoding: header.genesis) else {
            throw JournalFinding(stream: stream, segment: first, reason: .malformedGenesis)
        }
        return SpoolStream(stream: stream, directory: directory, ordinals: ordinals, genesis: genesis)
    }

    /// Bytes that the folder's segments take up.
    static func byteCount(_ streams: [SpoolStream]) -> UInt64 {
        streams.reduce(0) { total, stream in
            stream.ordinals.reduce(total) { $0 + (fileFacts(stream.directory, $1)?.byteCount ?? 0) }
        }
    }

    static func fileFacts(_ directory: DirectoryHandle, _ ordinal: UInt32) -> (byteCount: UInt64, seconds: Int64)? {
        var facts = stat()
        guard fstatat(directory.descriptor, JournalFormat.segmentName(ordinal), &facts, AT_SYMLINK_NOFOLLOW) == 0
        else { return nil }
        return (UInt64(facts.st_size), Int64(facts.st_mtim.tv_sec))
    }

    /// Takes away what a start that was cut short left behind; what another process makes at the moment is locked.
    static func removeUnfinishedStarts(_ spool: DirectoryHandle) {
        guard let names = try? spool.names() else { return }
        for name in names where name.hasPrefix(temporaryPrefix) {
            guard let directory = try? spool.subdirectory(name), let files = try? directory.names(), !files.isEmpty,
                flock(directory.descriptor, LOCK_EX | LOCK_NB) == 0
            else { continue }
            for file in files { try? directory.remove(file) }
            try? spool.removeDirectory(name)
        }
    }
}
