import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Glibc
import Synchronization
import Testing

/// Where to measure: a directory on the storage that matters, in ARGUS_MEASURE. Without it nothing is measured.
private let measuredDirectory = getenv("ARGUS_MEASURE").map { String(cString: $0) }

/// Prints the figures of docs/design/index.md; it judges nothing. Run it alone, in release:
/// `ARGUS_MEASURE=DIR swift test -c release --filter IndexMeasurement`.
@Suite("The speed of the index", .serialized, .enabled(if: measuredDirectory != nil))
struct IndexMeasurement {
    private static let batchCount = 4096
    private static let batches = 50

    @Test("creates, lookups, listings, updates", arguments: [CommitDurability.process, .durable])
    func measure(durability: CommitDurability) throws {
        let directory = try #require(measuredDirectory)
        let path = "\(directory)/index-\(durability)-\(getpid())"
        let store = try DirectoryStore(path: path, create: true)
        let home = CapsuleIndexHome(in: store)
        var index = try home.create()
        try index.apply([.putInode(IndexRows.root())])
        try index.commit(.durable)

        var dice = PowerCut.Dice(seed: 1)
        var names: [FileName] = []
        var applyTimes: [Double] = []
        var commitTimes: [Double] = []
        let before = writtenBytes()
        for batch in 0..<Self.batches {
            var changes: [IndexChange] = []
            for place in 0..<Self.batchCount {
                let number = UInt64(10 + batch * Self.batchCount + place)
                let entry = IndexRows.entry("file-\(dice.next()).txt", number)
                names.append(entry.name)
                changes.append(.putInode(IndexRows.inode(number)))
                changes.append(.putEntry(entry))
            }
            changes.append(.putInode(IndexRows.root(size: UInt64(names.count))))
            applyTimes.append(try seconds { try index.apply(changes) })
            commitTimes.append(try seconds { try index.commit(durability) })
        }
        let written = (writtenBytes() - before) / Self.batches
        let changes = Double(Self.batches * (2 * Self.batchCount + 1))
        let apply = applyTimes.reduce(0, +)
        let commit = commitTimes.reduce(0, +)
        commitTimes.sort()
        report("commit(.\(durability)), \(Self.batches) batches of \(Self.batchCount) creates in one directory")
        report("  changes/s applied \(Int(changes / apply)), with commits \(Int(changes / (apply + commit)))")
        report("  commit ms median \(ms(commitTimes[Self.batches / 2])), highest \(ms(commitTimes.last ?? 0))")
        report("  KiB written a batch \(written / 1024), capsule MiB \(index.capsule.size >> 20)")

        try index.close()
        let opening = try seconds { index = try home.open() }
        let lookups = (0..<200_000).map { _ in names[Int(dice.next() % UInt64(names.count))] }
        for state in ["cold", "warm"] {
            let time = try seconds {
                for name in lookups { _ = try index.entry(parent: .root, name: name) }
            }
            report("  opening ms \(ms(opening)); lookups/s by name, \(state): \(Int(Double(lookups.count) / time))")
        }
        let inodes = try seconds {
            for _ in lookups { _ = try index.inode(InodeNumber(10 + dice.next() % UInt64(names.count))) }
        }
        var listed = 0
        let listing = try seconds {
            try index.forEachEntry(of: .root, after: 0) { _, _ in
                listed += 1
                return true
            }
        }
        report("  inodes/s \(Int(Double(lookups.count) / inodes)), listed entries/s \(Int(Double(listed) / listing))")

        let updating = try seconds {
            for batch in 0..<10 {
                try index.apply(
                    (0..<Self.batchCount).map { place in
                        .putInode(
                            IndexRows.inode(UInt64(10 + batch * Self.batchCount + place), capsule: IndexRows.clean()))
                    })
                try index.commit(durability)
            }
        }
        report("  inode updates/s with commits \(Int(Double(10 * Self.batchCount) / updating))")
        report("  longest wait of a reader while batches are applied, ms: \(ms(try longestWait(index, names)))")
        var findings: [String] = []
        let verifying = try seconds { findings = try index.verify() }
        #expect(findings == [])
        report("  verify of \(names.count) files s: \(verifying)")
        try index.close()
        try store.remove(home.name)
    }

    /// A reader asks for names while the writer applies and commits ten batches.
    private func longestWait(_ index: SQLiteIndex, _ names: [FileName]) throws -> Double {
        let isOver = Atomic<Bool>(false)
        let longest = Mutex<Double>(0)
        let reader = Thread.start(name: "reader") {
            var dice = PowerCut.Dice(seed: 2)
            while !isOver.load(ordering: .relaxed) {
                let name = names[Int(dice.next() % UInt64(names.count))]
                let time = seconds { _ = try? index.entry(parent: .root, name: name) }
                longest.withLock { $0 = max($0, time) }
            }
        }
        for batch in 0..<10 {
            try index.apply(
                (0..<Self.batchCount).map { place in
                    .putInode(IndexRows.inode(UInt64(10 + batch * Self.batchCount + place), size: UInt64(batch)))
                })
            try index.commit(.process)
        }
        isOver.store(true, ordering: .relaxed)
        reader.join()
        return longest.withLock { $0 }
    }
}

private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let time = try ContinuousClock().measure(body).components
    return Double(time.seconds) + Double(time.attoseconds) / 1e18
}

private func ms(_ seconds: Double) -> Double { (seconds * 1e5).rounded() / 100 }

private func report(_ line: String) { print(line) }

/// Bytes that this process passed to write(2) and its like (proc_pid_io(5)).
private func writtenBytes() -> Int {
    guard let file = fopen("/proc/self/io", "r") else { return 0 }
    defer { fclose(file) }
    var value = 0
    var line = [CChar](repeating: 0, count: 128)
    while fgets(&line, Int32(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("wchar: ") { value = Int(text.dropFirst(7).dropLast()) ?? 0 }
    }
    return value
}
