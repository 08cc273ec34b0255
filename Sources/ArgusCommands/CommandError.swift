/// Why a command failed: one line that says what is wrong and what to do, and the exit status that goes with it.
package struct CommandError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the line is about: the command, the mount point, the realm's directory. What the caller typed may be here.
    package let subject: String
    /// What is wrong and, after a semicolon, what to do.
    package let message: String
    package let exitStatus: ExitStatus

    package init(_ subject: String, _ message: String, exitStatus: ExitStatus = .failure) {
        self.subject = subject
        self.message = message
        self.exitStatus = exitStatus
    }

    package var description: String { "\(subject): \(message)" }

    package static func usage(_ subject: String, _ message: String) -> CommandError {
        CommandError(subject, message, exitStatus: .usage)
    }
}

/// The exit statuses of `argusfs`; `check` and the mount helper have their own.
package struct ExitStatus: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let success = ExitStatus(rawValue: 0)
    /// The operation failed; one line on standard error says why and what to do.
    package static let failure = ExitStatus(rawValue: 1)
    /// `check` could not look at everything.
    package static let couldNotCheck = ExitStatus(rawValue: 2)
    /// The command line is wrong (EX_USAGE of sysexits.h).
    package static let usage = ExitStatus(rawValue: 64)
}
