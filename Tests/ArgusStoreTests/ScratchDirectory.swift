import ArgusMountKit
import ArgusStore
import ArgusSystem
import Glibc

/// A directory of a test's own on a real filesystem, removed with all that is in it when dropped.
final class ScratchDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/var/tmp/argus-store-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "mkdtemp(3) failed")
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { _ = run("/bin/rm", "-rf", path) }

    func store(
        locked: Bool = false, method: DirectoryHandle.BeneathMethod? = nil
    ) throws(DirectoryStoreError) -> DirectoryStore {
        try DirectoryStore(path: path + "/store", create: true, locked: locked, method: method)
    }
}

/// Runs a program to its end; true when it succeeded.
@discardableResult
func run(_ program: String, _ arguments: String...) -> Bool {
    var pid = pid_t()
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    guard posix_spawnp(&pid, program, nil, nil, &argv, environ) == 0 else { return false }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) == -1, errno == EINTR {}
    return status == 0
}

/// Does what takes root, whoever runs the tests.
func asRoot(_ arguments: String...) throws {
    try Program(arguments, as: .root).wait().required()
}

/// A small filesystem mounted for one test, its top directory the test's own; unmounted when dropped.
final class ScratchMount {
    let path: String
    private let scratch = ScratchDirectory()

    /// tmpfs(5) of `byteCount` bytes.
    convenience init(tmpfs byteCount: Int) throws {
        try self.init { path in try asRoot("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path) }
    }

    /// ramfs, which can neither punch holes nor allocate ahead.
    convenience init(ramfs: Void) throws {
        try self.init { path in try asRoot("mount", "-t", "ramfs", "ramfs", path) }
    }

    /// ext4 in a file of `mebibytes`, through a loop device.
    convenience init(ext4 mebibytes: Int) throws {
        try self.init { path in
            let image = path + ".image"
            try asRoot("truncate", "-s", "\(mebibytes)M", image)
            try asRoot("mkfs.ext4", "-q", "-F", "-m", "0", image)
            try asRoot("mount", "-o", "loop", image, path)
        }
    }

    private init(mount: (_ path: String) throws -> Void) throws {
        path = scratch.path + "/mount"
        mkdir(path, 0o755)
        try mount(path)
        try asRoot("chown", "\(getuid()):\(getgid())", path)
    }

    func remount(_ options: String) throws { try asRoot("mount", "-o", "remount," + options, path) }

    deinit { try? asRoot("umount", "-l", path) }
}
