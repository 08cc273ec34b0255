internal import ArgusJournal

/// What a driver process needs to know to serve folders at one place; the key comes beside it.
struct MountPlan: Codable, Hashable, Sendable {
    enum Content: Codable, Hashable, Sendable {
        /// The mount is this folder.
        case folder(String)
        /// The mount has these folders as directories.
        case folders([String])
    }

    var realm: String
    var content: Content
    /// Absolute and free of links.
    var mountPoint: String
    var options: MountOptionList
    var journalLimits: JournalLimits

    /// Where a folder is seen.
    func place(of folder: String) -> String {
        switch content {
        case .folder: mountPoint
        case .folders: mountPoint == "/" ? "/\(folder)" : "\(mountPoint)/\(folder)"
        }
    }

    /// What mount tables show as the source unless the options say otherwise.
    var source: String {
        switch content {
        case .folder(let name): name
        case .folders: "argusfs"
        }
    }
}

extension MountOptionList {
    /// Refuses what this user may not ask for, before anything is started.
    func check(for invocation: Invocation) throws(CommandError) {
        guard allowsOthers, !invocation.isRoot, !Self.fuseConfigurationAllowsOthers else { return }
        throw CommandError(
            "-o allow_other",
            "is not allowed to ordinary users here; add the line user_allow_other to /etc/fuse.conf, or mount as root")
    }

    private static var fuseConfigurationAllowsOthers: Bool {
        allowsOthers(fuseConfiguration: smallFile("/etc/fuse.conf", maxBytes: 1 << 20) ?? "")
    }

    /// Whether fuse.conf(5) has the line `user_allow_other`.
    package static func allowsOthers(fuseConfiguration text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).elementsEqual(["user_allow_other"])
        }
    }
}
