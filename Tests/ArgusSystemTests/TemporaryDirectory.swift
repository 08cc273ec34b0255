import ArgusSystem
import Glibc

/// A directory of a test's own, removed with what lies in it.
final class TemporaryDirectory: Sendable {
    let path: String
    let handle: DirectoryHandle

    init() throws {
        var template = Array("/tmp/argus-system-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(errno: errno, call: "mkdtemp(3)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        handle = try DirectoryHandle(path: path)
    }

    deinit {
        Self.empty(handle)
        rmdir(path)
    }

    private static func empty(_ directory: DirectoryHandle) {
        for name in (try? directory.names()) ?? [] {
            if let inner = try? directory.subdirectory(name) {
                empty(inner)
                try? directory.removeDirectory(name)
            } else {
                try? directory.remove(name)
            }
        }
    }

    func link(_ name: String, to target: String) throws {
        guard symlink(target, "\(path)/\(name)") == 0 else { throw SystemError(errno: errno, call: "symlink(2)") }
    }
}
