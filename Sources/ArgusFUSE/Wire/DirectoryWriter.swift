internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Fills an answer with the records of READDIR or READDIRPLUS (`struct fuse_dirent`, `struct fuse_direntplus`).
///
/// A record's offset is the cookie that the listing goes on after. Records are padded to eight bytes.
struct DirectoryWriter {
    private let buffer: UnsafeMutableRawBufferPointer
    private let withAttributes: Bool
    private(set) var count = 0

    /// Record sizes without the name.
    private static let plainByteCount = 24
    private static let entryByteCount = MemoryLayout<fuse_entry_out>.size

    init(_ buffer: UnsafeMutableRawBufferPointer, withAttributes: Bool) {
        self.buffer = buffer
        self.withAttributes = withAttributes
    }

    /// A child, with the attributes that the kernel may cache. False where the record does not fit any more.
    mutating func append(_ item: DirectoryItem, as telling: Telling) -> Bool {
        append(
            item.name.bytes, telling.space.node(item.inode), item.kind, item.cookie,
            entry: withAttributes ? fuse_entry_out(item.attributes, telling) : fuse_entry_out())
    }

    /// `.` or `..`: of these the kernel takes no attributes, so the entry stays empty.
    mutating func append(dots: Int, _ node: UInt64, cookie: DirectoryCookie) -> Bool {
        append([UInt8](repeating: UInt8(ascii: "."), count: dots), node, .directory, cookie, entry: fuse_entry_out())
    }

    private mutating func append(
        _ name: [UInt8], _ node: UInt64, _ kind: FileKind, _ cookie: DirectoryCookie, entry: fuse_entry_out
    ) -> Bool {
        let start = count
        let record = start + (withAttributes ? Self.entryByteCount : 0)
        let nameStart = record + Self.plainByteCount
        let end = (nameStart + name.count + 7) & ~7
        guard end <= buffer.count else { return false }
        if withAttributes { buffer.storeBytes(of: entry, toByteOffset: start, as: fuse_entry_out.self) }
        buffer.storeBytes(of: node, toByteOffset: record, as: UInt64.self)
        buffer.storeBytes(of: cookie, toByteOffset: record + 8, as: UInt64.self)
        buffer.storeBytes(of: UInt32(name.count), toByteOffset: record + 16, as: UInt32.self)
        // DT_… of readdir(3) are the top bits of the mode.
        buffer.storeBytes(of: kind.rawValue >> 12, toByteOffset: record + 20, as: UInt32.self)
        let nameEnd = nameStart + name.count
        UnsafeMutableRawBufferPointer(rebasing: buffer[nameStart..<nameEnd]).copyBytes(from: name)
        for index in nameEnd..<end { buffer[index] = 0 }
        count = end
        return true
    }
}
