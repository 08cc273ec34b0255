internal import ArgusSystem
internal import Glibc

/// What a command knows of the process that runs it: given by the executable, never looked up by a command.
package struct Invocation: Sendable {
    /// The name the program was started by, and its arguments.
    package var arguments: [String]
    package var environment: [String: String]
    package var effectiveUID: UInt32
    /// What the machine's configuration says, once it was read.
    package var settings = Settings()

    package init(arguments: [String], environment: [String: String], effectiveUID: UInt32) {
        self.arguments = arguments
        self.environment = environment
        self.effectiveUID = effectiveUID
    }

    /// Set once, by `Program.run`, for everything that runs below it.
    @TaskLocal package static var current = Invocation(arguments: [], environment: [:], effectiveUID: 0)

    package var isRoot: Bool { effectiveUID == 0 }

    /// A variable's value; nil also where it is set to nothing.
    package func variable(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Where the configuration of the machine lies.
    package var configurationDirectory: String { variable("ARGUS_CONFIG") ?? SettingsFiles.usualDirectory }

    /// Where the realm is when nobody says: one for the machine's root, one for each other user.
    package var defaultRealmPath: String {
        if isRoot { return "/var/lib/argus/realm" }
        let data = variable("XDG_DATA_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
        return "\(data ?? "\(homeDirectory)/.local/share")/argus/realm"
    }

    private var homeDirectory: String {
        if let home = variable("HOME"), home.hasPrefix("/") { return home }
        guard let entry = getpwuid(effectiveUID), let home = entry.pointee.pw_dir else { return "/" }
        return String(cString: home)
    }
}

/// Makes a path that the caller typed absolute, without resolving links.
func absolutePath(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let directory = getcwd(nil, 0) else { return path }
    defer { free(directory) }
    let base = String(cString: directory)
    return base == "/" ? "/\(path)" : "\(base)/\(path)"
}
