internal import ArgusSystem
internal import Glibc

/// What is checked before libfuse is asked: each failure gets a line of its own, which libfuse and fusermount3(1) do not
/// give. Commands ask it before they open a folder, so that a mount that cannot come about changes nothing on storage.
package enum MountPreflight {
    package static func check(_ options: MountOptions) throws(MountError) {
        try checkDevice()
        try checkPoint(options)
        guard geteuid() != 0 else { return }
        try checkHelper()
        if options.allowOther { try checkAllowOther(configuration: textFile("/etc/fuse.conf") ?? "") }
    }

    private static func checkDevice() throws(MountError) {
        do throws(SystemError) {
            _ = try OwnedDescriptor.open("/dev/fuse", flags: O_RDWR)
        } catch {
            switch error.errno {
            case ENOENT, ENODEV, ENXIO:
                throw .noDevice(
                    reason: "/dev/fuse is missing; load the kernel module with `modprobe fuse`, or give the container "
                        + "the device")
            // fusermount3(1) opens the device as root; only its answer counts for other users.
            case EACCES, EPERM:
                guard geteuid() == 0 else { return }
                throw .noDevice(reason: "/dev/fuse may not be opened here; give the container the device /dev/fuse")
            default: throw .noDevice(reason: "/dev/fuse cannot be opened (\(error.description))")
            }
        }
    }

    private static func checkPoint(_ options: MountOptions) throws(MountError) {
        let path = options.mountPoint
        let mounted = MountTableEntry.top(at: path)
        // An automount point waits for exactly this mount; looking into it would wait for it, too.
        if mounted?.type == "autofs" { return }
        guard mounted == nil else {
            throw .mountPoint(reason: "is a mount point already; unmount what is there, or choose another directory")
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let cause = errno
            throw .mountPoint(
                reason: cause == ENOENT
                    ? "does not exist; make the directory first"
                    : "cannot be used as a mount point (\(String(cString: strerror(cause))))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .mountPoint(reason: "is not a directory; name an empty directory")
        }
        guard !options.allowsNonEmpty else { return }
        do throws(SystemError) {
            guard try DirectoryHandle(path: path).names().isEmpty else {
                throw SystemError(errno: ENOTEMPTY, call: "readdir(3)")
            }
        } catch {
            throw .mountPoint(
                reason: error.errno == ENOTEMPTY
                    ? "is not empty, and what lies there would be hidden; name an empty directory"
                    : "cannot be looked into (\(error.description))")
        }
    }

    private static func checkHelper() throws(MountError) {
        let places = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"]
        guard places.contains(where: { access("\($0)/fusermount3", X_OK) == 0 }) else {
            throw .notInstalled(
                reason: "fusermount3 is not installed, and only root can mount without it; install the package fuse3")
        }
    }

    static func checkAllowOther(configuration: String) throws(MountError) {
        let isSet = configuration.split(separator: "\n").contains { line in
            line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).elementsEqual(["user_allow_other"])
        }
        guard isSet else {
            throw .notPermitted(
                reason: "allow_other is not allowed to ordinary users here; add the line user_allow_other to "
                    + "/etc/fuse.conf, or mount as root")
        }
    }
}
