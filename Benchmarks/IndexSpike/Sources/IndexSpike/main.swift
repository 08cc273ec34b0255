import Glibc

// usage: IndexSpike DIRECTORY [BATCHES]   (the directory should lie on the storage that matters)

let batchCount = 4096
guard CommandLine.arguments.count > 1 else { fatalError("usage: IndexSpike DIRECTORY [BATCHES]") }
let directory = CommandLine.arguments[1]
let batches = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2])! : 50

func seconds(_ body: () -> Void) -> Double {
    let start = ContinuousClock.now
    body()
    let time = (ContinuousClock.now - start).components
    return Double(time.seconds) + Double(time.attoseconds) / 1e18
}

/// Bytes this process passed to write(2) and its like (/proc/self/io, proc(5)).
func writtenBytes() -> Int {
    guard let file = fopen("/proc/self/io", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    while fgets(&line, 128, file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("wchar: ") { return Int(text.dropFirst(7).dropLast())! }
    }
    return 0
}

let columns = (1...25).map { "?\($0)" }.joined(separator: ", ")

func measure(journal: String, order: PlainDatabase.EntryOrder) {
    let path = directory + "/index-spike.db"
    for suffix in ["", "-wal", "-journal"] { unlink(path + suffix) }
    let database = PlainDatabase(path: path, journal: journal, order: order)
    var names: [[UInt8]] = []
    var next: Int64 = 2
    func inode(_ number: Int64) -> [Int64] {
        [number, 1, number, 0o100644, 1, 1000, 1000, 0, 0, 0]
            + (0..<4).flatMap { _ in [1_790_000_000, 123_456_789] } + [0, 0, 0, 0, 0, 1]
    }
    let file = [UInt8](repeating: 9, count: 16)
    var applySeconds = 0.0
    var commitSeconds: [Double] = []
    let before = writtenBytes()
    for _ in 0..<batches {
        let fresh = (0..<batchCount).map { _ in Array("file-\(UInt64.random(in: 0...UInt64.max)).txt".utf8) }
        names += fresh
        applySeconds += seconds {
            database.run("BEGIN IMMEDIATE")
            for name in fresh {
                database.run("INSERT INTO inode VALUES (\(columns))", inode(next), blob: file, at: 4)
                database.run(
                    "INSERT INTO entry (parent, cookie, name, inode, kind) VALUES (?1, ?2, ?3, ?4, ?5)",
                    [1, next, next, 0o100000], blob: name, at: 3)
                next += 1
            }
        }
        commitSeconds.append(seconds { database.run("COMMIT") })
    }
    let bytes = (writtenBytes() - before) / batches
    let changes = Double(batches * batchCount * 2)
    let commit = commitSeconds.reduce(0, +)
    commitSeconds.sort()
    let lookups = (0..<200_000).map { _ in names.randomElement()! }
    let lookup = seconds {
        for name in lookups {
            database.run(
                "SELECT cookie, inode, kind FROM entry WHERE parent = ?1 AND name = ?2", [1], blob: name, at: 2)
        }
    }
    var listed = 0
    let listing = seconds {
        listed = database.run(
            """
            SELECT entry.cookie, entry.name, entry.inode, entry.kind, inode.* FROM entry
                LEFT JOIN inode ON inode.number = entry.inode WHERE entry.parent = ?1 AND entry.cookie > ?2
                ORDER BY entry.cookie
            """, [1, 0])
    }
    print(
        """
        \(journal), synchronous=NORMAL, \(order.rawValue):
            changes/s applied \(Int(changes / applySeconds)), with commits \(Int(changes / (applySeconds + commit)))
            commit ms median \(commitSeconds[batches / 2] * 1e3), highest \(commitSeconds.last! * 1e3)
            KiB written a batch \(bytes / 1024); lookups/s \(Int(200_000 / lookup)); listed entries/s \(Int(Double(listed) / listing))
        """)
}

for order in PlainDatabase.EntryOrder.allCases {
    measure(journal: "WAL", order: order)
}
// Neither the disk nor a journal: what the order alone costs.
for order in PlainDatabase.EntryOrder.allCases { measure(journal: "MEMORY", order: order) }

let sealing = RowSealing()
let inodeRow = [UInt8](repeating: 1, count: 120)
let entryRow = [UInt8](repeating: 1, count: 48)
let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 16)
let sealingSeconds = seconds {
    for _ in 0..<1_000_000 {
        inodeRow.withUnsafeBytes { sealing.seal($0, into: UnsafeMutableRawBufferPointer(rebasing: sealed[..<136])) }
        entryRow.withUnsafeBytes { sealing.seal($0, into: UnsafeMutableRawBufferPointer(rebasing: sealed[..<64])) }
        entryRow.withUnsafeBytes { sealing.hash($0, into: sealed) }
    }
}
print("sealing rows: \(Int(sealingSeconds * 1e3)) ns a create (inode row, entry row, keyed name)")

// What the capsule does instead: AES-256-GCM once a page.
let page = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 4096)
page.initializeMemory(as: UInt8.self, repeating: 3)
let sealedPage = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096 + 16, alignment: 4096)
let pageSeconds = seconds {
    for _ in 0..<200_000 { sealing.sealOnly(UnsafeRawBufferPointer(page), into: sealedPage) }
}
print("sealing pages: \(Int(pageSeconds / 200_000 * 1e9)) ns a page of 4 KiB")
