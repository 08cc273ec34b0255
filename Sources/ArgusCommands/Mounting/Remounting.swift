internal import ArgusSystem
internal import Glibc

/// `mount -o remount,ro` and `remount,rw`: a mounted folder refuses changes from now on, or no longer. Its other options
/// stay; they hold from mount to unmount.
///
/// The driver decides first, since it alone knows what is open for writing, and everything is durable before it answers.
/// Where root remounts, the kernel is told too, so that mount tables and statvfs(3) say what is so.
enum Remounting {
    static func run(_ directory: String, _ options: MountOptionList) throws(CommandError) {
        let point = try MountPoint(directory)
        guard let entry = point.entry(in: .current()), entry.isFolder else {
            throw CommandError(directory, "is not the mount point of a folder; `argusfs status` lists those")
        }
        guard let socket = ControlAttribute.socketPath(ofMount: point.path) else {
            throw CommandError(
                directory, "its driver does not tell where it listens; only who mounted it can remount it")
        }
        try tell(socket, options.isReadOnly, directory)
        guard geteuid() == 0 else { return }
        do throws(SystemError) {
            try remountInKernel(point.path, isReadOnly: options.isReadOnly)
        } catch {
            try? tell(socket, !options.isReadOnly, directory)
            throw CommandError(
                directory,
                error.errno == EBUSY
                    ? "is in use for writing; close what is open first (fuser -m shows who has it)"
                    : "the system refused to remount it: \(error.description)")
        }
    }

    private static func tell(_ socket: String, _ isReadOnly: Bool, _ directory: String) throws(CommandError) {
        do throws(ControlClient.Failure) {
            try ControlClient(path: socket).perform(.setReadOnly(isReadOnly))
        } catch {
            throw CommandError(directory, error.message)
        }
    }

    /// MS_REMOUNT of mount(2); its other flags have the values that statvfs(3) gives, but for ST_RELATIME.
    private static let remountFlag: UInt = 32
    private static let readOnlyFlag: UInt = 1
    private static let shownFlags: UInt = 0x0C1E
    private static let shownRelatime: UInt = 4096
    private static let relatimeFlag: UInt = 1 << 21

    private static func remountInKernel(_ path: String, isReadOnly: Bool) throws(SystemError) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw SystemError(errno: errno, call: "statvfs(3)") }
        var flags = UInt(status.f_flag) & shownFlags | remountFlag
        if UInt(status.f_flag) & shownRelatime != 0 { flags |= relatimeFlag }
        if isReadOnly { flags |= readOnlyFlag }
        guard mount(nil, path, nil, flags, nil) == 0 else { throw SystemError(errno: errno, call: "mount(2)") }
    }
}
