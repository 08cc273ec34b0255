internal import ArgusSystem
internal import Glibc

/// The mounts that this process sees (/proc/self/mountinfo, proc_pid_mountinfo(5)), in the order they were made.
package struct MountTable: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var id: Int
        package var parent: Int
        /// `major:minor` of the files on it, in decimal.
        package var device: String
        package var mountPoint: String
        package var type: String
        package var source: String
        package var options: [String]

        /// True for folders of ARGUS, whoever mounted them.
        package var isFolder: Bool { type == "fuse.argusfs" }
    }

    package let entries: [Entry]

    /// Parses the table's text; lines of another form are left out.
    package init(text: String) {
        entries = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count >= 10, let separator = fields.firstIndex(of: "-"), separator >= 6,
                fields.count >= separator + 4, let id = Int(fields[0]), let parent = Int(fields[1])
            else { return nil }
            let options = fields[5].split(separator: ",") + fields[separator + 3].split(separator: ",")
            return Entry(
                id: id, parent: parent, device: fields[2], mountPoint: Self.unescaped(fields[4]),
                type: fields[separator + 1], source: Self.unescaped(fields[separator + 2]),
                options: options.map(String.init))
        }
    }

    static func current() -> MountTable {
        MountTable(text: smallFile("/proc/self/mountinfo") ?? "")
    }

    package func entry(id: Int) -> Entry? { entries.first { $0.id == id } }

    /// What lies on top at `path`, where it is a mount point.
    package func top(at path: String) -> Entry? { entries.last { $0.mountPoint == path } }

    package func children(of id: Int) -> [Entry] { entries.filter { $0.parent == id && $0.id != id } }

    /// Blanks, tabs, newlines and backslashes are written as three octal digits.
    static func unescaped(_ text: String) -> String {
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

/// The text of a file that the kernel makes up, or of a short configuration file; nil where it cannot be read.
func smallFile(_ path: String, maxBytes: Int = 16 << 20) -> String? {
    do throws(SystemError) {
        let file = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY)
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        while content.count < maxBytes {
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
