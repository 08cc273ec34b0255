import ArgusCore
import ArgusFS
import ArgusFUSE

/// A request as the kernel writes it, put together by hand: the layouts here are written down a second time, from
/// linux/fuse.h, and not taken from the decoder.
struct RequestBytes {
    var opcode: UInt32
    var node: UInt64 = 1
    var body: [UInt8] = []
    var extensionWords: UInt16 = 0
    /// Nil: the right length.
    var claimedLength: UInt32?

    init(_ opcode: Opcode, node: UInt64 = 1) {
        self.opcode = opcode.rawValue
        self.node = node
    }

    func u32(_ values: UInt32...) -> Self { appending(values.flatMap { Self.littleEndian($0) }) }
    func u64(_ values: UInt64...) -> Self { appending(values.flatMap { Self.littleEndian($0) }) }
    func string(_ text: String) -> Self { appending(Array(text.utf8) + [0]) }
    func raw(_ bytes: [UInt8]) -> Self { appending(bytes) }

    private func appending(_ bytes: [UInt8]) -> Self {
        var longer = self
        longer.body += bytes
        return longer
    }

    static func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// `struct fuse_in_header`, then the body.
    var bytes: [UInt8] {
        var all = Self.littleEndian(claimedLength ?? UInt32(40 + body.count)) + Self.littleEndian(opcode)
        all += Self.littleEndian(UInt64(77)) + Self.littleEndian(node)
        all += Self.littleEndian(UInt32(1000)) + Self.littleEndian(UInt32(100)) + Self.littleEndian(UInt32(4242))
        all += Self.littleEndian(extensionWords) + [0, 0]
        return all + body
    }

    /// What the decoder makes of it, as text: an operation may hold pointers that end with the call.
    func decoded(features: KernelFeatures = .wanted) -> String { Self.decode(bytes, features: features) }

    static func decode(_ bytes: [UInt8], features: KernelFeatures = .wanted) -> String {
        bytes.withUnsafeBytes { raw -> String in
            do throws(DecodingError) {
                let (header, body) = try RequestDecoder.header(of: raw)
                return text(try RequestDecoder(features: features).operation(header, body))
            } catch {
                return "\(error)"
            }
        }
    }

    private static func text(_ operation: Operation) -> String {
        switch operation {
        case .write(let handle, let offset, let data, let kills, let isWriteBack):
            "write \(handle) at \(offset): \(Array(data)) kills \(kills)" + (isWriteBack ? " back" : "")
        case .setXattr(let name, let value, let flags, let clears):
            "setXattr \(String(decoding: name, as: UTF8.self)) = \(Array(value)) \(flags.rawValue) clears \(clears)"
        case .getXattr(let name, let capacity): "getXattr \(String(decoding: name, as: UTF8.self)) \(capacity)"
        case .removeXattr(let name): "removeXattr \(String(decoding: name, as: UTF8.self))"
        case .makeSymlink(let name, let target): "symlink \(name.text) -> \(String(decoding: target, as: UTF8.self))"
        case .lookup(.child(let name)): "lookup \(name.text)"
        case .lookup(let target): "lookup \(target)"
        case .makeNode(let name, let mode, let umask, let device):
            "mknod \(name.text) \(String(mode, radix: 8)) \(String(umask, radix: 8)) \(device)"
        case .makeDirectory(let name, let permissions, let umask):
            "mkdir \(name.text) \(String(permissions, radix: 8)) \(String(umask, radix: 8))"
        case .unlink(let name): "unlink \(name.text)"
        case .removeDirectory(let name): "rmdir \(name.text)"
        case .rename(let name, let new, let parent, let flags):
            "rename \(name.text) to \(new.text) in \(parent) \(flags.rawValue)"
        case .link(let inode, let name): "link \(inode) as \(name.text)"
        case .makeTemporary(let permissions, let umask, let flags):
            "tmpfile \(String(permissions, radix: 8)) \(String(umask, radix: 8)) \(flags.rawValue)"
        case .create(let name, let permissions, let umask, let flags):
            "create \(name.text) \(String(permissions, radix: 8)) \(String(umask, radix: 8)) \(flags.rawValue)"
        case .open(let flags, let kills): "open \(flags.rawValue) kills \(kills)"
        case .forget(let inodes): "forget \(inodes.map { "\($0.inode)x\($0.count)" }.joined(separator: " "))"
        case .allocate(let handle, let mode, let offset, let count):
            "allocate \(handle) \(mode.rawValue) \(offset) \(count)"
        case .copyRange(let copy):
            "copy \(copy.source)@\(copy.sourceOffset) to \(copy.destination)@\(copy.destinationOffset) \(copy.count) "
                + "wide \(copy.isWide)"
        case .initialize(let offer):
            "init \(offer.major).\(offer.minor) \(offer.readAheadMaxBytes) \(offer.features.rawValue)"
        default: "\(operation)"
        }
    }
}
