package import ArgusCore

/// A POSIX permission class: bits of access(2).
package struct AccessMask: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let execute = AccessMask(rawValue: 1)
    package static let write = AccessMask(rawValue: 2)
    package static let read = AccessMask(rawValue: 4)

    /// The rule that refuses it, for the journal.
    var rule: String {
        "posix:" + (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.execute) ? "x" : "")
    }

    /// Whether permission bits hold all of it.
    func isWithin(_ bits: UInt32) -> Bool { bits & rawValue == rawValue }
}

/// The POSIX check of one file for a process without privileges, as Linux makes it (acl_permission_check of fs/namei.c):
/// the check of personal mounts, and what `argusfs why` tells of both kinds.
///
/// Linux looks into the access list only while the group bits of the mode, which are the list's mask, are not empty. With
/// none of them the mode alone decides: whom the list names has what others have, where acl(5) would refuse them.
package struct PosixPermission {
    /// Whose bits decide.
    package enum Side: Hashable, Sendable {
        case owner
        case owningGroup
        case other
        /// An entry of the list, with its id.
        case user(UInt32)
        case group(UInt32)
        /// Groups of the list, none of which allows what is asked for.
        case groups
    }

    private let attributes: FileAttributes
    /// The list that is looked into; nil where the mode says it all.
    package let list: AccessControlList?

    package init(_ attributes: FileAttributes, list: AccessControlList?) {
        self.attributes = attributes
        self.list = Self.countsList(attributes) ? list : nil
    }

    package static func countsList(_ attributes: FileAttributes) -> Bool { attributes.permissions & 0o070 != 0 }

    package func decide(
        _ mask: AccessMask, uid: UInt32, isMember: (UInt32) -> Bool
    ) -> (isAllowed: Bool, side: Side) {
        let permissions = attributes.permissions
        if uid == attributes.uid { return (mask.isWithin(permissions >> 6), .owner) }
        if let list { return list.decide(mask, uid: uid, owningGroup: attributes.gid, isMember: isMember) }
        if isMember(attributes.gid) { return (mask.isWithin(permissions >> 3), .owningGroup) }
        return (mask.isWithin(permissions), .other)
    }
}
