internal import Glibc
internal import Synchronization

/// A directory of a test's own on a real filesystem, `/var/tmp/argus-mount-PID-…`. When it is given up, everything that
/// is mounted below it is unmounted, drivers included, and it is removed.
package final class Scratch: Sendable {
    package let path: String

    private static let prefix = "/var/tmp/argus-mount-"
    private static let isSwept = Atomic<Bool>(false)

    package init() throws(KitError) {
        if !Self.isSwept.exchange(true, ordering: .relaxed) { Self.sweep() }
        var template = Array("\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw KitError("mkdtemp(3): \(String(cString: strerror(errno)))") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        // Others must get as far as the mount itself.
        chmod(path, 0o755)
    }

    deinit { Self.remove(path) }

    /// Removes what test processes that were killed left behind.
    private static func sweep() {
        for name in Tree.names("/var/tmp") where "/var/tmp/\(name)".hasPrefix(prefix) {
            let owner = Int32(name.dropFirst("argus-mount-".count).prefix { $0 != "-" }) ?? 0
            if owner > 0, kill(owner, 0) != 0, errno == ESRCH { remove("/var/tmp/\(name)") }
        }
    }

    private static func remove(_ path: String) {
        for mount in Tree.mounts(below: path).reversed() {
            let drivers = Tree.drivers(of: mount)
            if geteuid() != 0 || umount2(mount, Int32(MNT_DETACH)) != 0 { try? run(["fusermount3", "-uz", mount]) }
            // A driver whose mount is gone ends by itself; one that hangs must not outlive the test.
            for pid in drivers where !Tree.ends(pid, withinSeconds: 20) { try? run(["kill", "-9", String(pid)]) }
        }
        // A mount point of `-o immutable` takes no changes while nothing is mounted there.
        try? run(["find", path, "-xdev", "-type", "d", "-empty", "-exec", "chattr", "-f", "-i", "{}", "+"])
        try? run(["chmod", "-R", "u+rwX", path])
        try? run(["rm", "-rf", "--one-file-system", path])
    }

    private static func run(_ arguments: [String]) throws(KitError) {
        let owner: Person = getuid() == 0 ? .current : .root
        if try Program(arguments).wait().succeeded || owner == .current { return }
        _ = try Program(arguments, as: owner).wait()
    }
}

/// What the system says of directories, mounts and processes.
package enum Tree {
    package static func names(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Mount points at or below a directory, in the order they were made.
    package static func mounts(below path: String) -> [String] {
        text("/proc/self/mounts").split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && (fields[1] == path || fields[1].hasPrefix(path + "/")) ? String(fields[1]) : nil
        }
    }

    /// The drivers that serve a mount point in the background.
    package static func drivers(of mountPoint: String) -> [Int32] {
        names("/proc").compactMap { Int32($0) }.filter { pid in
            let words = text("/proc/\(pid)/cmdline").split(separator: "\0")
            return words.count == 3 && words[1] == "driver" && words[2] == mountPoint
        }
    }

    /// A process and all that it started, directly or not, and that has not lost its parent.
    static func descendants(of pid: Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for process in names("/proc").compactMap({ Int32($0) }) {
            // Behind the name, which may hold anything: state, parent (proc(5)).
            let fields = text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
            if fields.count > 1, let parent = Int32(fields[1]) { children[parent, default: []].append(process) }
        }
        var found = [pid]
        var next = 0
        while next < found.count {
            found += children[found[next]] ?? []
            next += 1
        }
        return found
    }

    /// Waits for the end of a process that may be another's child.
    package static func ends(_ pid: Int32, withinSeconds limit: Int) -> Bool {
        for _ in 0..<limit * 50 {
            let state = text("/proc/\(pid)/stat").split(separator: ")").last?.first { $0 != " " }
            if state == nil || state == "Z" { return true }
            usleep(20_000)
        }
        return false
    }

    /// A file's text; empty where it cannot be read.
    package static func text(_ path: String) -> String {
        String(decoding: bytes(path) ?? [], as: UTF8.self)
    }

    package static func bytes(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return count < 0 ? nil : bytes }
            bytes += buffer[..<count]
        }
    }

    /// All regular files at or below a path, the path itself being one included.
    package static func files(below path: String) -> [String] {
        var status = stat()
        guard lstat(path, &status) == 0 else { return [] }
        if status.st_mode & S_IFMT == S_IFREG { return [path] }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [] }
        return names(path).flatMap { files(below: "\(path)/\($0)") }
    }
}

/// What the tests were started for.
package enum TestRun {
    /// True with ARGUS_LONG_TESTS: also what takes longer than every change can wait for.
    package static let isLong = getenv("ARGUS_LONG_TESTS") != nil
}
