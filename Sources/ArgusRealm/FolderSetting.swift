/// One setting of a folder, as `argusfs folder set NAME KEY=VALUE` spells it. A new setting is a new case: its key in
/// `keys`, its values in `init(text:)`, what it does in `apply`.
package enum FolderSetting: Hashable, Sendable {
    /// When an operation is answered: with its record in the journal's mapped segment, or with it on disk.
    case audit(isStrict: Bool)

    /// Keys with their values, for help and refusals.
    package static let keys = ["audit=normal|strict"]

    /// Reads `KEY=VALUE`; nil for what is no setting.
    package init?(text: String) {
        guard let sign = text.firstIndex(of: "=") else { return nil }
        switch (text[..<sign], text[text.index(after: sign)...]) {
        case ("audit", "normal"): self = .audit(isStrict: false)
        case ("audit", "strict"): self = .audit(isStrict: true)
        default: return nil
        }
    }

    /// As `init(text:)` reads it.
    package var text: String {
        switch self {
        case .audit(let isStrict): isStrict ? "audit=strict" : "audit=normal"
        }
    }

    func apply(to record: inout FolderRecord) {
        switch self {
        case .audit(let isStrict): record.isStrict = isStrict
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
