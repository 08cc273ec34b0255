/// The numbers of format 1 (docs/formats/capsule.md).
enum CapsuleFormat {
    static let magic = Array("ARGUSCAP".utf8)
    static let version: UInt16 = 1
    /// AES-256-GCM with tags of 16 bytes, HKDF-SHA256.
    static let suite: UInt16 = 1
    static let pageShift: UInt64 = 12
    static let pageByteCount = 4096
    static let nonceByteCount = 12
    static let tagByteCount = 16
    static let slotCount = 2
    /// Pages 0 and 1 are slots.
    static let firstPage: UInt64 = 2
    /// Bytes that stanzas may take up in a slot.
    static let stanzasMaxByteCount = 1024
    /// Content or entries in the root.
    static let contentByteCount = 2048
    static let topEntryCount = 32
    static let nodeEntryCount = 64
    static let entryByteCount = 64
    /// A node has 2⁶ entries.
    static let nodeShift: UInt64 = 6
    static let heightMax = 5
    /// 16 TiB.
    static let sizeMax: UInt64 = 1 << 44
    /// Page numbers stay below, so that byte offsets cannot overflow.
    static let pageMax: UInt64 = 1 << 48
    /// Seals with one key: random nonces collide with a probability below 2⁻³² (SP 800-38D, 8.3).
    static let sealCountMax: UInt64 = 1 << 32
    /// Commit numbers skipped, at least, where some may have been used and lost; up to twice as many, at random.
    static let commitSkip: UInt64 = 1 << 32
    /// Free extents that the root itself lists.
    static let rootExtentCount = 8
    /// Free extents that one page of the list holds.
    static let listExtentCount = 251

    /// Data pages under a root of that height.
    static func capacity(height: Int) -> UInt64 { UInt64(topEntryCount) << (nodeShift * UInt64(height)) }

    /// Pages that `size` bytes take up.
    static func pages(_ size: UInt64) -> UInt64 { (size + UInt64(pageByteCount) - 1) >> pageShift }
}

/// What a sealed page is. Part of its AAD and of the entry that refers to it.
enum PageKind: UInt32 {
    case data = 1
    case map = 2
    case free = 3
}
