internal import ArgusSystem
internal import Glibc

/// The terminal that the command was started from, whatever its standard streams are.
struct Terminal: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Nil where the process has no controlling terminal.
    static func open() -> Terminal? {
        do throws(SystemError) {
            return Terminal(descriptor: try OwnedDescriptor.open("/dev/tty", flags: O_RDWR | O_NOCTTY))
        } catch {
            return nil
        }
    }

    private init(descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// The longest line that is read, in bytes.
    static let lineMaxBytes = 1024

    /// Asks for a line without showing it. Nil when the question was broken off with Control-C, Control-D or a hang-up.
    ///
    /// The terminal's own line editing and signals are off meanwhile, so that no signal leaves it without echo; erasing
    /// the last character and the whole line works as usual.
    borrowing func askSecretly(_ question: String) -> SecretBytes? {
        var saved = termios()
        guard tcgetattr(descriptor.rawValue, &saved) == 0 else { return nil }
        var silent = saved
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
        silent.c_iflag |= tcflag_t(ICRNL)
        guard tcsetattr(descriptor.rawValue, TCSADRAIN, &silent) == 0 else { return nil }
        defer { tcsetattr(descriptor.rawValue, TCSADRAIN, &saved) }
        show(question)
        defer { show("\n") }

        let terminal = descriptor.rawValue
        var count: Int?
        let line = SecretBytes(count: Self.lineMaxBytes) { buffer in
            count = Self.readLine(from: terminal, into: buffer)
        }
        guard let count else { return nil }
        return line.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    borrowing func show(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(descriptor.rawValue, $0.baseAddress, $0.count) }
    }

    /// The number of bytes of the line, which lie at the start of `buffer`; what does not fit is dropped.
    private static func readLine(from terminal: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        var count = 0
        while true {
            var byte: UInt8 = 0
            let got = read(terminal, &byte, 1)
            let cause = errno
            if got < 0, cause == EINTR { continue }
            guard got == 1 else { return nil }
            switch byte {
            case 0x03, 0x1c: return nil
            case 0x04: if count == 0 { return nil } else { return count }
            case 0x0a, 0x0d: return count
            case 0x08, 0x7f:
                // One character of UTF-8: its continuation bytes, then its first.
                while count > 0, buffer[count - 1] & 0xc0 == 0x80 { count -= 1 }
                if count > 0 { count -= 1 }
            case 0x15: count = 0
            default:
                if count < buffer.count {
                    buffer[count] = byte
                    count += 1
                }
            }
        }
    }
}
