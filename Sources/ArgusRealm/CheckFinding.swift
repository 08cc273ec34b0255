/// Something a check found.
package struct CheckFinding: Hashable, Sendable {
    /// The raw values are stable: tools search for them.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The index, its anchor, or its rows are not what was written.
        case index
        /// A capsule is not authentic: altered, cut, or another's.
        case damaged
        /// A capsule is older than its row says.
        case rolledBack = "rolled-back"
        /// A capsule that has a row is not on storage.
        case missing
        /// An object on storage belongs to no file of the folder.
        case orphan
        /// Something on storage is no object.
        case stray
        /// Storage failed while something was read.
        case storage
    }

    package var kind: Kind
    /// Path in the folder, where the finding is about a file.
    package var path: [UInt8]?
    /// What was found, in words without names of the folder.
    package var detail: String
    /// What to do.
    package var advice: String
    package var isRepaired: Bool

    init(_ kind: Kind, path: [UInt8]? = nil, _ detail: String, advice: String, isRepaired: Bool = false) {
        self.kind = kind
        self.path = path
        self.detail = detail
        self.advice = advice
        self.isRepaired = isRepaired
    }
}

/// How far a check is.
package struct CheckProgress: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        case index, capsules, objects
    }

    package var phase: Phase
    package var doneFiles: UInt64
    /// 0: not known yet.
    package var totalFiles: UInt64
    /// Bytes of storage that were authenticated.
    package var doneBytes: UInt64
}
