package import ArgusCore
package import ArgusFS
internal import Glibc

/// A folder in use without a mount: files at its top, written and read through the volume as a driver would.
package final class FolderSession {
    private let volume: Volume
    private let caller: Caller

    /// `uid` is whoever uses the folder, in groups of the same number.
    package init(_ parts: FolderParts, uid: UInt32, bootID: [UInt8], isReadOnly: Bool = false) throws(FileSystemError) {
        var configuration = VolumeConfiguration(sharing: .personal(supplementaryGroups: []))
        configuration.bootID = bootID
        configuration.isReadOnly = isReadOnly
        volume = try Volume(parts: parts, configuration: configuration)
        caller = Caller(uid: uid, gid: uid, pid: UInt32(getpid()))
    }

    package func write(_ bytes: [UInt8], to name: String, synchronizes: Bool = false) throws {
        let (_, open) = try volume.create(
            try FileName(name), in: .root, permissions: 0o644, flags: OpenFlags(rawValue: O_RDWR), caller: caller)
        defer { volume.release(open.handle) }
        var written = 0
        while written < bytes.count {
            written += try bytes[written...].withUnsafeBytes {
                try volume.write(open.handle, at: UInt64(written), from: $0, killsSetID: false, caller: caller)
            }
        }
        try volume.flush(open.handle, caller: caller)
        if synchronizes { try volume.synchronize(open.handle, dataOnly: false, caller: caller) }
    }

    /// Nil where there is no such file.
    package func read(_ name: String) throws -> [UInt8]? {
        guard let found = try volume.lookup(try FileName(name), in: .root, caller: caller) else { return nil }
        let open = try volume.open(
            found.inode, flags: OpenFlags(rawValue: O_RDONLY), killsSetID: false, caller: caller)
        defer { volume.release(open.handle) }
        var bytes = [UInt8](repeating: 0, count: Int(found.size))
        let count = try bytes.withUnsafeMutableBytes {
            try volume.read(open.handle, at: 0, into: $0, caller: caller)
        }
        return Array(bytes.prefix(count))
    }

    package func makeDirectory(_ name: String) throws {
        _ = try volume.makeDirectory(try FileName(name), in: .root, permissions: 0o755, caller: caller)
    }

    package func remove(_ name: String) throws {
        try volume.unlink(try FileName(name), in: .root, caller: caller)
    }

    /// Whether the folder's policy lets the caller list it.
    package func isListed() throws -> Bool {
        do throws(FileSystemError) {
            let open = try volume.openDirectory(.root, caller: caller)
            volume.releaseDirectory(open.handle)
            return true
        } catch .accessDenied {
            return false
        }
    }

    package func synchronize() throws { try volume.synchronizeAll() }

    package func end() throws { try volume.shutDown() }
}
