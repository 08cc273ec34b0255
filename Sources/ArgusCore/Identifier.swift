/// A random 128-bit identifier. `Kind` is only a label that keeps a folder's id from being passed for a file's.
package struct Identifier<Kind>: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes, big-endian.
    package let high: UInt64
    /// The last eight bytes, big-endian.
    package let low: UInt64

    package static var byteCount: Int { 16 }

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `bytes` must hold exactly 16 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &halves) { $0.copyBytes(from: bytes) }
        self.high = UInt64(bigEndian: halves.0)
        self.low = UInt64(bigEndian: halves.1)
    }

    /// Reads the 32 lower-case hexadecimal digits that `hex` writes.
    package init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes: bytes)
    }

    package static func random() -> Self {
        var generator = SystemRandomNumberGenerator()
        return Self(high: generator.next(), low: generator.next())
    }

    package var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { [UInt8]($0) }
    }

    package var hex: String { Hex.encode(bytes) }
    package var description: String { hex }
}

package enum RealmKind {}
package enum FolderKind {}
package enum FileIdentityKind {}
package enum PersonKind {}
package enum DeviceKind {}
package enum StreamKind {}

package typealias RealmID = Identifier<RealmKind>
package typealias FolderID = Identifier<FolderKind>
package typealias FileID = Identifier<FileIdentityKind>
package typealias PersonID = Identifier<PersonKind>
package typealias DeviceID = Identifier<DeviceKind>
package typealias StreamID = Identifier<StreamKind>

/// An inode number, never reused within a folder. 0 is no inode, 1 the folder's top directory.
package struct InodeNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static let root = InodeNumber(1)

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    package var description: String { String(rawValue) }
}

/// A directory entry's position in listings: 63 bits, never reused within a folder, larger for a later entry.
package typealias DirectoryCookie = UInt64

/// A capsule's commit: 1 is the first, 0 means never committed. Never reused within a capsule.
package typealias CommitNumber = UInt64

/// The generation of a folder key or file key: 1 is the first.
package typealias KeyGeneration = UInt32
