internal import ArgusCore
internal import ArgusCrypto
internal import ArgusStore

/// One of the two pages that can hold the newest root.
struct Slot: Sendable {
    var header: SlotHeader
    var root: CapsuleRoot
    var tag: CapsuleRootTag
    /// Generation of the folder key that opened the header.
    var holder: KeyGeneration
    var cipher: PageCipher

    var number: Int { header.slot }

    enum Reading: Sendable {
        /// Zero, or behind the object's end.
        case empty
        case unusable(CapsuleError)
        case authentic(Slot)
    }

    /// Reads page `number` of the object.
    static func bytes(of object: any BackingObject, number: Int) throws(CapsuleError) -> [UInt8] {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: CapsuleFormat.pageByteCount, alignment: 16)
        defer { page.deallocate() }
        let count = try stored { () throws(StoreError) in
            try object.read(into: page, at: UInt64(number * CapsuleFormat.pageByteCount))
        }
        return Array(page[..<count])
    }

    /// What `page`, read from page `number` of the object, holds.
    static func read(
        _ page: UnsafeRawBufferPointer, number: Int, identity: CapsuleIdentity, keys: FolderKeys
    ) -> Reading {
        if page.allSatisfy({ $0 == 0 }) { return .empty }
        guard page.count == CapsuleFormat.pageByteCount else { return .unusable(.unauthentic(.truncated)) }
        do throws(CapsuleError) {
            return .authentic(try open(page, number: number, identity: identity, keys: keys))
        } catch {
            return .unusable(error)
        }
    }

    init(_ page: [UInt8], number: Int, identity: CapsuleIdentity, keys: FolderKeys) throws(CapsuleError) {
        let opened = page.withUnsafeBytes { page in
            Result { () throws(CapsuleError) in
                try Self.open(page, number: number, identity: identity, keys: keys)
            }
        }
        self = try opened.get()
    }

    private init(
        header: SlotHeader, root: CapsuleRoot, tag: CapsuleRootTag, holder: KeyGeneration, cipher: PageCipher
    ) {
        self.header = header
        self.root = root
        self.tag = tag
        self.holder = holder
        self.cipher = cipher
    }

    private static func open(
        _ page: UnsafeRawBufferPointer, number: Int, identity: CapsuleIdentity, keys: FolderKeys
    ) throws(CapsuleError) -> Slot {
        let header = try SlotHeader(page, slot: number)
        guard header.identity == identity else { throw .unauthentic(.wrongIdentity(slot: number)) }
        let (key, holder) = try FileKey.unwrap(header, identity: identity, keys: keys)
        // GCM does not bind the key: first make sure that there is one key only that fits this slot.
        guard key.commits(to: header.commitment) else { throw .unauthentic(.keyCommitment(slot: number)) }
        let plaintext = UnsafeMutableRawBufferPointer.allocate(
            byteCount: page.count - CapsuleFormat.tagByteCount - header.byteCount, alignment: 16)
        defer { plaintext.deallocate() }
        let rootEnd = page.count - CapsuleFormat.tagByteCount
        let tag = UnsafeRawBufferPointer(rebasing: page[rootEnd...])
        let nonce = header.byteCount - CapsuleFormat.nonceByteCount..<header.byteCount
        try authentic(.root(slot: number)) { () throws(CryptoError) in
            try AESGCM.withContext(key: key.sealing) { context throws(CryptoError) in
                try context.open(
                    UnsafeRawBufferPointer(rebasing: page[header.byteCount..<rootEnd]),
                    nonce: UnsafeRawBufferPointer(rebasing: page[nonce]),
                    aad: UnsafeRawBufferPointer(rebasing: page[..<header.byteCount]), tag: tag, into: plaintext)
            }
        }
        let root = try CapsuleRoot(
            UnsafeRawBufferPointer(plaintext), slot: number, keyGeneration: header.fileKeyGeneration)
        guard let tag = CapsuleRootTag(bytes: tag) else { throw .unauthentic(.root(slot: number)) }
        let pages = CapsuleIdentity(folder: root.origin ?? identity.folder, file: identity.file)
        return Slot(
            header: header, root: root, tag: tag, holder: holder, cipher: PageCipher(key: key, identity: pages))
    }

    /// The whole page of a slot with `root` sealed in it, and its tag.
    static func seal(_ root: CapsuleRoot, header: SlotHeader, key: FileKey) throws(CapsuleError) -> (
        page: [UInt8], tag: CapsuleRootTag
    ) {
        let head = header.bytes
        let rootEnd = CapsuleFormat.pageByteCount - CapsuleFormat.tagByteCount
        let plaintext = root.bytes(count: rootEnd - head.count)
        var page = head + [UInt8](repeating: 0, count: CapsuleFormat.pageByteCount - head.count)
        let sealed = page.withUnsafeMutableBytes { page in
            plaintext.withUnsafeBytes { plaintext in
                head.withUnsafeBytes { head in
                    Result { () throws(CryptoError) in
                        try AESGCM.withContext(key: key.sealing) { context throws(CryptoError) in
                            try context.seal(
                                plaintext,
                                nonce: UnsafeRawBufferPointer(rebasing: head.suffix(CapsuleFormat.nonceByteCount)),
                                aad: head,
                                into: UnsafeMutableRawBufferPointer(rebasing: page[head.count..<rootEnd]),
                                tag: UnsafeMutableRawBufferPointer(rebasing: page[rootEnd...]))
                        }
                    }
                }
            }
        }
        guard case .success = sealed, let tag = CapsuleRootTag(bytes: page[rootEnd...]) else { throw .crypto }
        return (page, tag)
    }
}
