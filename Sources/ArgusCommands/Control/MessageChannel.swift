internal import ArgusSystem
internal import FoundationEssentials
internal import Glibc

/// Why a message could not be passed on.
enum ChannelError: Error, Hashable, Sendable {
    /// The other side is gone, or went away in the middle of a message.
    case closed
    case timedOut
    /// Longer than `MessageChannel.messageMaxBytes`.
    case tooLong
    /// No message of the expected form.
    case malformed
    case system(SystemError)
}

/// Messages over a stream socket: four bytes of length, little-endian, then that many bytes of JSON.
///
/// 1. A message is at most `messageMaxBytes` long: a length beyond it is refused before anything is allocated.
/// 2. Passing on one message takes at most the given time, however slowly its bytes come.
/// 3. A closed socket is an error of the call, never a signal.
struct MessageChannel: ~Copyable {
    /// Holds a batch of a listing's rows with names of the longest kind; a request needs far less.
    static let messageMaxBytes = 1 << 20

    /// POLLRDHUP of poll(2), which glibc shows to GNU sources alone.
    private static let hangUpEvent: Int16 = 0x2000

    private let descriptor: OwnedDescriptor
    private let clock = SystemClock()

    /// `socket` is a connected stream socket.
    init(socket: consuming OwnedDescriptor) {
        descriptor = socket
    }

    var rawDescriptor: Int32 { descriptor.rawValue }

    borrowing func send(_ message: some Encodable, withinSeconds limit: Int) throws(ChannelError) {
        let body: Data
        do { body = try JSONEncoder().encode(message) } catch { throw .malformed }
        guard body.count <= Self.messageMaxBytes else { throw .tooLong }
        var frame = [UInt8]()
        frame.reserveCapacity(4 + body.count)
        withUnsafeBytes(of: UInt32(body.count).littleEndian) { frame.append(contentsOf: $0) }
        frame.append(contentsOf: body)
        let deadline = deadline(inSeconds: limit)
        let sent = frame.withUnsafeBytes { bytes in
            result { () throws(ChannelError) in try send(bytes, until: deadline) }
        }
        try sent.get()
    }

    /// The next message, or nil where the other side closed the channel between messages.
    borrowing func receive<Message: Decodable>(_: Message.Type = Message.self, withinSeconds limit: Int)
        throws(ChannelError) -> Message?
    {
        let deadline = deadline(inSeconds: limit)
        var length: UInt32 = 0
        let started = withUnsafeMutableBytes(of: &length) { bytes in
            result { () throws(ChannelError) in try receive(into: bytes, until: deadline, mayEnd: true) }
        }
        guard try started.get() else { return nil }
        length = UInt32(littleEndian: length)
        guard length <= Self.messageMaxBytes else { throw .tooLong }
        var body = [UInt8](repeating: 0, count: Int(length))
        let received = body.withUnsafeMutableBytes { bytes in
            result { () throws(ChannelError) in try receive(into: bytes, until: deadline, mayEnd: false) }
        }
        _ = try received.get()
        do {
            return try JSONDecoder().decode(Message.self, from: Data(body))
        } catch {
            throw .malformed
        }
    }

    /// Sends bytes that are in no message: a secret that JSON would leave copies of.
    borrowing func sendSecret(_ secret: SecretBytes, withinSeconds limit: Int) throws(ChannelError) {
        let deadline = deadline(inSeconds: limit)
        let sent = secret.withBytes { bytes in result { () throws(ChannelError) in try send(bytes, until: deadline) } }
        try sent.get()
    }

    borrowing func receiveSecret(count: Int, withinSeconds limit: Int) throws(ChannelError) -> SecretBytes {
        let deadline = deadline(inSeconds: limit)
        var received = Result<Bool, ChannelError>.success(false)
        let secret = SecretBytes(count: count) { bytes in
            received = result { () throws(ChannelError) in try receive(into: bytes, until: deadline, mayEnd: false) }
        }
        _ = try received.get()
        return secret
    }

    /// True once the other side has closed the channel. Waits up to `milliseconds` for that.
    borrowing func isAbandoned(waitMilliseconds milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor.rawValue, events: Self.hangUpEvent, revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) > 0
    }

    private borrowing func send(_ bytes: UnsafeRawBufferPointer, until deadline: UInt64) throws(ChannelError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(
                descriptor.rawValue, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            let cause = errno
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if cause == EAGAIN {
                try wait(for: Int16(POLLOUT), until: deadline)
            } else if cause == EPIPE || cause == ECONNRESET {
                throw .closed
            } else if cause != EINTR {
                throw .system(SystemError(errno: cause, call: "send(2)"))
            }
        }
    }

    /// Fills `bytes`; returns false where the channel ended before the first byte and `mayEnd` allows that.
    private borrowing func receive(
        into bytes: UnsafeMutableRawBufferPointer, until deadline: UInt64, mayEnd: Bool
    ) throws(ChannelError) -> Bool {
        var filled = 0
        while filled < bytes.count {
            let count = recv(
                descriptor.rawValue, bytes.baseAddress?.advanced(by: filled), bytes.count - filled,
                Int32(MSG_DONTWAIT))
            let cause = errno
            if count > 0 {
                filled += count
            } else if count == 0 {
                if mayEnd, filled == 0 { return false }
                throw .closed
            } else if cause == EAGAIN {
                try wait(for: Int16(POLLIN), until: deadline)
            } else if cause == ECONNRESET {
                throw .closed
            } else if cause != EINTR {
                throw .system(SystemError(errno: cause, call: "recv(2)"))
            }
        }
        return true
    }

    private borrowing func wait(for events: Int16, until deadline: UInt64) throws(ChannelError) {
        let now = clock.monotonicNanoseconds()
        guard now < deadline else { throw .timedOut }
        var poll = pollfd(fd: descriptor.rawValue, events: events, revents: 0)
        let milliseconds = (deadline - now) / 1_000_000 + 1
        if Glibc.poll(&poll, 1, Int32(clamping: milliseconds)) == 0 { throw .timedOut }
    }

    private borrowing func deadline(inSeconds seconds: Int) -> UInt64 {
        clock.monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
    }
}

/// Carries a typed error through a closure that the standard library calls.
private func result<Value>(_ body: () throws(ChannelError) -> Value) -> Result<Value, ChannelError> {
    do throws(ChannelError) { return .success(try body()) } catch { return .failure(error) }
}
