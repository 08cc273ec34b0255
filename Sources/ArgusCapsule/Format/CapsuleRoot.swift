internal import ArgusCore

/// The sealed part of a slot: one version of the file.
///
/// Offsets in bytes; what is not named is zero:
///
///       0 commit u64          8 base commit u64    16 flags u32         20 height u8      21 content kind u8
///      22 extents in root u8  23 label flags u8    24 size u64          32 page count u64
///      40 data pages u64     48 map pages u64      56 seal count u64    64 times 4 × (i64, u32)
///     112 other slot's tag 16   128 free-list entry 64   192 free extents 8 × (u64, u64)
///     320 parent 16         336 uid u32, gid u32, mode u32   348 name length u16   350 extensions' length u16
///     352 name 256          608 content 2048      2656 extensions
struct CapsuleRoot: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt32
        /// All pages were durable before this root was written: recovery need not verify them.
        static let pagesSynced = Flags(rawValue: 1)
        /// Everything that the content speaks of was durable before.
        static let isOrdered = Flags(rawValue: 2)
        /// `freeExtents` and the free list name every page below the page count that is not in use.
        static let listsFreePages = Flags(rawValue: 4)
        static let all: Flags = [.pagesSynced, .isOrdered, .listsFreePages]
    }

    enum ContentKind: UInt8, Sendable {
        case inline = 1
        case entries = 2
    }

    static let extensionsOffset = 2656
    static let nameAreaByteCount = 256

    var commit: CommitNumber = 0
    var base: CommitNumber = 0
    var flags: Flags = []
    var height = 0
    var contentKind = ContentKind.entries
    var size: UInt64 = 0
    /// The object's length in pages.
    var pageCount: UInt64 = 0
    var dataPageCount: UInt64 = 0
    var mapPageCount: UInt64 = 0
    var sealCount: UInt64 = 0
    var times: CapsuleTimes
    /// The tag of the root in the other slot when this one was written; zero: that slot was empty.
    var otherTag = CapsuleRootTag(high: 0, low: 0)
    var freeList = MapEntry.hole
    var freeExtents = ExtentSet()
    var label: CapsuleLabel?
    /// `contentByteCount` bytes: the content itself, or the top entries.
    var content: [UInt8]
    /// Type-length-value fields; those of later versions, none of them critical, are kept as they are.
    var extensions: [UInt8] = []
    /// The folder whose pages they are sealed as, where the file was moved from there; nil: the one in the header.
    var origin: FolderID?
    /// A critical extension of a later version.
    var unknownExtension: UInt16?

    init(times: CapsuleTimes) {
        self.times = times
        content = [UInt8](repeating: 0, count: CapsuleFormat.contentByteCount)
    }
}

extension CapsuleRoot {
    /// The root as plaintext of `byteCount` bytes: what the header leaves of a slot.
    func bytes(count byteCount: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(commit)
        writer.integer(base)
        writer.integer(flags.rawValue)
        writer.integer(UInt8(height))
        writer.integer(contentKind.rawValue)
        writer.integer(UInt8(freeExtents.extents.count))
        writer.integer(UInt8((label == nil ? 0 : 1) | (label?.parent == nil ? 0 : 2)))
        writer.integer(size)
        writer.integer(pageCount)
        writer.integer(dataPageCount)
        writer.integer(mapPageCount)
        writer.integer(sealCount)
        for time in [times.accessed, times.modified, times.changed, times.created] {
            writer.integer(time.seconds)
            writer.integer(time.nanoseconds)
        }
        writer.identifier(otherTag)
        freeList.withBytes { writer.append($0) }
        for extent in freeExtents.extents {
            writer.integer(extent.start)
            writer.integer(extent.count)
        }
        writer.pad(to: 320)
        writer.identifier(label?.parent ?? FileID(high: 0, low: 0))
        writer.integer(label?.uid ?? 0)
        writer.integer(label?.gid ?? 0)
        writer.integer(label?.mode ?? 0)
        writer.integer(UInt16(label?.name.count ?? 0))
        writer.integer(UInt16(extensions.count))
        writer.append(label?.name ?? [])
        writer.pad(to: 352 + Self.nameAreaByteCount)
        writer.append(content)
        writer.append(extensions)
        writer.pad(to: byteCount)
        return writer.bytes
    }

