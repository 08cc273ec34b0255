internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusIndex
internal import ArgusPolicy

/// The POSIX check of a path for an account, as steps to be read: the second gate behind the folder's own rules.
struct PosixCheck {
    private let uid: UInt32
    private let groups: Set<UInt32>
    private let index: any MappingIndex
    private let identity: PersonDirectory
    private var parent: InodeRow?
    private(set) var steps: [DecisionStep] = []

    init(uid: UInt32, groups: Set<UInt32>, index: any MappingIndex, identity: PersonDirectory) {
        self.uid = uid
        self.groups = groups
        self.index = index
        self.identity = identity
    }

    /// A directory on the way must be searchable; told where it is not.
    mutating func pass(_ directory: InodeRow) throws(RealmError) {
        parent = directory
        let found = try steps(.execute, of: directory, "a directory on the way")
        if found.last?.effect == .refuses { steps += found }
    }

    /// What the right needs of the target itself, or, for deleting, of the directory that holds it.
    mutating func look(at target: InodeRow, for right: Rights) throws(RealmError) {
        let isDirectory = target.attributes.kind == .directory
        if right.contains(.delete), let parent {
            steps += try steps([.write, .execute], of: parent, "the directory that holds it")
        }
        if right.contains(.write) {
            steps += try steps(isDirectory ? [.write, .execute] : .write, of: target, "it")
        } else if right.contains(.read) || right.contains(.list) && isDirectory {
            steps += try steps(.read, of: target, "it")
        }
    }

    /// The steps of one check; the last one is its word.
    private func steps(_ mask: AccessMask, of row: InodeRow, _ what: String) throws(RealmError) -> [DecisionStep] {
        let attributes = row.attributes
        let mode = "\(what) has mode \(mode(row)), owner \(account(attributes.uid)), group \(attributes.gid)"
        if uid == 0 {
            // CAP_DAC_OVERRIDE of capabilities(7).
            return [DecisionStep("posix:root", .allows, "\(mode); modes and lists do not bind root")]
        }
        let stored = try list(of: row)
        let permission = PosixPermission(attributes, list: stored)
        let (isAllowed, side) = permission.decide(mask, uid: uid) { groups.contains($0) }
        var steps: [DecisionStep] = []
        if stored != nil, permission.list == nil, side != .owner {
            steps.append(
                DecisionStep(
                    "posix:list", .silent,
                    "\(what) has an access list that does not count, since the group bits of its mode, which are the list's "
                        + "mask, are empty"))
        }
        let because = side == .owner ? nil : permission.list.flatMap { reason(side, in: $0, what) }
        steps.append(DecisionStep(rule(side), isAllowed ? .allows : .refuses, because ?? mode))
        return steps
    }

    private func list(of row: InodeRow) throws(RealmError) -> AccessControlList? {
        guard row.hasExtendedAttributes else { return nil }
        let value = try indexCall { () throws(IndexError) in
            try index.attribute(inode: row.attributes.inode, name: AccessControlList.accessName)
        }
        return value.flatMap { AccessControlList(attribute: $0) }
    }

    private func rule(_ side: PosixPermission.Side) -> String {
        switch side {
        case .owner: "posix:owner"
        case .owningGroup: "posix:group"
        case .other: "posix:other"
        case .user(let id): "posix:user:\(account(id))"
        case .group(let id): "posix:group:\(id)"
        case .groups: "posix:groups"
        }
    }

    /// What the entry says that decided.
    private func reason(_ side: PosixPermission.Side, in list: AccessControlList, _ what: String) -> String? {
        let entry: AccessControlList.Entry?
        let whom: String
        switch side {
        case .owner: return nil
        case .owningGroup:
            entry = list.entries.first { $0.tag == .owningGroup }
            whom = "the owning group"
        case .user(let id):
            entry = list.entries.first { $0.tag == .user && $0.id == id }
            whom = "user \(account(id))"
        case .group(let id):
            entry = list.entries.first { $0.tag == .group && $0.id == id }
            whom = "group \(id)"
        case .other:
            entry = list.entries.first { $0.tag == .other }
            whom = "others"
        case .groups:
            return "the access list of \(what) gives groups of this account something, and none of them what is needed"
        }
        guard let bits = entry?.permissions else { return nil }
        let given = "the access list of \(what) gives \(whom) \(letters(bits))"
        let left = bits & list.mask
        return side == .other || left == bits ? given : "\(given), which its mask cuts to \(letters(left))"
    }

    private func letters(_ bits: UInt32) -> String {
        (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + (bits & 1 != 0 ? "x" : "-")
    }

    private func account(_ uid: UInt32) -> String { identity.accountName(uid: uid) ?? String(uid) }

    private func mode(_ row: InodeRow) -> String {
        let digits = String(row.attributes.permissions, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
