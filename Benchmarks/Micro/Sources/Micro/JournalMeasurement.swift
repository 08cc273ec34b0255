@testable import ArgusCore
@testable import ArgusCrypto
@testable import ArgusIdentity
@testable import ArgusJournal
@testable import ArgusSystem
import Glibc

/// A record: of the thread that appends it, with all that comes after it, and in a strict folder.
func measureJournal(_ report: inout Report, in place: Place, isCheck: Bool) throws {
    var open = AuditEvent(
        activity: .open, status: .success,
        actor: AuditActor(uid: 1000, loginUID: 1000, pid: 4711, person: "alice", program: "/usr/bin/vim"),
        fileID: FileID(high: 9, low: 9),
        place: AuditPlace(directory: Array("/Projects/argus/Sources".utf8), name: Array("Journal.swift".utf8)),
        reason: "member:00000000000000010000000000000002")
    open.access = .read
    var close = open
    close.activity = .close
    close.byteCount = 12_345
    close.writtenByteCount = 0
    let journal = try newJournal(in: place, .normal)
    let count = isCheck ? 2_000 : 200_000
    let before = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
    let own = try cost(of: count) { number in try journal.append(number % 2 == 0 ? open : close) }
    try journal.sync()
    let all = (nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - before) / Double(count)
    report.add("a record of an open or close, of the thread that appends", own, allocationsMax: 0)
    report.note("the same with commits and segments", "\(Int(all)) ns")
    report.add(
        "a record with its room taken before",
        try cost(of: count) { _ in try journal.append(open, using: try journal.reserve(open)) }, allocationsMax: 0)
    try journal.close()

    for threads in [1, 8] {
        let strict = try newJournal(in: place, .strict)
        let each = isCheck ? 20 : 500
        let start = nanoseconds(CLOCK_MONOTONIC)
        let event = open
        let running = (0..<threads).map { _ in
            Thread.start(name: "appender") { for _ in 0..<each { try? strict.append(event) } }
        }
        running.forEach { $0.join() }
        let seconds = (nanoseconds(CLOCK_MONOTONIC) - start) / 1e9
        report.note("strict records of \(threads) threads", "\(Int(Double(threads * each) / seconds))/s")
        try strict.close()
    }
}

private func newJournal(in place: Place, _ mode: JournalMode) throws -> Journal {
    let path = "\(place.path)/journal-\(StreamID.random().hex)"
    guard mkdir(path, 0o700) == 0 else { throw MicroError("mkdir(2) failed with error \(errno)") }
    return try Journal(
        directory: try DirectoryHandle(path: path),
        keys: .derive(masterKey: .random(count: 32), realm: RealmID(high: 1, low: 2)), folder: FolderID(high: 3, low: 4),
        device: DeviceID(high: 7, low: 8), mode: mode, clock: SystemClock())
}

/// Who asks: what is added to the first record of each request.
func measureActor(_ report: inout Report) {
    let inspector = ProcessInspector()
    let own = UInt32(getpid())
    report.add(
        "who asks, before a process was seen to end", cost(of: 20_000) { _ in _ = inspector.facts(ofThread: own) },
        allocationsMax: 0)
    var pid = pid_t()
    var words: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sleep"), strdup("100"), nil]
    defer { words.forEach { free($0) } }
    guard posix_spawn(&pid, "/bin/sleep", nil, nil, &words, environ) == 0 else { return }
    _ = inspector.facts(ofThread: UInt32(pid))
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
    _ = inspector.facts(ofThread: UInt32(pid))
    report.add(
        "who asks, from then on", cost(of: 20_000) { _ in _ = inspector.facts(ofThread: own) }, allocationsMax: 0)
}
