import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusTestKit
import Glibc

/// Uses a folder through its volume as a driver would, keeps its history, and a model of what it should hold.
final class FolderUser {
    let volume: Volume
    let journal: any JournalSink
    let recorder: FileRecorder
    let caller: Caller
    private(set) var history: History
    private var inodes: [String: InodeNumber]
    private var entries: [String: History.Entry] = [:]
    /// Newest change of names that a file or directory took part in, as an index into the history.
    private var lastChange: [UInt64: Int] = [:]
    private var contents: [UInt64: [UInt8]] = [:]

    /// `place` is a directory directly below the top, or empty for the top itself; it is there, and empty.
    init(_ volume: Volume, journal: any JournalSink, recorder: FileRecorder, place: String = "") throws {
        self.volume = volume
        self.journal = journal
        self.recorder = recorder
        caller = Caller(uid: getuid(), gid: getgid(), pid: UInt32(getpid()))
        history = History(place: place)
        var top = InodeNumber.root
        if !place.isEmpty {
            guard let found = try volume.lookup(try FileName(place), in: .root, caller: caller) else {
                throw FileSystemError.notFound
            }
            top = found.inode
        }
        inodes = ["": top]
    }

    // MARK: Names

    func makeDirectory(_ path: String) throws {
        try changeNames(touching: [parent(of: path)]) {
            let made = try volume.makeDirectory(
                name(of: path), in: directory(of: path), permissions: 0o755, caller: caller)
            add(path, made)
        }
    }

    func makeSymlink(_ path: String, to target: String) throws {
        try changeNames(touching: [parent(of: path)]) {
            let made = try volume.makeSymlink(
                name(of: path), in: directory(of: path), target: Array(target.utf8), caller: caller)
            add(path, made, target: Array(target.utf8))
        }
    }

    func link(_ path: String, as newPath: String) throws {
        try changeNames(touching: [path, parent(of: newPath)]) {
            let inode = try inode(path)
            _ = try volume.link(inode, as: name(of: newPath), in: directory(of: newPath), caller: caller)
            entries[newPath] = entries[path]
            inodes[newPath] = inode
        }
    }

    func rename(_ path: String, to newPath: String) throws {
        let inode = try inode(path)
        if inodes[newPath] == inode {
            // Two names of one file, or one: nothing changes (rename(2)).
            return try volume.rename(
                name(of: path), in: directory(of: path), to: name(of: newPath), in: directory(of: newPath), flags: [],
                caller: caller)
        }
        let isFile = entries[path]?.kind == .file
        try changeNames(touching: [path, parent(of: path), parent(of: newPath)]) {
            try volume.rename(
                name(of: path), in: directory(of: path), to: name(of: newPath), in: directory(of: newPath), flags: [],
                caller: caller)
            for known in inodes.keys where known == path || known.hasPrefix(path + "/") {
                let moved = newPath + known.dropFirst(path.count)
                inodes[moved] = inodes.removeValue(forKey: known)
                entries[moved] = entries.removeValue(forKey: known)
            }
        }
        if isFile, let version = history.versions[inode.rawValue]?.indices.last {
            history.conditions.append(
                .init(names: history.names.count - 1, file: inode.rawValue, version: version))
        }
    }

    func remove(_ path: String) throws {
        let isDirectory = entries[path]?.kind == .directory
        try changeNames(touching: [parent(of: path)]) {
            if isDirectory {
                try volume.removeDirectory(name(of: path), in: directory(of: path), caller: caller)
            } else {
                try volume.unlink(name(of: path), in: directory(of: path), caller: caller)
            }
            entries[path] = nil
            inodes[path] = nil
        }
    }

    func setPermissions(_ permissions: UInt32, of path: String) throws {
        try changeNames(touching: [path]) {
            _ = try volume.setAttributes(
                of: inode(path), to: AttributeChanges(permissions: permissions), caller: caller)
            entries[path]?.permissions = permissions
        }
    }

    // MARK: Content

    func create(_ path: String) throws -> HandleID {
        var handle: HandleID = 0
        let start = recorder.mark()
        try changeNames(touching: [parent(of: path)]) {
            let (made, open) = try volume.create(
                name(of: path), in: directory(of: path), permissions: 0o644, flags: OpenFlags(rawValue: O_RDWR),
                caller: caller)
            handle = open.handle
            add(path, made)
            history.versions[made.inode.rawValue] = [.init(bytes: [], start: start)]
            contents[made.inode.rawValue] = []
        }
        return handle
    }

