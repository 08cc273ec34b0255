internal import ArgusSystem
internal import CArgusInterposer
internal import Glibc

/// Records all that this process does to the files below one directory, while it runs.
///
/// 1. A call and its record are one step: the log's order is the order in which the calls took effect, and a sync
///    covers exactly the writes recorded before it. (`willMake` takes the lock, `didMake` gives it back.)
/// 2. Stores into a shared mapping are no calls. They are found by comparing the mapping with a copy, before each
///    operation recorded: in their order relative to everything else. (`recordStores`)
///
/// `@unchecked`: everything that changes is guarded by `lock`.
package final class FileRecorder: @unchecked Sendable {
    private struct FileKey: Hashable {
        var device: UInt64
        var inode: UInt64

        init?(_ descriptor: Int32) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { return nil }
            self.init(status)
        }

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    private struct Mapping {
        var address: UnsafeRawPointer
        var copy: UnsafeMutableRawPointer
        var count: Int
        var node: Int
    }

    private let root: String
    private let lock = Lock()
    private var log = FileLog()
    private var numbers: [FileKey: Int] = [:]
    private var sizes: [Int: Int] = [:]
    private var mappings: [Mapping] = []
    /// Of the call under way: the node it is about, and whether an open is going to make its file.
    private var node = -1
    private var makesFile = false

    /// Takes what lies below `path` now for durable.
    package init(root path: String) throws {
        guard let resolved = realpath(path, nil) else { throw FileTapError(errno: errno, path: path) }
        root = String(cString: resolved)
        free(resolved)
        try adopt(root, relative: "")
    }

    deinit {
        for mapping in mappings { mapping.copy.deallocate() }
    }

    /// Records until `body` ends. Recordings of one process come one after the other.
    package func record<R>(_ body: () throws -> R) rethrows -> R {
        try FileTap.recording(with: self, body)
    }

    /// Everything recorded so far.
    package var history: FileLog { lock.withLock { log } }

    /// Notes a moment: what was done before it is before it in the log, stores into mappings included. Returns the
    /// boundary behind it.
    package func mark() -> Int {
        lock.withLock {
            append(FileOperation(change: .mark, node: 0))
            return log.operations.count
        }
    }

    // MARK: Under the lock

    private func adopt(_ path: String, relative: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw FileTapError(errno: errno, path: path) }
        let number = addNode(FileKey(status), path: relative, isDirectory: status.st_mode & S_IFMT == S_IFDIR)
        guard log.nodes[number].isDirectory else {
            log.start.contents[number] = try SparseBytes(contentsOfFile: path)
            sizes[number] = Int(status.st_size)
            return
        }
        log.start.entries[number] = [:]
        for name in try DirectoryHandle(path: path).names() {
            let next = log.nodes.count
            log.start.entries[number]?[name] = next
            try adopt(path + "/" + name, relative: relative.isEmpty ? name : relative + "/" + name)
        }
    }

    private func addNode(_ key: FileKey, path: String, isDirectory: Bool) -> Int {
        let number = log.nodes.count
        log.nodes.append(FileLog.Node(path: path, isDirectory: isDirectory))
        numbers[key] = number
        return number
    }

    private func append(_ operation: FileOperation) {
        recordStores()
        log.operations.append(operation)
    }

    private static let blockByteCount = 4096

    private func recordStores() {
        for mapping in mappings {
            let end = min(mapping.count, sizes[mapping.node] ?? 0)
            var offset = 0
            while offset < end {
                let count = min(Self.blockByteCount, end - offset)
                if memcmp(mapping.address + offset, mapping.copy + offset, count) != 0 {
                    recordStores(of: mapping, in: offset..<offset + count)
                }
                offset += count
            }
        }
    }

    private func recordStores(of mapping: Mapping, in range: Range<Int>) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(DiskLog.sectorByteCount, range.upperBound - offset)
            if memcmp(mapping.address + offset, mapping.copy + offset, count) != 0 {
                memcpy(mapping.copy + offset, mapping.address + offset, count)
                let bytes = [UInt8](UnsafeRawBufferPointer(start: mapping.copy + offset, count: count))
                log.operations.append(
                    FileOperation(
                        change: .write(offset: UInt64(offset), bytes: bytes), node: mapping.node, isStore: true))
            }
            offset += count
        }
    }

    /// The node of a directory by its path, through the names as they were first seen.
    private func directory(of path: String) -> (node: Int, name: String)? {
        guard path.hasPrefix(root + "/"), let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        var status = stat()
        guard stat(String(path[..<slash]), &status) == 0, let number = numbers[FileKey(status)] else { return nil }
        return (number, String(path[path.utf8.index(after: slash)...]))
    }
}

extension FileRecorder: FileObserver {
    func verdict(on call: argus_call) -> FileVerdict { .made }

