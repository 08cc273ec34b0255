internal import CFuse3
internal import Glibc
internal import Logging

/// The right to answer one request, used exactly once.
///
/// Sending consumes it. Dropped unsent, it answers EIO and says so in the log: an app must not wait for ever because of
/// an error in the driver.
struct Reply: ~Copyable {
    private let descriptor: Int32
    private let unique: UInt64
    private let opcode: UInt32

    init(descriptor: Int32, unique: UInt64, opcode: UInt32) {
        self.descriptor = descriptor
        self.unique = unique
        self.opcode = opcode
    }

    deinit {
        log.error("a request was dropped without an answer", metadata: ["opcode": "\(opcode)"])
        write(-EIO, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    consuming func send(_ payload: UnsafeRawBufferPointer) {
        write(0, payload)
        discard self
    }

    /// `errno` is positive. ENOSYS becomes EOPNOTSUPP where the kernel would take it as a leave to go on by itself.
    consuming func fail(_ errno: Int32) {
        var answered = errno
        if errno == ENOSYS, let known = Opcode(rawValue: opcode), !known.mayBeUnimplemented { answered = EOPNOTSUPP }
        write(-answered, UnsafeRawBufferPointer(start: nil, count: 0))
        discard self
    }

    /// For a request that the kernel waits for no answer to.
    consuming func omit() {
        discard self
    }

    private borrowing func write(_ error: Int32, _ payload: UnsafeRawBufferPointer) {
        var header = fuse_out_header()
        header.len = UInt32(MemoryLayout<fuse_out_header>.size + payload.count)
        header.error = error
        header.unique = unique
        sendMessage(header, payload, to: descriptor, opcode: opcode)
    }
}

/// Writes one message to the kernel in one writev(2), as /dev/fuse asks.
///
/// ENOENT means that the caller was killed meanwhile, ENODEV that the mount is gone: nobody waits any more.
@discardableResult
func sendMessage(
    _ header: fuse_out_header, _ payload: UnsafeRawBufferPointer,
    _ content: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), to descriptor: Int32,
    opcode: UInt32
) -> Int32 {
    var header = header
    let cause = withUnsafeMutableBytes(of: &header) { headerBytes -> Int32 in
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { vectors -> Int32 in
            vectors[0] = iovec(iov_base: headerBytes.baseAddress, iov_len: headerBytes.count)
            // writev(2) only reads what it is given.
            vectors[1] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: payload.baseAddress), iov_len: payload.count)
            vectors[2] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: content.baseAddress), iov_len: content.count)
            let count: Int32 = content.isEmpty ? payload.isEmpty ? 1 : 2 : 3
            while true {
                let written = writev(descriptor, vectors.baseAddress, count)
                let cause = errno
                if written >= 0 { return 0 }
                if cause != EINTR { return cause }
            }
        }
    }
    switch cause {
    case 0, ENOENT, ENODEV, ENOTCONN, ECONNABORTED: break
    default:
        log.error("the kernel refused an answer", metadata: ["opcode": "\(opcode)", "errno": "\(cause)"])
    }
    return cause
}
