internal import ArgusCapsule
internal import ArgusCrypto
internal import Synchronization

/// "Random" bytes that anybody can make again: SHA-256(label ‖ block number, 8 bytes), block after block. Each draw goes
/// on where the one before ended.
///
/// For vectors alone: what it seals is no secret.
package final class StreamRandom: RandomSource {
    private struct State: Sendable {
        var rest: ArraySlice<UInt8> = []
        var block: UInt64 = 0
    }

    private let label: [UInt8]
    private let state = Mutex(State())

    package init(_ label: String) { self.label = Array(label.utf8) }

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) { buffer.copyBytes(from: bytes(buffer.count)) }

    package func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in
            while state.rest.count < count {
                let number = withUnsafeBytes(of: state.block.littleEndian) { Array($0) }
                state.rest += SHA256.hash(label + number)
                state.block += 1
            }
            defer { state.rest = state.rest.dropFirst(count) }
            return Array(state.rest.prefix(count))
        }
    }

    /// The first `count` bytes of the stream.
    package static func bytes(_ label: String, count: Int) -> [UInt8] { StreamRandom(label).bytes(count) }
}
