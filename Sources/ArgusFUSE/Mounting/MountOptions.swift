/// Where and how a volume is mounted.
package struct MountOptions: Hashable, Sendable {
    /// Absolute and free of links.
    package var mountPoint: String
    /// What mount tables show as the source.
    package var source: String
    /// Other users may come in; without it the kernel keeps everyone but the mounting user out, root included.
    package var allowOther: Bool
    /// The kernel checks owner and mode before a request is sent (`default_permissions` of fuse(4)).
    package var defaultPermissions: Bool
    package var readOnly: Bool
    /// The kernel asks for attributes that it has none of before each read from its cache: what the driver cut off is
    /// refused then. It drops a file's pages with each change of its time of modification that it learns of.
    package var asksBeforeReads: Bool
    /// Flags of the mount as mount(8) spells them: `noatime`, `nodev`, `suid` and the like.
    package var kernelOptions: [String]
    /// False refuses a directory with entries, which the mount would hide. Commands that ask their user do so before.
    package var allowsNonEmpty: Bool

    package init(
        mountPoint: String, source: String, allowOther: Bool, defaultPermissions: Bool, readOnly: Bool,
        asksBeforeReads: Bool = false, kernelOptions: [String], allowsNonEmpty: Bool = true
    ) {
        self.mountPoint = mountPoint
        self.source = source
        self.allowOther = allowOther
        self.defaultPermissions = defaultPermissions
        self.readOnly = readOnly
        self.asksBeforeReads = asksBeforeReads
        self.kernelOptions = kernelOptions
        self.allowsNonEmpty = allowsNonEmpty
    }

    /// The third field of a mount table becomes `fuse.` and this.
    static let subtype = "argusfs"

    /// Access times are the volume's, whatever mount(8) calls them, and libfuse 3.14 refuses these words.
    private static let volumeOptions: Set<String> = ["strictatime", "relatime"]

    /// The argument of libfuse's `-o`, with commas and backslashes of the source escaped as fuse_opt.h asks.
    package var libfuseOptions: String {
        var escaped = ""
        for character in source {
            if character == "," || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        var options = ["fsname=\(escaped)", "subtype=\(Self.subtype)"]
        if allowOther { options.append("allow_other") }
        if defaultPermissions { options.append("default_permissions") }
        if readOnly { options.append("ro") }
        options += kernelOptions.filter { !Self.volumeOptions.contains($0) }
        return options.joined(separator: ",")
    }
}
