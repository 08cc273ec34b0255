internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Requests that carry names of files or of extended attributes.
extension RequestDecoder {
    private static let permissionBits: UInt32 = 0o7777
    /// XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h.
    private static let xattrNameMaxBytes = 255
    private static let xattrValueMaxBytes = 65_536
    /// PATH_MAX of linux/limits.h, with the NUL.
    private static let linkTargetMaxBytes = 4096

    func names(_ opcode: Opcode, _ body: inout RequestBody) throws(DecodingError) -> Operation {
        switch opcode {
        case .lookup:
            return .lookup(try Self.target(&body))
        case .symlink:
            let name = try body.name()
            let target = try body.string()
            guard target.count < Self.linkTargetMaxBytes else { throw .invalid(.nameTooLong) }
            return .makeSymlink(name, target: [UInt8](target))
        case .mknod:
            let raw = try body.read(fuse_mknod_in.self)
            return .makeNode(try body.name(), mode: raw.mode, umask: raw.umask, device: raw.rdev)
        case .mkdir:
            let raw = try body.read(fuse_mkdir_in.self)
            return .makeDirectory(
                try body.name(), permissions: raw.mode & Self.permissionBits, umask: raw.umask)
        case .unlink: return .unlink(try body.name())
        case .rmdir: return .removeDirectory(try body.name())
        case .rename:
            let raw = try body.read(fuse_rename_in.self)
            return .rename(try body.name(), to: try body.name(), in: InodeNumber(raw.newdir), flags: [])
        case .rename2:
            let raw = try body.read(fuse_rename2_in.self)
            let flags = RenameFlags(rawValue: raw.flags)
            guard flags.isValid else { throw .invalid(.invalidArgument) }
            return .rename(try body.name(), to: try body.name(), in: InodeNumber(raw.newdir), flags: flags)
        case .link:
            let raw = try body.read(fuse_link_in.self)
            return .link(InodeNumber(raw.oldnodeid), as: try body.name())
        case .create:
            let raw = try body.read(fuse_create_in.self)
            return .create(
                try body.name(), permissions: raw.mode & Self.permissionBits, umask: raw.umask,
                flags: OpenFlags(rawValue: Int32(bitPattern: raw.flags)))
        case .tmpfile:
            let raw = try body.read(fuse_create_in.self)
            // The kernel's placeholder for the name that the file does not have.
            _ = try body.string()
            return .makeTemporary(
                permissions: raw.mode & Self.permissionBits, umask: raw.umask,
                flags: OpenFlags(rawValue: Int32(bitPattern: raw.flags)))
        default: throw .malformed
        }
    }

    func xattrs(_ opcode: Opcode, _ body: inout RequestBody) throws(DecodingError) -> Operation {
        switch opcode {
        case .setxattr:
            let size = Int(try body.read(UInt32.self))
            let flags = XattrFlags(rawValue: try body.read(UInt32.self))
            var extendedFlags: UInt32 = 0
            if features.contains(.extendedSetXattr) {
                extendedFlags = try body.read(UInt32.self)
                _ = try body.read(UInt32.self)
            }
            let name = try Self.xattrName(&body)
            guard size <= Self.xattrValueMaxBytes else { throw .invalid(.argumentTooLong) }
            guard flags.isSubset(of: [.create, .replace]) else { throw .invalid(.invalidArgument) }
            return .setXattr(
                name: name, value: try body.bytes(size), flags: flags,
                clearsSetGID: extendedFlags & WireFlags.setXattrKillSetGID != 0)
        case .getxattr:
            let raw = try body.read(fuse_getxattr_in.self)
            return .getXattr(name: try Self.xattrName(&body), capacity: Int(raw.size))
        case .listxattr:
            return .listXattrs(capacity: Int(try body.read(fuse_getxattr_in.self).size))
        case .removexattr:
            return .removeXattr(name: try Self.xattrName(&body))
        default: throw .malformed
        }
    }

    /// `.` and `..` are asked for where a file handle of an NFS server is turned back into an open directory.
    private static func target(_ body: inout RequestBody) throws(DecodingError) -> LookupTarget {
        let bytes = try body.string()
        if bytes.elementsEqual(".".utf8) { return .itself }
        if bytes.elementsEqual("..".utf8) { return .parent }
        do throws(FileSystemError) {
            return .child(try FileName(bytes))
        } catch {
            throw .invalid(error)
        }
    }

    private static func xattrName(_ body: inout RequestBody) throws(DecodingError) -> [UInt8] {
        let name = try body.string()
        guard !name.isEmpty, name.count <= xattrNameMaxBytes else { throw .invalid(.bufferTooSmall) }
        return [UInt8](name)
    }
}

/// Flags inside requests and answers (linux/fuse.h).
enum WireFlags {
    static let writeKillSetID: UInt32 = 1 << 2
    /// The page cache writes back what a mapping changed (FUSE_WRITE_CACHE).
    static let writeCache: UInt32 = 1 << 0
    /// read(2) itself asks, with the lock owner named; filling a page has none (FUSE_READ_LOCKOWNER).
    static let readLockOwner: UInt32 = 1 << 1
    static let openKillSetID: UInt32 = 1 << 0
    static let setXattrKillSetGID: UInt32 = 1 << 0
    static let fsyncDataOnly: UInt32 = 1 << 0

    static let openedDirectIO: UInt32 = 1 << 0
    static let openedKeepCache: UInt32 = 1 << 1
    static let openedCacheDirectory: UInt32 = 1 << 3
    static let openedNoFlush: UInt32 = 1 << 5
}
