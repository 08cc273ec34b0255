package import ArgusCore
package import ArgusPolicy

/// Whom a member entry is about, as commands spell it.
package enum Who: Hashable, Sendable {
    case account(String)
    case group(String)
    case everyone

    /// Reads `alice`, `@staff` or `*`.
    package init?(text: some StringProtocol) {
        let isName = { (name: String) in
            !name.isEmpty
                && !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F || $0 == ":" || $0 == "/" }
        }
        if text == "*" {
            self = .everyone
        } else if text.hasPrefix("@") {
            let name = String(text.dropFirst())
            guard isName(name) else { return nil }
            self = .group(name)
        } else {
            guard isName(String(text)) else { return nil }
            self = .account(String(text))
        }
    }

    package var text: String {
        switch self {
        case .account(let name): name
        case .group(let name): "@" + name
        case .everyone: "*"
        }
    }
}

/// A member as given on a command line: `WHO[:RIGHTS]`.
package struct MemberSpec: Hashable, Sendable {
    package var who: Who
    package var rights: Rights?

    package init(who: Who, rights: Rights?) {
        self.who = who
        self.rights = rights
    }

    package init?(text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let who = Who(text: first) else { return nil }
        self.who = who
        if parts.count == 2 {
            guard let rights = Rights(text: parts[1]) else { return nil }
            self.rights = rights
        }
    }
}

/// A member as shown.
package struct MemberSummary: Hashable, Sendable {
    /// `alice`, `@staff` or `*`.
    package var who: String
    package var rights: Rights
}

/// A folder as shown.
package struct FolderSummary: Hashable, Sendable {
    package var id: FolderID
    package var name: String
    package var protection: Protection
    /// Account name.
    package var owner: String
    package var members: [MemberSummary]
    /// Absolute path of the store.
    package var storage: String
    package var keyGeneration: KeyGeneration
    package var created: Timestamp
    /// Whether the journal is on disk before an operation is answered.
    package var isStrict: Bool
    package var programs: ProgramRules
    /// The process that has the folder open for writing, where it is known.
    package var holder: Int32?
}
