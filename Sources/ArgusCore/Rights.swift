/// What a member of a folder may do. A right brings those it implies (`closure`).
package struct Rights: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// See names and attributes.
    package static let list = Rights(rawValue: 1 << 0)
    /// Open files for reading; implies `list`.
    package static let read = Rights(rawValue: 1 << 1)
    /// Create, change, replace by rename, set attributes; implies `read`.
    package static let write = Rights(rawValue: 1 << 2)
    /// Remove files and directories.
    package static let delete = Rights(rawValue: 1 << 3)
    /// Hand files to a partner; implies `read`.
    package static let export = Rights(rawValue: 1 << 4)
    /// Change members, keys and settings; implies all.
    package static let manage = Rights(rawValue: 1 << 5)

    package static let all: Rights = [.list, .read, .write, .delete, .export, .manage]

    /// The names of the rights, as commands and listings spell them, weakest first.
    package static let named: [(name: String, right: Rights)] = [
        ("list", .list), ("read", .read), ("write", .write), ("delete", .delete), ("export", .export),
        ("manage", .manage),
    ]

    /// These rights and every right that they imply.
    package var closure: Rights {
        if contains(.manage) { return .all }
        var closed = self
        if closed.contains(.write) || closed.contains(.export) { closed.insert(.read) }
        if closed.contains(.read) { closed.insert(.list) }
        return closed
    }

    /// Reads a comma-separated list such as `list,read`; nil where a word is no right, or none is given.
    package init?(text: some StringProtocol) {
        var rights: Rights = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let match = Self.named.first(where: { $0.name == word }) else { return nil }
            rights.insert(match.right)
        }
        self = rights
    }

    package var names: [String] { Self.named.filter { contains($0.right) }.map(\.name) }
    package var text: String { names.joined(separator: ",") }
}
