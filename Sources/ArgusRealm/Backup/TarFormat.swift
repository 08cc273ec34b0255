internal import Glibc

/// One file of a backup as the tar format describes it (POSIX.1-1988 ustar; sizes from 8 GiB on in base 256, as GNU tar
/// and libarchive write and read them).
struct TarHeader: Hashable, Sendable {
    static let byteCount = 512
    static let nameMaxByteCount = 100

    var name: String
    var size: UInt64

    init(name: String, size: UInt64) {
        self.name = name
        self.size = size
    }

    var bytes: [UInt8] {
        precondition(name.utf8.count <= Self.nameMaxByteCount, "names in a realm are short")
        var block = [UInt8](repeating: 0, count: Self.byteCount)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        if size < 1 << 33 {
            put(Self.octal(size, digits: 11), at: 124)
        } else {
            block[124] = 0x80
            for place in 0..<8 { block[135 - place] = UInt8(truncatingIfNeeded: size >> UInt64(8 * place)) }
        }
        put("00000000000", at: 136)
        block[156] = UInt8(ascii: "0")
        put("ustar", at: 257)
        put("00", at: 263)
        put(Self.octal(Self.checksum(block), digits: 6), at: 148)
        block[155] = UInt8(ascii: " ")
        return block
    }

    /// Reads a header of a plain file; nil for anything else.
    init?(_ block: [UInt8]) {
        guard block.count == Self.byteCount, block[257..<262].elementsEqual("ustar".utf8),
            block[156] == UInt8(ascii: "0"), Self.number(block[148..<156]) == Self.checksum(block)
        else { return nil }
        let name = block[..<Self.nameMaxByteCount].prefix { $0 != 0 }
        if block[124] == 0x80 {
            guard block[125..<128].allSatisfy({ $0 == 0 }) else { return nil }
            size = block[128..<136].reduce(0) { $0 << 8 | UInt64($1) }
        } else {
            guard let number = Self.number(block[124..<136]) else { return nil }
            size = number
        }
        guard size <= UInt64(Int64.max) / 2 else { return nil }
        self.name = String(decoding: name, as: UTF8.self)
    }

    /// Bytes after the content, up to the next block.
    static func padding(_ size: UInt64) -> Int { Int((512 - size % 512) % 512) }

    private static func checksum(_ block: [UInt8]) -> UInt64 {
        block.enumerated().reduce(0) { $0 + UInt64((148..<156).contains($1.offset) ? 0x20 : $1.element) }
    }

    private static func octal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 < 0x38 }) else { return nil }
        return digits.reduce(0) { $0 << 3 | UInt64($1 - 0x30) }
    }
}
