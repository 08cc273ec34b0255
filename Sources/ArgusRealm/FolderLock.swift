internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// The right to use a folder: flock(2) on its file `lock`, which holds the holder's process id.
///
/// Exclusive for who writes; shared for who only looks. The kernel gives it back when the process ends, however it ends.
final class FolderLock: Sendable {
    static let fileName = "lock"
    private static let pollMilliseconds = 50

    private let held: HeldLock
    private let isExclusive: Bool

    private init(_ held: HeldLock, isExclusive: Bool) {
        self.held = held
        self.isExclusive = isExclusive
    }

    /// Takes the lock, waiting up to `waitMilliseconds` for it. Throws `folderInUse`.
    static func take(in directory: DirectoryHandle, exclusive: Bool, waitMilliseconds: Int) throws(RealmError)
        -> FolderLock
    {
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds() + UInt64(max(0, waitMilliseconds)) * 1_000_000
        while true {
            let held: HeldLock? = try realmCall { () throws(SystemError) in
                try HeldLock(try open(in: directory, writes: exclusive), exclusive: exclusive, waits: false)
            }
            if let held {
                let lock = FolderLock(held, isExclusive: exclusive)
                if exclusive { lock.write(pid: getpid()) }
                return lock
            }
            guard clock.monotonicNanoseconds() < deadline else {
                let holder = holder(in: directory)
                let who = holder.map { " by process \($0)" } ?? ""
                throw RealmError(
                    .folderInUse, "is in use\(who); unmount it, or wait until the command that uses it has ended",
                    holder: holder)
            }
            usleep(UInt32(pollMilliseconds) * 1000)
        }
    }

    /// The process that has the folder for itself; nil where nobody has, or it cannot be told.
    static func holder(in directory: DirectoryHandle) -> Int32? {
        guard let file = try? directory.open(fileName, flags: O_RDONLY | O_NOCTTY) else { return nil }
        var text = [UInt8](repeating: 0, count: 16)
        let count = text.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, $0.count, 0) }
        // A shared lock that is granted says that nobody holds the other kind: what the file says is old.
        guard let shared = try? HeldLock(file, exclusive: false, waits: false) else {
            return Int32(
                String(decoding: text.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        }
        withExtendedLifetime(shared) {}
        return nil
    }

    /// Gives the lock back at once, though others may still refer to it.
    func release() {
        if isExclusive { write(pid: nil) }
        flock(held.descriptor.rawValue, LOCK_UN)
    }

    private static func open(in directory: DirectoryHandle, writes: Bool) throws(SystemError) -> OwnedDescriptor {
        guard writes else { return try directory.open(fileName, flags: O_RDONLY | O_NOCTTY) }
        do throws(SystemError) {
            return try directory.open(fileName, flags: O_RDWR | O_CREAT | O_NOCTTY)
        } catch  where error.errno == EROFS {
            return try directory.open(fileName, flags: O_RDONLY | O_NOCTTY)
        }
    }

    /// A courtesy to whoever finds the folder in use: a realm that cannot be written holds no id.
    private func write(pid: Int32?) {
        let text = Array((pid.map { "\($0)\n" } ?? "").utf8)
        let descriptor = held.descriptor.rawValue
        ftruncate(descriptor, 0)
        if !text.isEmpty { pwrite(descriptor, text, text.count, 0) }
    }
}