    /// Reads a root that authenticated. Malformed all the same: written by something else than this format's writer.
    init(_ bytes: UnsafeRawBufferPointer, slot: Int, keyGeneration: KeyGeneration) throws(CapsuleError) {
        self.init(times: CapsuleTimes(accessed: .epoch, modified: .epoch, changed: .epoch, created: .epoch))
        do throws(MalformedBytes) {
            try read(bytes, keyGeneration: keyGeneration)
        } catch {
            throw .unauthentic(.root(slot: slot))
        }
        if let unknownExtension {
            throw .newerFormat(found: unknownExtension, supported: CapsuleFormat.version)
        }
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer, keyGeneration: KeyGeneration) throws(MalformedBytes) {
        var reader = ByteReader(bytes)
        commit = try reader.integer()
        base = try reader.integer()
        flags = Flags(rawValue: try reader.integer())
        height = Int(try reader.integer(UInt8.self))
        let kind = ContentKind(rawValue: try reader.integer())
        let extentCount = Int(try reader.integer(UInt8.self))
        let labelFlags: UInt8 = try reader.integer()
        size = try reader.integer()
        pageCount = try reader.integer()
        dataPageCount = try reader.integer()
        mapPageCount = try reader.integer()
        sealCount = try reader.integer()
        guard let kind, flags.isSubset(of: .all), base < commit, height <= CapsuleFormat.heightMax,
            size <= CapsuleFormat.sizeMax, pageCount >= 1, pageCount <= CapsuleFormat.pageMax, labelFlags <= 3,
            labelFlags != 2, extentCount <= CapsuleFormat.rootExtentCount,
            dataPageCount <= pageCount, mapPageCount <= pageCount
        else { throw MalformedBytes() }
        contentKind = kind
        times.accessed = try Self.time(&reader)
        times.modified = try Self.time(&reader)
        times.changed = try Self.time(&reader)
        times.created = try Self.time(&reader)
        otherTag = try reader.identifier()
        freeList = MapEntry(try reader.slice(CapsuleFormat.entryByteCount))
        guard freeList.isWellFormed(.free, generation: keyGeneration) else { throw MalformedBytes() }
        try readExtents(&reader, count: extentCount)
        try readLabel(&reader, flags: labelFlags)
        content = try reader.bytes(CapsuleFormat.contentByteCount)
        try checkContent(keyGeneration: keyGeneration)
        extensions = try reader.bytes(extensions.count)
        guard try reader.slice(reader.remaining).allSatisfy({ $0 == 0 }) else { throw MalformedBytes() }
        try readExtensions()
    }

    private mutating func readExtents(_ reader: inout ByteReader, count: Int) throws(MalformedBytes) {
        var extents: [Extent] = []
        for _ in 0..<count {
            extents.append(Extent(start: try reader.integer(), count: try reader.integer()))
        }
        let rest = try reader.slice((CapsuleFormat.rootExtentCount - count) * 16)
        guard rest.allSatisfy({ $0 == 0 }), count == 0 || (flags.contains(.listsFreePages) && freeList.isHole),
            freeList.isHole || flags.contains(.listsFreePages),
            let set = ExtentSet(
                ascending: extents, in: CapsuleFormat.firstPage..<max(pageCount, CapsuleFormat.firstPage))
        else { throw MalformedBytes() }
        freeExtents = set
    }

    private mutating func readLabel(_ reader: inout ByteReader, flags: UInt8) throws(MalformedBytes) {
        let parent: FileID = try reader.identifier()
        let uid: UInt32 = try reader.integer()
        let gid: UInt32 = try reader.integer()
        let mode: UInt32 = try reader.integer()
        let nameCount = Int(try reader.integer(UInt16.self))
        extensions = [UInt8](repeating: 0, count: Int(try reader.integer(UInt16.self)))
        let name = try reader.slice(Self.nameAreaByteCount)
        guard nameCount < Self.nameAreaByteCount, name[nameCount...].allSatisfy({ $0 == 0 }) else {
            throw MalformedBytes()
        }
        guard flags & 1 != 0 else {
            guard parent.high | parent.low == 0, uid | gid | mode == 0, nameCount == 0 else { throw MalformedBytes() }
            return
        }
        guard flags & 2 != 0 || parent.high | parent.low == 0 else { throw MalformedBytes() }
        label = CapsuleLabel(
            name: Array(name[..<nameCount]), parent: flags & 2 != 0 ? parent : nil, uid: uid, gid: gid, mode: mode)
    }

    private func checkContent(keyGeneration: KeyGeneration) throws(MalformedBytes) {
        let isGood = content.withUnsafeBytes { bytes in
            if contentKind == .inline {
                return height == 0 && size <= bytes.count && size > 0
                    && bytes[Int(size)...].allSatisfy { $0 == 0 }
            }
            return (0..<CapsuleFormat.topEntryCount).allSatisfy { place in
                let start = place * CapsuleFormat.entryByteCount
                return MapEntry(UnsafeRawBufferPointer(rebasing: bytes[start..<start + CapsuleFormat.entryByteCount]))
                    .isWellFormed(height == 0 ? .data : .map, generation: keyGeneration)
            }
        }
        guard isGood else { throw MalformedBytes() }
    }

    private static func time(_ reader: inout ByteReader) throws(MalformedBytes) -> Timestamp {
        let time = Timestamp(seconds: try reader.integer(), nanoseconds: try reader.integer())
        guard time.nanoseconds < 1_000_000_000 else { throw MalformedBytes() }
        return time
    }
}
