internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Requests about open files and directories, and changes of attributes.
extension RequestDecoder {
    /// lseek(2)'s SEEK_DATA and SEEK_HOLE; the kernel answers the others itself.
    private static let seekData: UInt32 = 3
    private static let seekHole: UInt32 = 4

    func handles(_ opcode: Opcode, _ body: inout RequestBody) throws(DecodingError) -> Operation {
        switch opcode {
        case .open:
            let raw = try body.read(fuse_open_in.self)
            return .open(
                flags: OpenFlags(rawValue: Int32(bitPattern: raw.flags)),
                killsSetID: raw.open_flags & WireFlags.openKillSetID != 0)
        case .read:
            let raw = try body.read(fuse_read_in.self)
            return .read(
                raw.fh, offset: try Self.offset(raw.offset), count: Int(raw.size),
                isDirect: raw.read_flags & WireFlags.readLockOwner != 0)
        case .write:
            let raw = try body.read(fuse_write_in.self)
            return .write(
                raw.fh, offset: try Self.offset(raw.offset), try body.bytes(Int(raw.size)),
                killsSetID: raw.write_flags & WireFlags.writeKillSetID != 0,
                isWriteBack: raw.write_flags & WireFlags.writeCache != 0)
        case .flush:
            return .flush(try body.read(fuse_flush_in.self).fh)
        case .release:
            let raw = try body.read(fuse_release_in.self)
            return .release(raw.fh, wrote: OpenFlags(rawValue: Int32(bitPattern: raw.flags)).writes)
        case .releasedir:
            return .releaseDirectory(try body.read(fuse_release_in.self).fh)
        case .fsync:
            let raw = try body.read(fuse_fsync_in.self)
            return .synchronize(raw.fh, dataOnly: raw.fsync_flags & WireFlags.fsyncDataOnly != 0)
        case .fsyncdir:
            return .synchronizeDirectory(try body.read(fuse_fsync_in.self).fh)
        case .opendir:
            _ = try body.read(fuse_open_in.self)
            return .openDirectory
        case .readdir, .readdirplus:
            let raw = try body.read(fuse_read_in.self)
            return .readDirectory(
                raw.fh, after: raw.offset, count: Int(raw.size), withAttributes: opcode == .readdirplus)
        case .fallocate:
            let raw = try body.read(fuse_fallocate_in.self)
            guard raw.length > 0 else { throw .invalid(.invalidArgument) }
            let end = try Self.offset(raw.offset).addingReportingOverflow(raw.length)
            guard !end.overflow, end.partialValue <= UInt64(Int64.max) else { throw .invalid(.fileTooLarge) }
            return .allocate(
                raw.fh, mode: AllocateMode(rawValue: raw.mode), offset: raw.offset, count: raw.length)
        case .lseek:
            let raw = try body.read(fuse_lseek_in.self)
            guard raw.whence == Self.seekData || raw.whence == Self.seekHole else { throw .invalid(.invalidArgument) }
            // Before the beginning there is neither data nor a hole (lseek(2)).
            guard Int64(bitPattern: raw.offset) >= 0 else { throw .invalid(.noSuchDevice) }
            return .seek(raw.fh, offset: raw.offset, raw.whence == Self.seekData ? .data : .hole)
        case .copyFileRange, .copyFileRange64:
            let raw = try body.read(fuse_copy_file_range_in.self)
            guard raw.flags == 0 else { throw .invalid(.invalidArgument) }
            return .copyRange(
                CopyArguments(
                    source: raw.fh_in, sourceOffset: try Self.offset(raw.off_in), destination: raw.fh_out,
                    destinationNode: InodeNumber(raw.nodeid_out), destinationOffset: try Self.offset(raw.off_out),
                    count: raw.len,
                    isWide: opcode == .copyFileRange64))
        default: throw .malformed
        }
    }

    static func changes(_ body: inout RequestBody) throws(DecodingError) -> AttributeChanges {
        let raw = try body.read(fuse_setattr_in.self)
        let valid = SetAttributeFields(rawValue: raw.valid)
        var changes = AttributeChanges()
        if valid.contains(.mode) { changes.permissions = raw.mode & 0o7777 }
        if valid.contains(.uid) { changes.uid = raw.uid }
        if valid.contains(.gid) { changes.gid = raw.gid }
        if valid.contains(.size) { changes.size = try offset(raw.size) }
        if valid.contains(.accessedNow) {
            changes.accessed = .now
        } else if valid.contains(.accessed) {
            changes.accessed = .to(try timestamp(raw.atime, raw.atimensec))
        }
        if valid.contains(.modifiedNow) {
            changes.modified = .now
        } else if valid.contains(.modified) {
            changes.modified = .to(try timestamp(raw.mtime, raw.mtimensec))
        }
        if valid.contains(.changed) { changes.changed = try timestamp(raw.ctime, raw.ctimensec) }
        if valid.contains(.handle) { changes.handle = raw.fh }
        changes.killsSetID = valid.contains(.killSetID)
        return changes
    }

    /// Offsets and sizes are `loff_t`: 63 bits.
    private static func offset(_ raw: UInt64) throws(DecodingError) -> UInt64 {
        guard raw <= UInt64(Int64.max) else { throw .invalid(.invalidArgument) }
        return raw
    }

    private static func timestamp(_ seconds: UInt64, _ nanoseconds: UInt32) throws(DecodingError) -> Timestamp {
        guard nanoseconds < 1_000_000_000 else { throw .invalid(.invalidArgument) }
        return Timestamp(seconds: Int64(bitPattern: seconds), nanoseconds: nanoseconds)
    }
}

/// Which fields of SETATTR count (FATTR_… of linux/fuse.h).
private struct SetAttributeFields: OptionSet {
    let rawValue: UInt32

    static let mode = Self(rawValue: 1 << 0)
    static let uid = Self(rawValue: 1 << 1)
    static let gid = Self(rawValue: 1 << 2)
    static let size = Self(rawValue: 1 << 3)
    static let accessed = Self(rawValue: 1 << 4)
    static let modified = Self(rawValue: 1 << 5)
    static let handle = Self(rawValue: 1 << 6)
    static let accessedNow = Self(rawValue: 1 << 7)
    static let modifiedNow = Self(rawValue: 1 << 8)
    static let changed = Self(rawValue: 1 << 10)
    static let killSetID = Self(rawValue: 1 << 11)
}
