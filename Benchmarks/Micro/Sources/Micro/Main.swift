import Glibc

/// `micro [--check]`: prints what single steps cost; with `--check` the exit status is 1 where a counter is above its
/// limit, and everything is done fewer times.
@main
enum Micro {
    static func main() throws {
        let isCheck = CommandLine.arguments.contains("--check")
        if try measured(isCheck: isCheck).isExceeded, isCheck {
            print("micro: a counter is above its limit")
            exit(1)
        }
    }

    private static func measured(isCheck: Bool) throws -> Report {
        var report = Report()
        let place = try Place()
        defer { place.remove() }
        try measureCapsule(&report, in: place, isCheck: isCheck)
        try measureIndex(&report, in: place, isCheck: isCheck)
        measureDecision(&report)
        try measureJournal(&report, in: place, isCheck: isCheck)
        measureActor(&report)
        return report
    }
}

/// A directory of its own on the machine's disk, removed at the end.
final class Place {
    let path: String

    init() throws {
        var template = Array("\(getenv("ARGUS_MICRO_DIR").map { String(cString: $0) } ?? "/var/tmp")/argus-micro-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw MicroError("mkdtemp(3) failed with error \(errno)") }
        path = template.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    func remove() {
        var pid = pid_t()
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("rm"), strdup("-rf"), strdup(path), nil]
        defer { words.forEach { free($0) } }
        guard posix_spawnp(&pid, "rm", nil, nil, &words, environ) == 0 else { return }
        waitpid(pid, nil, 0)
    }
}

struct MicroError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
