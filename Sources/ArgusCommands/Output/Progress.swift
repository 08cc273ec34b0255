internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// One line on a terminal that tells how far a long command is, rewritten at most ten times a second. Silent where
/// standard error is no terminal.
final class Progress {
    private let isShown: Bool
    private let clock = SystemClock()
    private var lastShown: UInt64 = 0
    private var width = 0
    private static let intervalNanoseconds: UInt64 = 100_000_000

    init() {
        isShown = Standard.isTerminal(STDERR_FILENO)
    }

    func show(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = clock.monotonicNanoseconds()
        guard now - lastShown >= Self.intervalNanoseconds else { return }
        lastShown = now
        let line = text()
        let blanks = String(repeating: " ", count: max(0, width - line.count))
        width = line.count
        put("\r\(line)\(blanks)")
    }

    /// Removes the line, so that results start on a clean one.
    func clear() {
        guard width > 0 else { return }
        put("\r\(String(repeating: " ", count: width))\r")
        width = 0
    }

    private func put(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
