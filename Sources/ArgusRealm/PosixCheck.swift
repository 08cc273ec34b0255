internal import ArgusCore
internal import ArgusIndex
internal import ArgusPolicy

/// The POSIX check of a path for an account, as steps to be read: the second gate behind the folder's own rules.
struct PosixCheck {
    private let uid: UInt32
    private let groups: Set<UInt32>
    private var parent: InodeRow?
    private(set) var steps: [DecisionStep] = []

    init(uid: UInt32, groups: Set<UInt32>) {
        self.uid = uid
        self.groups = groups
    }

    /// A directory on the way must be searchable.
    mutating func pass(_ directory: InodeRow) {
        parent = directory
        let (granted, class_) = granted(directory)
        guard granted & 1 == 0 else { return }
        steps.append(
            DecisionStep(
                "posix:\(class_)", .refuses,
                "a directory on the way may not be searched: its mode is \(mode(directory))"))
    }

    /// What the right needs of the target itself, or, for deleting, of the directory that holds it.
    mutating func look(at target: InodeRow, for right: Rights) {
        if right.contains(.delete), let parent { require(3, of: parent, "the directory that holds it") }
        if right.contains(.write) {
            require(target.attributes.kind == .directory ? 3 : 2, of: target, "it")
        } else if right.contains(.read) || right.contains(.list) && target.attributes.kind == .directory {
            require(4, of: target, "it")
        }
    }

    private mutating func require(_ mask: UInt32, of row: InodeRow, _ what: String) {
        let (granted, class_) = granted(row)
        let isGranted = granted & mask == mask
        steps.append(
            DecisionStep(
                "posix:\(class_)", isGranted ? .allows : .refuses,
                "\(what) has mode \(mode(row)), owner \(row.attributes.uid), group \(row.attributes.gid)"))
    }

    private func granted(_ row: InodeRow) -> (bits: UInt32, class: String) {
        let attributes = row.attributes
        // CAP_DAC_OVERRIDE of capabilities(7).
        if uid == 0 { return (7, "root") }
        if uid == attributes.uid { return (attributes.permissions >> 6 & 7, "owner") }
        if groups.contains(attributes.gid) { return (attributes.permissions >> 3 & 7, "group") }
        return (attributes.permissions & 7, "other")
    }

    private func mode(_ row: InodeRow) -> String {
        let digits = String(row.attributes.permissions, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
