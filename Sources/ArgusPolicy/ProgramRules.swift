internal import ArgusCore

/// A file of the machine as the driver's own mount namespace sees it: what a program is known by. A path alone can be
/// forged in a namespace of one's own.
package struct FileKey: Hashable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var inode: UInt64

    package init(major: UInt32, minor: UInt32, inode: UInt64) {
        self.major = major
        self.minor = minor
        self.inode = inode
    }
}

/// What a folder says about one program.
package struct ProgramRule: Hashable, Sendable {
    package enum Effect: String, Hashable, Sendable, CaseIterable {
        case allow, deny
        /// The program may read, and finds the capsule's ciphertext instead of the content: for backups.
        case withhold
    }

    package enum Program: Hashable, Sendable {
        /// The file at this absolute path, compared by device and inode.
        case path(String)
        case file(FileKey)
        /// SHA-256 of the executable: 32 bytes.
        case digest([UInt8])
        case any
    }

    package var effect: Effect
    package var program: Program

    package init(_ effect: Effect, _ program: Program) {
        self.effect = effect
        self.program = program
    }

    /// Reads `EFFECT:PROGRAM`, where PROGRAM is `/absolute/path`, `file:MAJOR:MINOR:INODE`, `sha256:HEX` or `*`; nil
    /// for anything else.
    package init?(text: some StringProtocol) {
        guard let colon = text.firstIndex(of: ":"), let effect = Effect(rawValue: String(text[..<colon])) else {
            return nil
        }
        let program = text[text.index(after: colon)...]
        if program == "*" {
            self.init(effect, .any)
        } else if program.hasPrefix("/") {
            guard program.utf8.count <= 4096, !program.utf8.contains(0), !program.utf8.contains(UInt8(ascii: ","))
            else { return nil }
            self.init(effect, .path(String(program)))
        } else if program.hasPrefix("sha256:") {
            guard let digest = Hex.decode(program.dropFirst(7)), digest.count == 32 else { return nil }
            self.init(effect, .digest(digest))
        } else if program.hasPrefix("file:") {
            let parts = program.dropFirst(5).split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, let major = UInt32(parts[0]), let minor = UInt32(parts[1]),
                let inode = UInt64(parts[2])
            else { return nil }
            self.init(effect, .file(FileKey(major: major, minor: minor, inode: inode)))
        } else {
            return nil
        }
    }

    /// As `init(text:)` reads it.
    package var text: String {
        switch program {
        case .path(let path): "\(effect.rawValue):\(path)"
        case .file(let key): "\(effect.rawValue):file:\(key.major):\(key.minor):\(key.inode)"
        case .digest(let digest): "\(effect.rawValue):sha256:\(Hex.encode(digest))"
        case .any: "\(effect.rawValue):*"
        }
    }

    fileprivate func matches(_ facts: ProgramFacts) -> Bool {
        switch program {
        case .path(let path): facts.samePaths.contains(path)
        case .file(let key): facts.file == key
        case .digest(let digest): facts.digest == digest
        case .any: true
        }
    }
}

/// What a folder says about programs: its own rules, of which the first that matches decides, and after them the shipped
/// default. A program that nothing matches is allowed.
package struct ProgramRules: Hashable, Sendable {
    package static let maxCount = 64

    package var rules: [ProgramRule]
    /// Whether indexers and thumbnailers are refused, which would carry names and pictures out of the folder into
    /// databases and caches of their own.
    package var refusesIndexers: Bool

    package init(_ rules: [ProgramRule] = [], refusesIndexers: Bool = true) {
        self.rules = rules
        self.refusesIndexers = refusesIndexers
    }

    /// Reads rules separated by commas, `indexers` or `no-indexers` among them; nil where a word is none of these. An
    /// empty text is no rule and the shipped default.
    package init?(text: some StringProtocol) {
        self.init()
        for word in text.split(separator: ",") {
            switch word {
            case "indexers": refusesIndexers = false
            case "no-indexers": refusesIndexers = true
            default:
                guard let rule = ProgramRule(text: word), rules.count < Self.maxCount else { return nil }
                rules.append(rule)
            }
        }
    }

    package var text: String {
        (rules.map(\.text) + [refusesIndexers ? "no-indexers" : "indexers"]).joined(separator: ",")
    }

    /// The paths that are to be compared with the program's file.
    package var paths: [String] {
        rules.compactMap { rule in
            guard case .path(let path) = rule.program else { return nil }
            return path
        }
    }

    package var needsDigest: Bool {
        rules.contains { rule in
            guard case .digest = rule.program else { return false }
            return true
        }
    }

    /// File names of the programs that walk through files to index them or draw small pictures of them: GNOME's
    /// Tracker and LocalSearch, KDE's Baloo, Xfce's Tumbler, freedesktop thumbnailers, Recoll and locate's updatedb.
    package static let indexers: Set<String> = [
        "tracker-miner-fs", "tracker-miner-fs-3", "tracker-extract", "tracker-extract-3", "tracker-writeback-3",
        "localsearch-3", "localsearch-extractor-3", "localsearch-writeback-3", "baloo_file", "baloo_file_extractor",
        "tumblerd", "gdk-pixbuf-thumbnailer", "gnome-thumbnail-font", "evince-thumbnailer", "atril-thumbnailer",
        "xreader-thumbnailer", "totem-video-thumbnailer", "ffmpegthumbnailer", "gst-thumbnailers",
        "glycin-thumbnailer", "papers-thumbnailer", "gsf-office-thumbnailer", "raw-thumbnailer", "recollindex",
        "updatedb", "updatedb.plocate", "updatedb.mlocate",
    ]
}

/// What is known of the program behind a request, as far as a folder's rules ask for it.
package struct ProgramFacts: Hashable, Sendable {
    /// Absolute path as the driver sees it; empty where it could not be resolved.
    package var path: String
    /// Nil where it could not be resolved.
    package var file: FileKey?
    package var digest: [UInt8]?
    /// The paths of `ProgramRules.paths` at which that very file lies.
    package var samePaths: Set<String>

    package init(path: String, file: FileKey? = nil, digest: [UInt8]? = nil, samePaths: Set<String> = []) {
        self.path = path
        self.file = file
        self.digest = digest
        self.samePaths = samePaths
    }

    fileprivate var name: Substring {
        // What was replaced while it runs, as an upgrade does, keeps its name with a remark (proc_pid_exe(5)).
        var path = self.path[...]
        if path.hasSuffix(" (deleted)") { path.removeLast(10) }
        return path.split(separator: "/").last ?? ""
    }
}

/// What a folder's rules say of a program: the first rule that matches, the shipped default after them.
package func decideProgram(_ facts: ProgramFacts, by rules: ProgramRules) -> (effect: ProgramRule.Effect, rule: String)
{
    if !rules.rules.isEmpty, facts.file == nil { return (.deny, "program:unresolved") }
    if let rule = rules.rules.first(where: { $0.matches(facts) }) { return (rule.effect, "program:\(rule.text)") }
    if rules.refusesIndexers, ProgramRules.indexers.contains(String(facts.name)) {
        return (.deny, "program:no-indexers")
    }
    return (.allow, "program:unlisted")
}
