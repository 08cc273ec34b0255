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

    /// More files of one size than this are not compared with one copy.
    private static let foundMax = 16
    private static let filterCount = 4096

    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var entries: [Entry] = []
    nonisolated(unsafe) private var next = 0
    /// How many entries have a process and size of this hash: most closes find none, and look no further.
    nonisolated(unsafe) private var filter = [UInt16](repeating: 0, count: ReadHistory.filterCount)

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
                filter[Self.hash(entries[next].process, entries[next].size)] -= 1
                entries[next] = entry
            }
            filter[Self.hash(process, size)] += 1
            next += 1
            if next == Self.count { next = 0 }
        }
    }

    /// The files of `size` bytes that the process opened, the newest first.
    func files(of process: UInt32, size: UInt64) -> [InodeNumber] {
        lock.withLock {
            var found: [InodeNumber] = []
            guard filter[Self.hash(process, size)] > 0 else { return found }
            for back in 1...max(1, entries.count) {
                let place = next >= back ? next - back : next - back + entries.count
                guard entries[place].process == process, entries[place].size == size,
                    !found.contains(entries[place].inode)
                else { continue }
                found.append(entries[place].inode)
                if found.count == Self.foundMax { break }
            }
            return found
        }
    }

    private static func hash(_ process: UInt32, _ size: UInt64) -> Int {
        Int(truncatingIfNeeded: (UInt64(process) &* 0x9E37_79B9_7F4A_7C15 ^ size &* 0xC2B2_AE3D_27D4_EB4F) >> 52)
    }
}
