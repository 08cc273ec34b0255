internal import Glibc

/// The standard streams, written whole and without buffering in between.
enum Standard {
    /// Writes to standard output. A reader that went away ends the program quietly, as it ends `cat`.
    static func output(_ text: String) throws(CommandError) {
        if case .failure(let cause) = write(text, to: STDOUT_FILENO) {
            throw CommandError("standard output", "cannot be written: \(String(cString: strerror(cause.errno)))")
        }
    }

    static func outputLine(_ text: String) throws(CommandError) { try output(text + "\n") }

    /// Writes one line to standard error; where even that fails, nobody is there to be told.
    static func errorLine(_ text: String) {
        _ = write(text + "\n", to: STDERR_FILENO)
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    private struct Cause: Error { let errno: Int32 }

    private static func write(_ text: String, to descriptor: Int32) -> Result<Void, Cause> {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let base = rest.baseAddress, !rest.isEmpty {
                let count = Glibc.write(descriptor, base, rest.count)
                let cause = errno
                if count < 0 {
                    if cause == EINTR { continue }
                    return .failure(Cause(errno: cause))
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return .success(())
        }
    }
}
