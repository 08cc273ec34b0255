internal import CArgusLinux
internal import Synchronization

/// Secret bytes: never in a core dump, kept out of swap as far as RLIMIT_MEMLOCK allows, zeroed when dropped.
///
/// Written once, by `fill`, and read only from then on; so it is shared between threads freely. A process that forks
/// loses its secrets in the child: whoever becomes a daemon forks first and makes its keys afterwards.
///
/// `@unchecked`: the slot belongs to this object alone and nobody writes it after `init`.
package final class SecretBytes: @unchecked Sendable, CustomStringConvertible {
    private static let lastID = Atomic<UInt64>(0)

    package let count: Int
    /// A number that no other secret of this process has or had, from 1: tells whether two uses meant one object.
    package let id: UInt64
    private let start: UnsafeMutableRawPointer
    private let slab: SecretSlab
    private let slot: UInt16

    /// Whether every secret so far lies in locked memory; false once RLIMIT_MEMLOCK refused some (getrlimit(2)).
    package static var isMemoryLocked: Bool { SecretArena.shared.isLocked }

    /// Makes a secret of `count` bytes, zeros that `fill` overwrites in place.
    package init<E: Error>(count: Int, fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void) throws(E) {
        self.count = count
        self.id = Self.lastID.add(1, ordering: .relaxed).newValue
        (self.slab, self.slot) = SecretArena.shared.take(count)
        self.start = slab.start(of: slot)
        try fill(UnsafeMutableRawBufferPointer(start: start, count: count))
    }

    /// Copies; the caller wipes its own copy.
    package convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Random bytes of the kernel (getrandom(2)).
    package static func random(count: Int) -> SecretBytes {
        SecretBytes(count: count) { SecureRandom.fill($0) }
    }

    deinit {
        SecretArena.shared.put(slab, slot)
    }

    /// Lends the bytes. Traps in a forked child, where they are zeros: sealing with a zero key would go unnoticed.
    @inlinable
    package func withBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    @usableFromInline
    var bytes: UnsafeRawBufferPointer {
        precondition(slab.isIntact, "a secret was used in a forked child")
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Whether both hold the same bytes, in a time that depends on their count alone.
    package func isEqual(to other: SecretBytes) -> Bool {
        withBytes { left in
            other.withBytes { right in
                guard left.count == right.count else { return false }
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return argus_system_equal_in_constant_time(left, right, count)
            }
        }
    }

    /// Whether these can hardly be the bytes of a random key: three eighths or more are zero, or fewer than a quarter
    /// are distinct.
    ///
    /// It finds keys left blank, half filled, or filled with a short pattern. A random key of 32 bytes is refused with
    /// probability C(32,12)·256⁻¹² + C(256,7)·(7/256)³² < 2⁻⁶⁸, one of 16 bytes with less than 2⁻³⁴. It says nothing
    /// of passphrases, and its time depends on the bytes: it is for keys as they are made and unlocked.
    package var looksDegenerate: Bool {
        withBytes { bytes in
            let zeroCount = bytes.count { $0 == 0 }
            var seen: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            withUnsafeMutableBytes(of: &seen) { bits in
                for byte in bytes { bits[Int(byte >> 3)] |= 1 << (byte & 7) }
            }
            let distinctCount =
                seen.0.nonzeroBitCount + seen.1.nonzeroBitCount + seen.2.nonzeroBitCount + seen.3.nonzeroBitCount
            wipe(&seen)
            return 8 * zeroCount >= 3 * count || distinctCount < min(count / 4, 64)
        }
    }

    package var description: String { "‹secret of \(count) bytes›" }

    private func wipe<T>(_ value: inout T) {
        withUnsafeMutableBytes(of: &value) { ArgusSystem.wipe($0) }
    }
}
