import Glibc
import Testing

/// A connection that keeps the bounds of messages, in place of /dev/fuse.
final class SocketPair {
    struct Message: Equatable {
        var error: Int32
        var unique: UInt64
        var payload: [UInt8]
    }

    let driver: Int32
    private let kernel: Int32

    init() throws {
        var descriptors: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue), 0, &descriptors) == 0)
        driver = descriptors[0]
        kernel = descriptors[1]
    }

    deinit {
        close(driver)
        close(kernel)
    }

    /// The next message whole, by `struct fuse_out_header`; nil where none was sent.
    func received() throws -> Message? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(kernel, &buffer, buffer.count, 0)
        guard count >= 0 else { return nil }
        try #require(count >= 16)
        return try buffer.withUnsafeBytes { raw in
            try #require(raw.loadUnaligned(as: UInt32.self) == UInt32(count))
            return Message(
                error: raw.loadUnaligned(fromByteOffset: 4, as: Int32.self),
                unique: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self), payload: Array(raw[16..<count]))
        }
    }
}
