internal import ArgusCore

/// The 64 bytes that refer to a sealed page, as they lie in its parent: page u64, birth commit u64, key generation u32,
/// kind u32, nonce 12, tag 16, reserve 12. All zero: a hole.
struct MapEntry {
    private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    static let nonceRange = 24..<36
    static let tagRange = 36..<52
    static let reserveRange = 52..<64

    static let hole = MapEntry()

    private init() { words = (0, 0, 0, 0, 0, 0, 0, 0) }

    init(page: UInt64, birth: CommitNumber, generation: KeyGeneration, kind: PageKind) {
        self.init()
        words.0 = page.littleEndian
        words.1 = birth.littleEndian
        words.2 = (UInt64(generation) | UInt64(kind.rawValue) << 32).littleEndian
    }

    /// Reads 64 bytes.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init()
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<64])) }
    }

    var page: UInt64 { UInt64(littleEndian: words.0) }
    var birth: CommitNumber { UInt64(littleEndian: words.1) }
    var generation: KeyGeneration { UInt32(truncatingIfNeeded: UInt64(littleEndian: words.2)) }
    var kind: UInt32 { UInt32(truncatingIfNeeded: UInt64(littleEndian: words.2) >> 32) }

    var isHole: Bool {
        words.0 | words.1 | words.2 | words.3 | words.4 | words.5 | words.6 | words.7 == 0
    }

    /// Whether this is a hole, or a page of that kind that can be where it says.
    func isWellFormed(_ kind: PageKind, generation: KeyGeneration) -> Bool {
        if isHole { return true }
        let reserve = withUnsafeBytes(of: words) { $0[Self.reserveRange].allSatisfy { $0 == 0 } }
        return reserve && self.kind == kind.rawValue && self.generation == generation && birth > 0
            && page >= CapsuleFormat.firstPage && page < CapsuleFormat.pageMax
    }

    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBytes(of: words, body)
    }

    mutating func withMutableBytes<R, E: Error>(_ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeMutableBytes(of: &words, body)
    }

    static func == (left: MapEntry, right: MapEntry) -> Bool {
        let (a, b) = (left.words, right.words)
        return a.0 == b.0 && a.1 == b.1 && a.2 == b.2 && a.3 == b.3 && a.4 == b.4 && a.5 == b.5 && a.6 == b.6
            && a.7 == b.7
    }
}
