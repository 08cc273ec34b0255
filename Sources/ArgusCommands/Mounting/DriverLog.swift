internal import ArgusRealm
internal import ArgusSystem
internal import Glibc
internal import Logging

/// Where a driver's log lines go. They carry no names, keys or content (the journal does, sealed).
enum DriverLog {
    /// A log that has grown past this is kept once as `driver.log.1` when the next driver starts.
    private static let fileMaxBytes = 4 << 20

    /// Log lines go to standard error: the terminal of a driver in the foreground, otherwise what `toFile` makes of it.
    static func toStandardError() {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    }

    /// For a driver in the background: its standard error becomes REALM/log/driver.log, shared by the realm's drivers.
    /// Where that cannot be written the lines are dropped: a mount does not fail for its log.
    static func toFile(in realm: Realm) {
        do throws(SystemError) {
            let directory = try DirectoryHandle(path: realm.path).subdirectory("log", create: true)
            try rotate(in: directory)
            let file = try directory.open("driver.log", flags: O_WRONLY | O_APPEND | O_CREAT)
            dup2(file.rawValue, STDERR_FILENO)
        } catch {
            // Standard error stays /dev/null.
        }
    }

    static func note(_ message: String) {
        Logger(label: "argusfs").error("\(message)")
    }

    private static func rotate(in directory: DirectoryHandle) throws(SystemError) {
        guard try directory.exists("driver.log") else { return }
        let file = try directory.open("driver.log", flags: O_RDONLY)
        var status = stat()
        if fstat(file.rawValue, &status) == 0, status.st_size > off_t(fileMaxBytes) {
            try directory.rename("driver.log", to: "driver.log.1")
        }
    }
}
