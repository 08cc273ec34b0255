package import ArgusCore
package import ArgusFS

/// The fields that every request begins with (`struct fuse_in_header`).
package struct RequestHeader: Hashable, Sendable {
    package static let byteCount = 40

    package var opcode: UInt32
    /// Names the request in its answer.
    package var unique: UInt64
    /// The inode it is about; a directory where it carries names.
    package var node: InodeNumber
    package var caller: Caller

    package init(opcode: UInt32, unique: UInt64, node: InodeNumber, caller: Caller) {
        self.opcode = opcode
        self.unique = unique
        self.node = node
        self.caller = caller
    }
}

/// A request of the kernel with its arguments. Pointers lead into the receiver's buffer.
package struct Request {
    package var header: RequestHeader
    package var operation: Operation
}

/// What the kernel offers when a mount begins (`struct fuse_init_in`).
package struct KernelOffer: Hashable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var readAheadMaxBytes: UInt32
    package var features: KernelFeatures

    package init(major: UInt32, minor: UInt32, readAheadMaxBytes: UInt32, features: KernelFeatures) {
        self.major = major
        self.minor = minor
        self.readAheadMaxBytes = readAheadMaxBytes
        self.features = features
    }
}

/// What LOOKUP looks for: a child, or what an NFS server asks to find its way up (FUSE_EXPORT_SUPPORT).
package enum LookupTarget: Hashable, Sendable {
    case child(FileName)
    case itself
    case parent
}

package struct ForgottenInode: Hashable, Sendable {
    package var inode: InodeNumber
    package var count: UInt64
}

/// One operation with its arguments, as the volume takes them.
package enum Operation {
    case initialize(KernelOffer)
    case destroy
    case interrupt
    case lookup(LookupTarget)
    case forget([ForgottenInode])
    case getAttributes(handle: HandleID?)
    case setAttributes(AttributeChanges)
    case readLink
    case makeSymlink(FileName, target: [UInt8])
    case makeNode(FileName, mode: UInt32, umask: UInt32, device: UInt32)
    case makeDirectory(FileName, permissions: UInt32, umask: UInt32)
    case unlink(FileName)
    case removeDirectory(FileName)
    case rename(FileName, to: FileName, in: InodeNumber, flags: RenameFlags)
    case link(InodeNumber, as: FileName)
    case access(mask: UInt32)
    case statistics
    case create(FileName, permissions: UInt32, umask: UInt32, flags: OpenFlags)
    case makeTemporary(permissions: UInt32, umask: UInt32, flags: OpenFlags)
    case open(flags: OpenFlags, killsSetID: Bool)
    /// `isDirect`: asked for by read(2) past the page cache, not to fill a page.
    case read(HandleID, offset: UInt64, count: Int, isDirect: Bool)
    /// `isWriteBack`: a page that was changed through a mapping, by whom nobody knows, with any handle that can write.
    case write(HandleID, offset: UInt64, UnsafeRawBufferPointer, killsSetID: Bool, isWriteBack: Bool)
    case flush(HandleID)
    case release(HandleID, wrote: Bool)
    case synchronize(HandleID, dataOnly: Bool)
    case allocate(HandleID, mode: AllocateMode, offset: UInt64, count: UInt64)
    case seek(HandleID, offset: UInt64, SeekWhence)
    case copyRange(CopyArguments)
    case openDirectory
    case readDirectory(HandleID, after: DirectoryCookie, count: Int, withAttributes: Bool)
    case releaseDirectory(HandleID)
    case synchronizeDirectory(HandleID)
    case setXattr(name: [UInt8], value: UnsafeRawBufferPointer, flags: XattrFlags, clearsSetGID: Bool)
    case getXattr(name: [UInt8], capacity: Int)
    case listXattrs(capacity: Int)
    case removeXattr(name: [UInt8])
    case synchronizeAll

    /// True where serving keeps a processor busy, or waits, for long: the leader gives its place away first.
    package var worksLong: Bool {
        switch self {
        case .synchronizeAll, .destroy: true
        case .read(_, _, let count, _): count > Self.shortReadMaxBytes
        case .write(_, _, let bytes, _, _): bytes.count > Self.shortWriteMaxBytes
        default: false
        }
    }

    /// Unsealing as much takes as long as waking a thread, about 20 µs.
    private static let shortReadMaxBytes = 64 << 10
    /// A write is copied, and sealed by another thread.
    private static let shortWriteMaxBytes = 256 << 10
}

/// The arguments of copy_file_range(2).
package struct CopyArguments: Hashable, Sendable {
    package var source: HandleID
    package var sourceOffset: UInt64
    package var destination: HandleID
    package var destinationNode: InodeNumber
    package var destinationOffset: UInt64
    package var count: UInt64
    /// The kernel takes the answer as 64 bits (COPY_FILE_RANGE_64).
    package var isWide: Bool
}
