package import ArgusPolicy

/// One setting of a folder, as `argusfs folder set NAME KEY=VALUE` spells it. A new setting is a new case: its key in
/// `keys`, its values in `init(text:)`, what it does in `apply`.
package enum FolderSetting: Hashable, Sendable {
    /// When an operation is answered: with its record in the journal's mapped segment, or with it on disk.
    case audit(isStrict: Bool)
    /// Which programs may open files, and which find ciphertext.
    case programs(ProgramRules)

    /// Keys with their values, for help and refusals.
    package static let keys = ["audit=normal|strict", "programs=RULE,…"]

    /// Reads `KEY=VALUE`; nil for what is no setting.
    package init?(text: String) {
        guard let sign = text.firstIndex(of: "=") else { return nil }
        switch (text[..<sign], text[text.index(after: sign)...]) {
        case ("audit", "normal"): self = .audit(isStrict: false)
        case ("audit", "strict"): self = .audit(isStrict: true)
        case ("programs", let rules):
            guard let rules = ProgramRules(text: rules) else { return nil }
            self = .programs(rules)
        default: return nil
        }
    }

    /// As `init(text:)` reads it.
    package var text: String {
        switch self {
        case .audit(let isStrict): isStrict ? "audit=strict" : "audit=normal"
        case .programs(let rules): "programs=\(rules.text)"
        }
    }

    func apply(to record: inout FolderRecord) {
        switch self {
        case .audit(let isStrict): record.isStrict = isStrict
        case .programs(let rules): record.policy.programs = rules
        }
    }
}

extension Realm {
    /// Changes settings of a folder, all at once. The process that serves the folder reads them when it is told to.
    package func set(_ settings: [FolderSetting], ofFolder name: String) throws(RealmError) -> FolderSummary {
        try change(name) { record throws(RealmError) in
            for setting in settings { setting.apply(to: &record) }
        }
    }
}
