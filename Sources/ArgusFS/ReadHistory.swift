internal import ArgusCore
internal import ArgusSystem

/// Which files processes opened for reading lately, so that a copy made by reading and writing can be told.
///
/// A ring of plain values: noting an open allocates nothing, and the newest `count` opens of a mount are remembered.
/// A process that reads more than that between a file and its copy goes unnoticed here; both ends are in the journal.
final class ReadHistory: Sendable {
    /// A build that reads 500 headers and writes one object stays well below; looking through takes about a microsecond.
    static let count = 2048

    private struct Entry {
        var process: UInt32
        var size: UInt64
        var inode: InodeNumber
    }

    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var entries: [Entry] = []
    nonisolated(unsafe) private var next = 0

    init() {
        entries.reserveCapacity(Self.count)
    }

    func note(process: UInt32, inode: InodeNumber, size: UInt64) {
        guard process != 0, size > 0 else { return }
        let entry = Entry(process: process, size: size, inode: inode)
        lock.withLock {
            if entries.count < Self.count {
                entries.append(entry)
            } else {
                entries[next] = entry
            }
            next = (next + 1) % Self.count
        }
    }

    /// The files of `size` bytes that the process opened, the newest first.
    func files(of process: UInt32, size: UInt64) -> [InodeNumber] {
        lock.withLock {
            var found: [InodeNumber] = []
            for place in 0..<entries.count {
                let entry = entries[(next + entries.count - 1 - place) % entries.count]
                guard entry.process == process, entry.size == size, !found.contains(entry.inode) else { continue }
                found.append(entry.inode)
                if found.count == Self.foundMax { break }
            }
            return found
        }
    }

    /// More files of one size than this are not compared with one copy.
    private static let foundMax = 16
}
