internal import ArgusCore
internal import ArgusFS
internal import CFuse3
internal import Glibc

/// Turns the bytes that the kernel sent into a request: the only place that knows the layout of requests.
///
/// It decides nothing and calls nothing; every length is checked before it is used. Given any bytes it returns or throws.
package struct RequestDecoder: Sendable {
    /// What was agreed at INIT; layouts depend on it.
    package var features: KernelFeatures

    package init(features: KernelFeatures) { self.features = features }

    /// Reads the header, and leaves the arguments behind it.
    ///
    /// Extensions at the end of a request (`total_extlen`) are cut off: the driver asks for none.
    package static func header(
        of bytes: UnsafeRawBufferPointer
    ) throws(DecodingError) -> (header: RequestHeader, body: RequestBody) {
        var reader = RequestBody(bytes)
        let raw = try reader.read(fuse_in_header.self)
        let extensionCount = Int(raw.total_extlen) * 8
        guard Int(raw.len) == bytes.count, reader.remaining >= extensionCount else { throw .malformed }
        let header = RequestHeader(
            opcode: raw.opcode, unique: raw.unique, node: InodeNumber(raw.nodeid),
            caller: Caller(uid: raw.uid, gid: raw.gid, pid: raw.pid))
        return (header, RequestBody(try reader.bytes(reader.remaining - extensionCount)))
    }

    package func operation(
        _ header: RequestHeader, _ body: consuming RequestBody
    ) throws(DecodingError) -> Operation {
        guard let opcode = Opcode(rawValue: header.opcode) else { throw .refused(errno: ENOSYS) }
        // The structure of INIT and DESTROY grows with the kernel.
        switch opcode {
        case .initialize: return try Self.initialize(&body)
        case .destroy: return .destroy
        case .interrupt, .notifyReply: return .interrupt
        case .ioctl: throw .refused(errno: ENOTTY)
        case .poll, .bmap, .getlk, .setlk, .setlkw, .statx, .setupMapping, .removeMapping:
            throw .refused(errno: ENOSYS)
        default: break
        }
        let operation = try decode(opcode, header, &body)
        try body.end()
        return operation
    }

    private func decode(
        _ opcode: Opcode, _ header: RequestHeader, _ body: inout RequestBody
    ) throws(DecodingError) -> Operation {
        switch opcode {
        case .lookup, .symlink, .mknod, .mkdir, .unlink, .rmdir, .rename, .rename2, .link, .create, .tmpfile:
            return try names(opcode, &body)
        case .setxattr, .getxattr, .listxattr, .removexattr:
            return try xattrs(opcode, &body)
        case .setattr:
            return .setAttributes(try Self.changes(&body))
        case .getattr:
            let raw = try body.read(fuse_getattr_in.self)
            return .getAttributes(handle: raw.getattr_flags & 1 != 0 ? raw.fh : nil)
        case .forget:
            return .forget([ForgottenInode(inode: header.node, count: try body.read(UInt64.self))])
        case .batchForget:
            return try Self.batchForget(&body)
        case .readlink: return .readLink
        case .statfs: return .statistics
        case .access: return .access(mask: try body.read(fuse_access_in.self).mask)
        case .syncfs:
            _ = try body.read(UInt64.self)
            return .synchronizeAll
        default:
            return try handles(opcode, &body)
        }
    }

    private static func initialize(_ body: inout RequestBody) throws(DecodingError) -> Operation {
        let major = try body.read(UInt32.self)
        let minor = try body.read(UInt32.self)
        // Since 7.6 two more fields follow, and since 7.36 a second word of flags where the first says so.
        guard body.remaining >= 8 else {
            return .initialize(KernelOffer(major: major, minor: minor, readAheadMaxBytes: 0, features: []))
        }
        let readAhead = try body.read(UInt32.self)
        var flags = UInt64(try body.read(UInt32.self))
        if KernelFeatures(rawValue: flags).contains(.extendedInit), body.remaining >= 4 {
            flags |= UInt64(try body.read(UInt32.self)) << 32
        }
        return .initialize(
            KernelOffer(
                major: major, minor: minor, readAheadMaxBytes: readAhead, features: KernelFeatures(rawValue: flags)))
    }

    private static func batchForget(_ body: inout RequestBody) throws(DecodingError) -> Operation {
        let count = Int(try body.read(fuse_batch_forget_in.self).count)
        guard body.remaining == count * MemoryLayout<fuse_forget_one>.size else { throw .malformed }
        var forgotten: [ForgottenInode] = []
        forgotten.reserveCapacity(count)
        for _ in 0..<count {
            let raw = try body.read(fuse_forget_one.self)
            forgotten.append(ForgottenInode(inode: InodeNumber(raw.nodeid), count: raw.nlookup))
        }
        return .forget(forgotten)
    }
}
