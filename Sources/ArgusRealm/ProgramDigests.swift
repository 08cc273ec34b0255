internal import ArgusCore
internal import ArgusCrypto
internal import ArgusJournal
internal import ArgusSystem
internal import Glibc

/// SHA-256 of programs, computed once for each state of a file: device, inode, size, mtime and ctime.
///
/// Records get theirs from a thread of its own, so that no request waits for a program to be read: the first records of
/// a program may come without. Where a folder's rules ask for a digest, the request waits for it, and its records have it.
///
/// Programs that lie on a FUSE mount get none for their records: reading them would be opens that nobody made.
final class ProgramDigests: Sendable {
    /// Those of this process: folders of one realm, and realms, are used by the same programs.
    static let shared = ProgramDigests()

    /// States remembered; all are forgotten where there are more.
    static let maxCount = 256
    /// Programs that wait to be read; further ones are taken up by the next process that runs them.
    static let maxQueueCount = 32
    /// Larger programs get no digest in records.
    static let maxByteCount: UInt64 = 1 << 30
    /// A file that changed so lately may change again within the resolution of its ctime, a tick of at most 10 ms.
    private static let settledNanoseconds: UInt64 = 40_000_000

    private struct Job: Sendable {
        let file: SharedDescriptor
        let state: FileState
        let digest: ProgramDigest
    }

    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var digests: [FileState: ProgramDigest] = [:]
    nonisolated(unsafe) private var queue: [Job] = []
    nonisolated(unsafe) private var isReading = false

    /// The digest of the program that the process with this directory in /proc runs, which may come to be known later.
    /// Waits for nothing.
    func digest(ofProcess directory: Int32) -> ProgramDigest? {
        guard let opened = try? OwnedDescriptor.program(ofProcess: directory),
            let state = try? FileState(descriptor: opened.rawValue), state.isRegular
        else { return nil }
        let file = SharedDescriptor(opened)
        return lock.withLock {
            if let known = digests[state] { return known }
            guard queue.count < Self.maxQueueCount, state.byteCount <= Self.maxByteCount else { return nil }
            let digest = ProgramDigest()
            remember(digest, of: state)
            queue.append(Job(file: file, state: state, digest: digest))
            if !isReading {
                isReading = true
                Thread.start(name: "digests") { [self] in readAll() }
            }
            return digest
        }
    }

    /// The digest of a file that is open for reading, now; nil where it cannot be read or changes meanwhile.
    func digest(of file: Int32, state: FileState) -> [UInt8]? {
        let known = lock.withLock { digests[state]?.bytes }
        if let known, !known.isEmpty { return known }
        guard let found = Self.read(file, state) else { return nil }
        lock.withLock {
            let digest = digests[state] ?? ProgramDigest()
            digest.publish(found)
            if digests[state] == nil { remember(digest, of: state) }
        }
        return found
    }

    /// Under `lock`.
    private func remember(_ digest: ProgramDigest, of state: FileState) {
        if digests.count >= Self.maxCount { digests = [:] }
        digests[state] = digest
    }

    /// Reads what waits, and ends with it.
    private func readAll() {
        while true {
            let job = lock.withLock { () -> Job? in
                guard !queue.isEmpty else {
                    isReading = false
                    return nil
                }
                return queue.removeFirst()
            }
            guard let job else { return }
            let found = Self.read(job)
            lock.withLock {
                if let found {
                    job.digest.publish(found)
                } else if digests[job.state] === job.digest {
                    // The next process that runs it may find it readable.
                    digests[job.state] = nil
                }
            }
        }
    }

    private static func read(_ job: Job) -> [UInt8]? {
        // The descriptor names the file alone (O_PATH): /proc opens it.
        guard !job.file.liesOnFUSE,
            let file = try? OwnedDescriptor.open(
                "/proc/self/fd/\(job.file.rawValue)", flags: O_RDONLY | O_NOCTTY | O_NONBLOCK)
        else { return nil }
        return read(file.rawValue, job.state)
    }

    private static func read(_ file: Int32, _ state: FileState) -> [UInt8]? {
        while true {
            let now = SystemClock().now()
            let age = state.age(at: (now.seconds, Int64(now.nanoseconds)))
            guard age < settledNanoseconds else { break }
            usleep(UInt32(settledNanoseconds / 1000))
            // Whoever sets the clock back must not keep this waiting.
            if age == 0 { break }
        }
        var offset = 0
        let digest = SHA256.hash { buffer in
            while true {
                let count = pread(file, buffer.baseAddress, buffer.count, off_t(offset))
                if count >= 0 {
                    offset += count
                    return count
                }
                if errno != EINTR { return -1 }
            }
        }
        guard let digest, (try? FileState(descriptor: file)) == state else { return nil }
        return digest
    }
}

/// A descriptor with several owners; closed by the last.
private final class SharedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    var rawValue: Int32 { descriptor.rawValue }
    var liesOnFUSE: Bool { descriptor.liesOnFUSE }
}