    func willMake(_ call: argus_call) -> Bool {
        switch call.kind {
        case argus_call_open:
            guard call.flags & O_CREAT != 0 || call.flags & O_TRUNC != 0,
                FileTap.path(call.descriptor, call.name)?.hasPrefix(root + "/") == true
            else { return false }
            lock.lock()
            makesFile = faccessat(call.descriptor, call.name, F_OK, AT_SYMLINK_NOFOLLOW) != 0
            return true
        case argus_call_make_directory:
            guard FileTap.path(call.descriptor, call.name)?.hasPrefix(root + "/") == true else { return false }
            lock.lock()
            return true
        case argus_call_unmap:
            lock.lock()
            if let place = mappings.firstIndex(where: { $0.address == UnsafeRawPointer(call.address) }) {
                recordStores()
                mappings.remove(at: place).copy.deallocate()
            }
            lock.unlock()
            return false
        case argus_call_read:
            return false
        case argus_call_rename, argus_call_remove:
            var status = stat()
            guard let key = FileKey(call.descriptor),
                fstatat(call.descriptor, call.name, &status, AT_SYMLINK_NOFOLLOW) == 0
            else { return false }
            lock.lock()
            guard numbers[key] != nil, let number = numbers[FileKey(status)] else {
                lock.unlock()
                return false
            }
            node = number
            return true
        default:
            guard let key = FileKey(call.descriptor) else { return false }
            lock.lock()
            guard let number = numbers[key] else {
                lock.unlock()
                return false
            }
            node = number
            if call.kind == argus_call_truncate {
                // Behind the new end there will be nothing to compare.
                recordStores()
                sizes[node] = min(sizes[node] ?? 0, Int(call.count))
            }
            return true
        }
    }

    func didMake(_ call: argus_call, result: Int64) {
        defer { lock.unlock() }
        guard result >= 0 else {
            if call.kind == argus_call_sync_file { append(FileOperation(change: .sync, node: node, hasFailed: true)) }
            return
        }
        switch call.kind {
        case argus_call_open: didOpen(call, Int32(result))
        case argus_call_make_directory: didMakeDirectory(call)
        case argus_call_write:
            let bytes = [UInt8](UnsafeRawBufferPointer(start: call.bytes, count: Int(result)))
            append(FileOperation(change: .write(offset: call.offset, bytes: bytes), node: node))
            sizes[node] = max(sizes[node] ?? 0, Int(call.offset) + bytes.count)
        case argus_call_truncate:
            append(FileOperation(change: .truncate(size: call.count), node: node))
            sizes[node] = Int(call.count)
        case argus_call_allocate:
            let end = call.offset + call.count
            append(FileOperation(change: .extend(size: end), node: node))
            sizes[node] = max(sizes[node] ?? 0, Int(end))
        case argus_call_punch_hole:
            append(FileOperation(change: .zero(call.offset..<call.offset + call.count), node: node))
        case argus_call_sync_file: append(FileOperation(change: .sync, node: node))
        case argus_call_sync_filesystem: append(FileOperation(change: .syncTree, node: node))
        case argus_call_rename: didRename(call)
        case argus_call_remove:
            guard let key = FileKey(call.descriptor), let directory = numbers[key], let name = call.name else { return }
            append(FileOperation(change: .unlink(directory: directory, name: String(cString: name)), node: node))
        case argus_call_map: didMap(call)
        default: break
        }
    }

    private func didOpen(_ call: argus_call, _ descriptor: Int32) {
        guard let key = FileKey(descriptor) else { return }
        guard makesFile, let path = FileTap.path(descriptor, nil), let place = directory(of: path) else {
            if call.flags & O_TRUNC != 0, let number = numbers[key] {
                append(FileOperation(change: .truncate(size: 0), node: number))
                sizes[number] = 0
            }
            return
        }
        let number = addNode(key, path: String(path.dropFirst(root.count + 1)), isDirectory: false)
        log.start.contents[number] = SparseBytes()
        sizes[number] = 0
        append(
            FileOperation(change: .link(directory: place.node, name: place.name, from: nil), node: number))
    }

    private func didMakeDirectory(_ call: argus_call) {
        var status = stat()
        guard let path = FileTap.path(call.descriptor, call.name), let place = directory(of: path),
            stat(path, &status) == 0
        else { return }
        let number = addNode(FileKey(status), path: String(path.dropFirst(root.count + 1)), isDirectory: true)
        append(
            FileOperation(change: .link(directory: place.node, name: place.name, from: nil), node: number))
    }

    private func didRename(_ call: argus_call) {
        guard let key = FileKey(call.descriptor), let newKey = FileKey(call.flags), let directory = numbers[key],
            let newDirectory = numbers[newKey], let name = call.name, let newName = call.new_name
        else { return }
        append(
            FileOperation(
                change: .link(
                    directory: newDirectory, name: String(cString: newName),
                    from: (directory, String(cString: name))),
                node: node))
    }

    private func didMap(_ call: argus_call) {
        guard let address = call.address, call.offset == 0 else { return }
        let count = Int(call.count)
        let copy = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
        memset(copy, 0, count)
        memcpy(copy, address, min(count, sizes[node] ?? 0))
        mappings.append(Mapping(address: UnsafeRawPointer(address), copy: copy, count: count, node: node))
    }
}
