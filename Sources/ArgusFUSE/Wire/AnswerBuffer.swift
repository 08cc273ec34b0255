internal import ArgusCore
internal import ArgusFS
internal import CArgusLinux
internal import CFuse3

/// A worker's room for one answer, page-aligned: content is unsealed right into it, and written to the kernel from it.
final class AnswerBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    /// Traps where the system has no memory: a worker starts with it, or not at all.
    init() {
        guard let base = argus_fuse_map_buffer(Protocol.requestMaxBytes) else {
            preconditionFailure("no memory for the buffers of a mount")
        }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: Protocol.requestMaxBytes)
    }

    deinit {
        if let base = bytes.baseAddress { argus_fuse_unmap_buffer(base, bytes.count) }
    }

    func put<T: BitwiseCopyable>(_ value: T, at offset: Int = 0) -> Answer {
        bytes.storeBytes(of: value, toByteOffset: offset, as: T.self)
        return .payload(count: offset + MemoryLayout<T>.size)
    }

    /// The value of an extended attribute, or a list of names. A capacity of 0 asks for its size alone (getxattr(2)).
    func put(_ content: [UInt8], capacity: Int) throws(FileSystemError) -> Answer {
        if capacity == 0 { return put(fuse_getxattr_out(size: UInt32(content.count), padding: 0)) }
        guard content.count <= capacity else { throw .bufferTooSmall }
        return try put(content)
    }

    func put(_ content: [UInt8]) throws(FileSystemError) -> Answer {
        guard content.count <= bytes.count else { throw .argumentTooLong }
        bytes.copyBytes(from: content)
        return .payload(count: content.count)
    }
}

/// What a request gets: nothing, or the first bytes of the worker's `AnswerBuffer`.
enum Answer: Equatable {
    case none
    case payload(count: Int)

    static let empty = Answer.payload(count: 0)
}

extension fuse_attr {
    /// The unit in which the kernel caches and apps should write.
    private static let blockByteCount: UInt32 = 4096

    init(_ attributes: FileAttributes, _ space: NodeSpace) {
        self.init()
        ino = space.node(attributes.inode)
        size = attributes.size
        blocks = attributes.blocks
        atime = UInt64(bitPattern: attributes.accessed.seconds)
        mtime = UInt64(bitPattern: attributes.modified.seconds)
        ctime = UInt64(bitPattern: attributes.changed.seconds)
        atimensec = attributes.accessed.nanoseconds
        mtimensec = attributes.modified.nanoseconds
        ctimensec = attributes.changed.nanoseconds
        mode = attributes.mode
        nlink = attributes.linkCount
        uid = attributes.uid
        gid = attributes.gid
        rdev = attributes.device
        blksize = Self.blockByteCount
    }
}

extension fuse_entry_out {
    init(_ attributes: FileAttributes, _ telling: Telling) {
        self.init()
        nodeid = telling.space.node(attributes.inode)
        generation = telling.space.generation
        entry_valid = Protocol.cacheSeconds
        attr_valid = telling.attributeSeconds
        attr = fuse_attr(attributes, telling.space)
    }

    /// The name is absent, and the kernel may remember that.
    static var absent: fuse_entry_out {
        var entry = fuse_entry_out()
        entry.entry_valid = Protocol.cacheSeconds
        return entry
    }
}

extension fuse_attr_out {
    init(_ attributes: FileAttributes, _ telling: Telling) {
        self.init()
        attr_valid = telling.attributeSeconds
        attr = fuse_attr(attributes, telling.space)
    }
}

extension fuse_open_out {
    init(_ result: OpenResult) {
        self.init()
        fh = result.handle
        if result.keepsCache { open_flags |= WireFlags.openedKeepCache }
        if result.usesDirectIO { open_flags |= WireFlags.openedDirectIO }
        if !result.needsFlush { open_flags |= WireFlags.openedNoFlush }
    }

    init(directory result: OpenResult) {
        self.init()
        fh = result.handle
        if result.cachesListing { open_flags |= WireFlags.openedCacheDirectory | WireFlags.openedKeepCache }
    }
}
