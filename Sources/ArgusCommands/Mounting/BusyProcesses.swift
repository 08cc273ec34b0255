internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// The processes that keep a mount busy, as far as this user may look: their working and root directories, programs,
/// open files and mappings (proc(5)).
///
/// Mounts are compared by the kernel's mount id, never by path, and nothing on the mount itself is touched.
struct BusyProcesses {
    struct Use: Hashable {
        var pid: Int32
        var program: String
        /// How it uses the mount: "has an open file", "works in it".
        var how: String
    }

    let uses: [Use]
    /// True where another user's processes could not be looked at.
    let isIncomplete: Bool

    init(on entry: MountTable.Entry) {
        var uses: [Use] = []
        var isIncomplete = false
        for pid in Self.processes() where pid != getpid() {
            switch Self.use(of: entry, by: pid) {
            case .some(.some(let how)):
                let program = smallFile("/proc/\(pid)/comm", maxBytes: 64) ?? ""
                uses.append(Use(pid: pid, program: Table.printable(String(program.prefix { $0 != "\n" })), how: how))
            case .some(.none): break
            case .none: isIncomplete = true
            }
        }
        self.uses = uses
        self.isIncomplete = isIncomplete
    }

    /// As the end of an error line: `vim (812) has an open file, bash (790) works in it`.
    var text: String {
        let shownMax = 10
        var parts = uses.prefix(shownMax).map { "\($0.program) (\($0.pid)) \($0.how)" }
        if uses.count > shownMax { parts.append("and \(uses.count - shownMax) more") }
        return parts.joined(separator: ", ")
    }

    private static func processes() -> [Int32] {
        do throws(SystemError) {
            return try DirectoryHandle(path: "/proc").names().compactMap { Int32($0) }.sorted()
        } catch {
            return []
        }
    }

    /// Nil where the process may not be looked at; `.some(nil)` where it does not use the mount.
    private static func use(of entry: MountTable.Entry, by pid: Int32) -> String?? {
        let descriptors: [Int32]
        do throws(SystemError) {
            descriptors = try DirectoryHandle(path: "/proc/\(pid)/fd").names().compactMap { Int32($0) }
        } catch {
            return error.errno == ENOENT || error.errno == ESRCH ? .some(nil) : nil
        }
        for (link, how) in [("cwd", "works in it"), ("root", "has it as its root"), ("exe", "is a program from it")]
        where mountID(ofLink: "/proc/\(pid)/\(link)") == entry.id {
            return how
        }
        for descriptor in descriptors
        where openFileMountID(process: String(pid), descriptor: descriptor) == entry.id {
            return "has an open file"
        }
        return .some(maps(of: pid, touch: entry.device) ? "has mapped a file" : nil)
    }

    private static func mountID(ofLink link: String) -> Int? {
        let opened = argus_open_path(link, 0)
        guard opened >= 0 else { return nil }
        let descriptor = OwnedDescriptor(owning: opened)
        return openFileMountID(process: "self", descriptor: descriptor.rawValue)
    }

    /// Lines of /proc/PID/maps: range, permissions, offset, device in hexadecimal, inode, path.
    private static func maps(of pid: Int32, touch device: String) -> Bool {
        guard let text = smallFile("/proc/\(pid)/maps") else { return false }
        let numbers = device.split(separator: ":").compactMap { UInt32($0) }
        guard numbers.count == 2 else { return false }
        return text.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count >= 5 else { return false }
            return fields[3].split(separator: ":").compactMap { UInt32($0, radix: 16) } == numbers && fields[4] != "0"
        }
    }
}
