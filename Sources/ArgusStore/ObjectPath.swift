internal import ArgusCore

/// Where an object lies below the root, as a C string without an allocation: `ab/cdef…`, 2 and 30 hexadecimal digits.
struct ObjectPath {
    /// 256 shards: a million objects are 4,000 names a directory.
    static let shardDigitCount = 2
    static let nameDigitCount = 30

    private var characters = InlineArray<34, CChar>(repeating: 0)

    init(_ name: ObjectName) {
        var target = 0
        for half in [name.identifier.high, name.identifier.low] {
            for digit in 0..<16 {
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * digit)) & 15
                characters[target] = CChar(value < 10 ? value + 0x30 : value - 10 + 0x61)
                target += 1
                if target == Self.shardDigitCount {
                    characters[target] = CChar(0x2F)
                    target += 1
                }
            }
        }
    }

    /// Any path in the shard of this first byte.
    init(inShard byte: UInt8) {
        self.init(ObjectName(Identifier(high: UInt64(byte) << 56, low: 0)))
    }

    /// Lends `ab/cdef…`.
    func withPath<R: ~Copyable, E: Error>(_ body: (UnsafePointer<CChar>) throws(E) -> R) throws(E) -> R {
        try lend(characters, from: 0, body)
    }

    /// Lends `ab`.
    func withShard<R: ~Copyable, E: Error>(_ body: (UnsafePointer<CChar>) throws(E) -> R) throws(E) -> R {
        var shard = characters
        shard[Self.shardDigitCount] = 0
        return try lend(shard, from: 0, body)
    }

    /// Lends `cdef…`: the name within the shard.
    func withName<R: ~Copyable, E: Error>(_ body: (UnsafePointer<CChar>) throws(E) -> R) throws(E) -> R {
        try lend(characters, from: Self.shardDigitCount + 1, body)
    }

    private func lend<R: ~Copyable, E: Error>(
        _ characters: borrowing InlineArray<34, CChar>, from start: Int,
        _ body: (UnsafePointer<CChar>) throws(E) -> R
    ) throws(E) -> R {
        try withUnsafePointer(to: characters) { pointer throws(E) in
            try body(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self) + start)
        }
    }

    /// The object that a file `name` in the shard directory `shard` is, or nil where the store writes no such name.
    static func object(shard: String, name: String) -> ObjectName? {
        guard shard.utf8.count == shardDigitCount, name.utf8.count == nameDigitCount else { return nil }
        return Identifier(hex: shard + name).map(ObjectName.init)
    }
}