    /// With `truncates`, the file is empty until the next write; a disk must not show it so.
    func open(_ path: String, truncates: Bool = false) throws -> HandleID {
        let flags = O_RDWR | (truncates ? O_TRUNC : 0)
        let start = recorder.mark()
        let inode = try inode(path)
        let open = try volume.open(inode, flags: OpenFlags(rawValue: flags), killsSetID: false, caller: caller)
        if truncates { addVersion(inode, [], start: start, isPassing: true) }
        return open.handle
    }

    func write(_ bytes: [UInt8], to path: String, _ handle: HandleID, at offset: Int) throws {
        let start = recorder.mark()
        let inode = try inode(path)
        var content = contents[inode.rawValue] ?? []
        if content.count < offset + bytes.count {
            content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        let count = try bytes.withUnsafeBytes {
            try volume.write(handle, at: UInt64(offset), from: $0, killsSetID: false, caller: caller)
        }
        guard count == bytes.count else { throw FileSystemError.inputOutput }
        addVersion(inode, content, start: start)
    }

    func truncate(_ path: String, to size: Int) throws {
        let start = recorder.mark()
        let inode = try inode(path)
        _ = try volume.setAttributes(of: inode, to: AttributeChanges(size: UInt64(size)), caller: caller)
        var content = contents[inode.rawValue] ?? []
        content = Array(content.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - content.count))
        addVersion(inode, content, start: start)
    }

    func close(_ handle: HandleID) throws {
        try volume.flush(handle, caller: caller)
        volume.release(handle)
    }

    // MARK: Durability

    func synchronize(_ path: String, _ handle: HandleID) throws {
        let inode = try inode(path).rawValue
        let version = history.versions[inode]?.indices.last
        let sequence = journal.head().sequence
        try volume.synchronize(handle, dataOnly: false, caller: caller)
        history.promises.append(
            .init(
                boundary: recorder.mark(), names: lastChange[inode], file: inode, version: version,
                journalSequence: sequence))
    }

    func synchronizeDirectory(_ path: String) throws {
        let inode = try inode(path)
        let sequence = journal.head().sequence
        let open = try volume.openDirectory(inode, caller: caller)
        try volume.synchronizeDirectory(open.handle, caller: caller)
        volume.releaseDirectory(open.handle)
        history.promises.append(
            .init(boundary: recorder.mark(), names: lastChange[inode.rawValue], journalSequence: sequence))
    }

    func synchronizeAll() throws {
        let sequence = journal.head().sequence
        try volume.synchronizeAll()
        promiseAll(journalSequence: sequence)
    }

    /// Everything done so far was said to be durable.
    func promiseAll(journalSequence: UInt64 = 0) {
        let boundary = recorder.mark()
        history.promises.append(
            .init(boundary: boundary, names: history.names.count - 1, journalSequence: journalSequence))
        for (file, versions) in history.versions {
            history.promises.append(
                .init(boundary: boundary, file: file, version: versions.count - 1, journalSequence: 0))
        }
    }

    func size(of path: String) throws -> Int { contents[try inode(path).rawValue]?.count ?? 0 }

    func exists(_ path: String) -> Bool { inodes[path] != nil }

    // MARK: Keeping history

    private func changeNames(touching paths: [String], _ body: () throws -> Void) throws {
        let touched = try paths.map { try inode($0).rawValue }
        let start = recorder.mark()
        let before = Set(inodes.values)
        try body()
        history.names.append(.init(entries: entries, start: start))
        let index = history.names.count - 1
        for inode in touched + Set(inodes.values).subtracting(before).map(\.rawValue) { lastChange[inode] = index }
    }

    private func addVersion(_ inode: InodeNumber, _ bytes: [UInt8], start: Int, isPassing: Bool = false) {
        contents[inode.rawValue] = bytes
        history.versions[inode.rawValue, default: []].append(
            .init(bytes: bytes, start: start, isPassing: isPassing))
    }

    private func add(_ path: String, _ attributes: FileAttributes, target: [UInt8] = []) {
        inodes[path] = attributes.inode
        entries[path] = .init(
            kind: attributes.kind, inode: attributes.inode.rawValue, permissions: attributes.permissions, target: target
        )
    }

    private func inode(_ path: String) throws -> InodeNumber {
        guard let inode = inodes[path] else { throw FileSystemError.notFound }
        return inode
    }

    private func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private func directory(of path: String) throws -> InodeNumber { try inode(parent(of: path)) }

    private func name(of path: String) throws -> FileName {
        try FileName(path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path)
    }
}
