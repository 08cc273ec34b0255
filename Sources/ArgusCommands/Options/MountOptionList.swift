/// The options of a mount, as `-o` and fstab(5) spell them: comma-separated, later ones winning over earlier ones.
///
/// A backslash before a comma keeps it in a value. What concerns mount(8) and systemd alone (`nofail`, `x-…`) is
/// accepted and left to them; an unknown word is an error, since it may have been meant to protect something.
package struct MountOptionList: Hashable, Sendable, Codable {
    package enum AccessTimes: String, Hashable, Sendable, Codable {
        case relative, strict, none
    }

    package var isReadOnly = false
    /// Changes a mount that is there, instead of making one.
    package var isRemount = false
    /// A shared mount: other users may come in, where POSIX permission and the folder's members let them.
    package var allowsOthers = false
    package var allowsNonEmptyMountPoint = false
    /// Full storage is no reason not to mount: what is there is to be read and deleted.
    package var allowsFullStorage = false
    /// The directory beneath the mount takes no change from root either while nothing is mounted there.
    package var makesMountPointImmutable = false
    /// On a shared mount the kernel asks before each read whether who reads may still.
    package var asksBeforeReads = false
    package var accessTimes = AccessTimes.relative
    package var allowsDevices: Bool?
    package var allowsSetID: Bool?
    package var allowsExecution: Bool?
    package var isSynchronous = false
    package var hasSynchronousDirectories = false
    /// What mount tables show as the source, where it is not the folder's name.
    package var source: String?
    /// Seconds between barriers that make everything durable.
    package var barrierIntervalSeconds: Int?
    package var realm: String?
    package var keyFile: String?
    package var passphraseFile: String?

    package static let barrierIntervalRange = 1...300

    package init() {}

    package init(_ texts: [String], toleratesUnknown: Bool = false) throws(CommandError) {
        for text in texts {
            for option in Self.split(text) where !option.isEmpty {
                do throws(CommandError) {
                    try apply(option)
                } catch {
                    if !toleratesUnknown { throw error }
                }
            }
        }
    }

    /// The flags for the kernel that were asked for, as mount(8) spells them.
    package var kernelOptions: [String] {
        var options: [String] = []
        if accessTimes == .none { options.append("noatime") }
        if accessTimes == .strict { options.append("strictatime") }
        if let allowsDevices { options.append(allowsDevices ? "dev" : "nodev") }
        if let allowsSetID { options.append(allowsSetID ? "suid" : "nosuid") }
        if let allowsExecution { options.append(allowsExecution ? "exec" : "noexec") }
        if isSynchronous { options.append("sync") }
        if hasSynchronousDirectories { options.append("dirsync") }
        return options
    }

    private mutating func apply(_ option: String) throws(CommandError) {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 { return try apply(parts[0], value: parts[1]) }
        switch option {
        case "ro": isReadOnly = true
        case "rw": isReadOnly = false
        case "allow_other": allowsOthers = true
        case "allow_full": allowsFullStorage = true
        case "immutable": makesMountPointImmutable = true
        case "strict_revocation": asksBeforeReads = true
        case "nonempty": allowsNonEmptyMountPoint = true
        case "atime", "relatime", "norelatime", "nostrictatime": accessTimes = .relative
        case "noatime": accessTimes = .none
        case "strictatime": accessTimes = .strict
        case "dev": allowsDevices = true
        case "nodev": allowsDevices = false
        case "suid": allowsSetID = true
        case "nosuid": allowsSetID = false
        case "exec": allowsExecution = true
        case "noexec": allowsExecution = false
        case "sync": isSynchronous = true
        case "async": isSynchronous = false
        case "dirsync": hasSynchronousDirectories = true
        case "user", "users":
            (allowsDevices, allowsSetID, allowsExecution) = (false, false, false)
        case "owner", "group":
            (allowsDevices, allowsSetID) = (false, false)
        // `default_permissions` comes with `allow_other` anyway; the others concern mount(8), or say what is so.
        case "default_permissions", "defaults", "auto", "noauto", "nouser", "nofail", "_netdev", "diratime",
            "nodiratime", "lazytime", "nolazytime", "silent", "loud":
            break
        case "remount": isRemount = true
        case "allow_root":
            throw .usage(
                "-o allow_root", "is not known; use allow_other and the folder's members to say who may come in")
        default:
            guard Self.isForOthers(option) else { throw Self.unknown(option) }
        }
    }

    private mutating func apply(_ name: String, value: String) throws(CommandError) {
        switch name {
        case "fsname": source = value
        case "realm": realm = value
        case "key-file": keyFile = value
        case "passphrase-file": passphraseFile = value
        case "commit":
            guard let seconds = Int(value), Self.barrierIntervalRange.contains(seconds) else {
                let range = Self.barrierIntervalRange
                throw .usage("-o commit", "takes a whole number of seconds, \(range.lowerBound) to \(range.upperBound)")
            }
            barrierIntervalSeconds = seconds
        // The last five are the kernel's own, which mount(8) takes from the mount table when it remounts.
        case "subtype", "user", "uhelper", "helper", "comment", "user_id", "group_id", "max_read", "blksize",
            "rootmode":
            break
        default:
            guard Self.isForOthers(name) else { throw Self.unknown(name) }
        }
    }

    private static func isForOthers(_ name: String) -> Bool {
        name.hasPrefix("x-") || name.hasPrefix("X-")
    }

    private static func unknown(_ name: String) -> CommandError {
        .usage("-o \(Table.printable(name))", "is no mount option of argusfs; see mount.argusfs(8) for those it knows")
    }

    static func split(_ text: String) -> [String] {
        var options = [""]
        var isEscaped = false
        for character in text {
            if isEscaped {
                if character != "," { options[options.count - 1].append("\\") }
                options[options.count - 1].append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                options.append("")
            } else {
                options[options.count - 1].append(character)
            }
        }
        if isEscaped { options[options.count - 1].append("\\") }
        return options
    }
}
