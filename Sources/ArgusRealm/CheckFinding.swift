internal import ArgusCapsule
internal import ArgusCore
internal import ArgusStore

/// Something a check found.
package struct CheckFinding: Hashable, Sendable {
    /// The raw values are stable: tools search for them.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The index, its anchor, or its rows are not what was written.
        case index
        /// A capsule, or the marker of a store, is not authentic: altered, cut, or another's.
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

extension CapsuleError {
    /// What a capsule that was never made durable may look like after a crash.
    var isTorn: Bool {
        switch self {
        case .unauthentic, .store(.missing): true
        default: false
        }
    }
}

extension CheckFinding {
    /// Why an index cannot be opened.
    init(index error: RealmError) {
        self.init(.index, error.finding, advice: error.advice)
    }

    init(_ error: CapsuleError, at location: String, path: [UInt8]?) {
        let restore = "restore the file from a backup"
        switch error {
        case .unauthentic(.rolledBack(let found, let expected)):
            self.init(
                .rolledBack, path: path, "\(location) is at commit \(found), and \(expected) was durable",
                advice: "bring the newer capsule back, or \(restore)")
        case .unauthentic(let finding):
            self.init(.damaged, path: path, "\(location): \(finding.text)", advice: restore)
        case .noKey(let generation):
            self.init(
                .damaged, path: path, "\(location) is sealed with key \(generation), which the folder does not have",
                advice: restore)
        case .newerFormat(let found, let supported):
            self.init(
                .damaged, path: path, "\(location) has format \(found), this version knows up to \(supported)",
                advice: "install the version that wrote it")
        case .store(.missing):
            self.init(
                .missing, path: path, "\(location) is missing", advice: "bring the capsule back, or remove the file")
        case .store(.notAnObject):
            self.init(
                .damaged, path: path, "\(location) is no regular file",
                advice: "bring the capsule back, or remove the file")
        case .store, .fileTooLarge, .poisoned, .crypto:
            self.init(
                .storage, path: path, "\(location) could not be read (\(error.text))", advice: "see the system's log")
        }
    }
}
