internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as the driver needs it.
struct MountTableEntry: Hashable {
    var id: Int
    /// `major:minor` in decimal: the name of the mount's directory in /sys/class/bdi.
    var device: String
    var mountPoint: String
    var type: String

    static let tablePath = "/proc/self/mountinfo"

    /// Nil where the line has another form.
    init?(line: Substring) {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count >= 10, let id = Int(fields[0]), let dash = fields.dropFirst(6).firstIndex(of: "-"),
            dash + 1 < fields.count
        else { return nil }
        self.id = id
        device = fields[2]
        mountPoint = Self.unescaped(fields[4])
        type = fields[dash + 1]
    }

    /// What lies on top at `path`, or nil where it is no mount point of this process's namespace.
    static func top(at path: String) -> MountTableEntry? { all.last { $0.mountPoint == path } }

    /// Empty where the table cannot be read.
    static var all: [MountTableEntry] {
        (textFile(tablePath) ?? "").split(separator: "\n").compactMap { MountTableEntry(line: $0) }
    }

    /// Takes away the one mount of a folder that came since `before`, wherever it is; where there are more, none. The
    /// path may lead elsewhere by now, so it is opened, compared by the kernel's id, and unmounted as what was opened.
    static func takeAwayOnly(since before: Set<Int>) {
        let new = all.filter { $0.type == "fuse.argusfs" && !before.contains($0.id) }
        guard new.count == 1 else { return }
        let opened = argus_open_path(new[0].mountPoint, 0)
        guard opened >= 0 else { return }
        let descriptor = OwnedDescriptor(owning: opened)
        let facts = textFile("/proc/self/fdinfo/\(descriptor.rawValue)") ?? ""
        guard facts.split(separator: "\n").contains("mnt_id:\t\(new[0].id)") else { return }
        umount2("/proc/self/fd/\(descriptor.rawValue)", Int32(MNT_DETACH))
    }

    /// Blanks, tabs, newlines and backslashes are written as three octal digits.
    private static func unescaped(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        let bytes = Array(text.utf8)
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\"), index + 3 < bytes.count,
                let code = UInt8(String(decoding: bytes[index + 1...index + 3], as: UTF8.self), radix: 8)
            {
                plain.append(code)
                index += 4
            } else {
                plain.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

/// A small text file of the system, or nil where it cannot be read.
func textFile(_ path: String, maxByteCount: Int = 16 << 20) -> String? {
    do throws(SystemError) {
        let file = try OwnedDescriptor.open(path, flags: O_RDONLY)
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        while content.count < maxByteCount {
            let count = read(file.rawValue, &buffer, buffer.count)
            let cause = errno
            if count < 0, cause == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            content.append(contentsOf: buffer[..<count])
        }
        return String(decoding: content, as: UTF8.self)
    } catch {
        return nil
    }
}
