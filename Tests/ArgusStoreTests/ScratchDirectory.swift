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

/// A small filesystem mounted for one test, and unmounted when dropped. Making one takes root.
final class ScratchMount {
    let path: String
    private let scratch = ScratchDirectory()

    /// tmpfs(5) of `byteCount` bytes.
    init?(tmpfs byteCount: Int) {
        path = scratch.path + "/mount"
        mkdir(path, 0o755)
        guard run("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path) else { return nil }
    }

    /// ramfs, which can neither punch holes nor allocate ahead.
    init?(ramfs: Void) {
        path = scratch.path + "/mount"
        mkdir(path, 0o755)
        guard run("mount", "-t", "ramfs", "ramfs", path) else { return nil }
    }

    /// ext4 in a file of `mebibytes`, through a loop device.
    init?(ext4 mebibytes: Int) {
        path = scratch.path + "/mount"
        mkdir(path, 0o755)
        let image = scratch.path + "/image"
        guard run("truncate", "-s", "\(mebibytes)M", image), run("mkfs.ext4", "-q", "-F", "-m", "0", image),
            run("mount", "-o", "loop", image, path)
        else { return nil }
    }

    func remount(_ options: String) -> Bool { run("mount", "-o", "remount," + options, path) }

    deinit { run("umount", "-l", path) }
}
