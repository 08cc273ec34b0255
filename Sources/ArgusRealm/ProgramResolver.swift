internal import ArgusCore
internal import ArgusCrypto
internal import ArgusPolicy
internal import ArgusSystem
internal import Glibc

/// Finds out of a program what a folder's rules ask for. The executable is looked at as the driver's mount namespace has
/// it, through /proc, so that a namespace of the caller's own cannot pass one program off for another.
final class ProgramResolver: Sendable {
    /// Digests remembered, each for one state of one file.
    private static let maxDigestCount = 64

    private struct FileState: Hashable {
        var key: FileKey
        var size: Int64
        var modified: [Int]
    }

    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var digests: [FileState: [UInt8]] = [:]

    /// `path` is what is known of the program already.
    func facts(pid: UInt32, path: String, for rules: ProgramRules) -> ProgramFacts {
        guard !rules.rules.isEmpty, pid != 0 else { return ProgramFacts(path: path) }
        return facts(at: "/proc/\(pid)/exe", path: path, for: rules)
    }

    /// The same of a file that is to be run.
    func facts(file path: String, for rules: ProgramRules) -> ProgramFacts {
        facts(at: path, path: path, for: rules)
    }

    private func facts(at place: String, path: String, for rules: ProgramRules) -> ProgramFacts {
        guard let file = try? OwnedDescriptor.open(place, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK) else {
            // Execute-only programs can be told by what they are, though not by what is in them.
            var status = stat()
            guard stat(place, &status) == 0 else { return ProgramFacts(path: path) }
            return facts(status, path: path, for: rules, digest: nil)
        }
        var status = stat()
        guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return ProgramFacts(path: path)
        }
        return facts(
            status, path: path, for: rules, digest: rules.needsDigest ? digest(of: file, status) : nil)
    }

    private func facts(_ status: stat, path: String, for rules: ProgramRules, digest: [UInt8]?) -> ProgramFacts {
        let key = FileKey(status)
        let same = rules.paths.filter { path in
            var other = stat()
            return stat(path, &other) == 0 && FileKey(other) == key
        }
        return ProgramFacts(path: path, file: key, digest: digest, samePaths: Set(same))
    }

    private func digest(of file: borrowing OwnedDescriptor, _ status: stat) -> [UInt8]? {
        let state = FileState(
            key: FileKey(status), size: Int64(status.st_size),
            modified: [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ])
        if let known = lock.withLock({ digests[state] }) { return known }
        let descriptor = file.rawValue
        let found = SHA256.hash { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count >= 0 || errno != EINTR { return count }
            }
        }
        guard let digest = found else { return nil }
        lock.withLock {
            if digests.count >= Self.maxDigestCount { digests = [:] }
            digests[state] = digest
        }
        return digest
    }
}

extension FileKey {
    /// Major and minor as makedev(3) puts them together.
    init(_ status: stat) {
        let device = UInt64(status.st_dev)
        self.init(
            major: UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & ~0xfff),
            minor: UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & ~0xff), inode: UInt64(status.st_ino))
    }
}
