internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore

/// The free pages as they lie on storage: up to eight extents in the root, or a chain of sealed pages.
///
/// A page of the list: the entry of the next one 64, extent count u64, zero 8, then up to 251 extents (start u64,
/// count u64) in ascending order over the whole chain. Its position is its place in the chain.
struct FreeList {
    var free: ExtentSet
    /// The pages that the list itself takes up.
    var pages: [MapEntry] = []

    static func read(_ root: CapsuleRoot, from object: any BackingObject, cipher: PageCipher) throws(CapsuleError)
        -> FreeList
    {
        guard !root.freeList.isHole else { return FreeList(free: root.freeExtents) }
        var list = FreeList(free: ExtentSet())
        var extents: [Extent] = []
        var entry = root.freeList
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: CapsuleFormat.pageByteCount, alignment: 16)
        defer { buffer.deallocate() }
        while !entry.isHole {
            let got = try stored { () throws(StoreError) in
                try object.read(into: buffer, at: entry.page << CapsuleFormat.pageShift)
            }
            let position = UInt64(list.pages.count)
            guard got == buffer.count, position < root.pageCount else { throw .unauthentic(.freeList) }
            let isAuthentic = try cipher.withContext { context throws(CapsuleError) in
                try cipher.open(buffer.baseAddress!, entry: entry, as: .free, position: position, with: context)
            }
            guard isAuthentic else { throw .unauthentic(.freeList) }
            list.pages.append(entry)
            do throws(MalformedBytes) {
                entry = try parse(UnsafeRawBufferPointer(buffer), into: &extents, cipher.key.generation)
            } catch {
                throw .unauthentic(.freeList)
            }
        }
        let range = CapsuleFormat.firstPage..<max(root.pageCount, CapsuleFormat.firstPage)
        guard let free = ExtentSet(ascending: extents, in: range) else { throw .unauthentic(.freeList) }
        list.free = free
        return list
    }

    private static func parse(
        _ page: UnsafeRawBufferPointer, into extents: inout [Extent], _ generation: KeyGeneration
    ) throws(MalformedBytes) -> MapEntry {
        var reader = ByteReader(page)
        let next = MapEntry(try reader.slice(CapsuleFormat.entryByteCount))
        let count: UInt64 = try reader.integer()
        let reserve: UInt64 = try reader.integer()
        guard next.isWellFormed(.free, generation: generation), count >= 1,
            count <= CapsuleFormat.listExtentCount, reserve == 0
        else { throw MalformedBytes() }
        for _ in 0..<count {
            extents.append(Extent(start: try reader.integer(), count: try reader.integer()))
        }
        guard try reader.slice(reader.remaining).allSatisfy({ $0 == 0 }) else { throw MalformedBytes() }
        return next
    }

    /// One page of the list as plaintext.
    static func page(_ extents: ArraySlice<Extent>, next: MapEntry) -> [UInt8] {
        var writer = ByteWriter()
        next.withBytes { writer.append($0) }
        writer.integer(UInt64(extents.count))
        writer.integer(UInt64(0))
        for extent in extents {
            writer.integer(extent.start)
            writer.integer(extent.count)
        }
        writer.pad(to: CapsuleFormat.pageByteCount)
        return writer.bytes
    }
}
