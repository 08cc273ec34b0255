internal import ArgusCore
internal import ArgusPolicy
internal import ArgusSystem
internal import Glibc

/// Finds out of a program what a folder's rules ask for. The executable is looked at as the driver's mount namespace has
/// it, through /proc, so that a namespace of the caller's own cannot pass one program off for another.
final class ProgramResolver: Sendable {
    private let digests: ProgramDigests

    init(_ digests: ProgramDigests = .shared) { self.digests = digests }

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
        // The program, or what a rule names, may lie in the folder that asks: another thread then has to answer.
        WaitNotice.give()
        guard let file = try? OwnedDescriptor.open(place, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK) else {
            // Execute-only programs can be told by what they are, though not by what is in them.
            var status = stat()
            guard stat(place, &status) == 0 else { return ProgramFacts(path: path) }
            return facts(FileKey(status), path: path, for: rules, digest: nil)
        }
        guard let state = try? FileState(descriptor: file.rawValue), state.isRegular else {
            return ProgramFacts(path: path)
        }
        let digest = rules.needsDigest ? digests.digest(of: file.rawValue, state: state) : nil
        return facts(
            FileKey(major: state.deviceMajor, minor: state.deviceMinor, inode: state.inode), path: path, for: rules,
            digest: digest)
    }

    private func facts(_ key: FileKey, path: String, for rules: ProgramRules, digest: [UInt8]?) -> ProgramFacts {
        let same = rules.paths.filter { path in
            var other = stat()
            return stat(path, &other) == 0 && FileKey(other) == key
        }
        return ProgramFacts(path: path, file: key, digest: digest, samePaths: Set(same))
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
