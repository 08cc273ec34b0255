internal import ArgusSystem
internal import Glibc

/// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as the driver needs it.
struct MountTableEntry: Hashable {
    var id: Int
    /// `major:minor` in decimal: the name of the mount's directory in /sys/class/bdi.
    var device: String
    var mountPoint: String
    var type: String

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
    static func top(at path: String) -> MountTableEntry? {
        guard let table = textFile("/proc/self/mountinfo") else { return nil }
        return table.split(separator: "\n").compactMap { MountTableEntry(line: $0) }.last { $0.mountPoint == path }
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
