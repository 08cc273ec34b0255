/// A POSIX access control list (acl(5)), in the form in which the kernel hands it over and the index keeps it.
///
/// The bytes are the value of `system.posix_acl_access` or `system.posix_acl_default`: a version, then entries of
/// tag, permission and id in ascending order of tag and id. They are checked once, in `init`; questions are then
/// answered from them without an allocation, since each step of a path may ask one.
package struct AccessControlList: Hashable, Sendable {
    /// Whom an entry is for, with the tag's number in the kernel's form.
    package enum Tag: UInt16, Sendable {
        case owner = 0x01
        case user = 0x02
        case owningGroup = 0x04
        case group = 0x08
        case mask = 0x10
        case other = 0x20
    }

    package struct Entry: Hashable, Sendable {
        package var tag: Tag
        /// `rwx` as access(2) has it: 4, 2 and 1.
        package var permissions: UInt32
        /// The uid or gid of a `user` or `group` entry, otherwise `noID`.
        package var id: UInt32

        package init(_ tag: Tag, _ permissions: UInt32, id: UInt32 = AccessControlList.noID) {
            self.tag = tag
            self.permissions = permissions
            self.id = id
        }
    }

    /// ACL_UNDEFINED_ID of linux/posix_acl.h.
    package static let noID = UInt32.max
    package static let accessName = Array("system.posix_acl_access".utf8)
    package static let defaultName = Array("system.posix_acl_default".utf8)

    /// POSIX_ACL_XATTR_VERSION of linux/posix_acl_xattr.h.
    private static let version: UInt32 = 2
    private static let headByteCount = 4
    private static let entryByteCount = 8
    /// What the kernel reads from a FUSE file system: one page.
    package static let maxByteCount = 4096

    /// The value of the extended attribute.
    package private(set) var attribute: [UInt8]

    /// Nil where the bytes are no valid list: acl_valid(3) says what one is.
    package init?(attribute: [UInt8]) {
        self.attribute = attribute
        let body = attribute.count - Self.headByteCount
        guard body >= 0, body % Self.entryByteCount == 0, attribute.count <= Self.maxByteCount else { return nil }
        guard loaded(0, as: UInt32.self) == Self.version, isValid() else { return nil }
    }

    /// Nil where the entries, brought into order, are no valid list.
    package init?(_ entries: [Entry]) {
        let ordered = entries.sorted { ($0.tag.rawValue, $0.id) < ($1.tag.rawValue, $1.id) }
        var bytes: [UInt8] = []
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.version)
        for entry in ordered {
            guard entry.permissions <= 7 else { return nil }
            append(entry.tag.rawValue)
            append(UInt16(entry.permissions))
            append(entry.id)
        }
        self.init(attribute: bytes)
    }

    package var entries: [Entry] { (0..<count).map { entry($0) } }

    private var count: Int { (attribute.count - Self.headByteCount) / Self.entryByteCount }

    private func loaded<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: T.Type) -> T {
        attribute.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    /// The entry at `index` of a list that was found valid.
    private func entry(_ index: Int) -> Entry {
        let offset = Self.headByteCount + index * Self.entryByteCount
        guard let tag = Tag(rawValue: loaded(offset, as: UInt16.self)) else {
            preconditionFailure("the tags of a list are checked when it is made")
        }
        return Entry(tag, UInt32(loaded(offset + 2, as: UInt16.self)), id: loaded(offset + 4, as: UInt32.self))
    }

    /// One entry each for owner, owning group and others, and a mask where there are named ones (posix_acl_valid of
    /// Linux, which does not mind the order of ids).
    private func isValid() -> Bool {
        var seen: [UInt16: Int] = [:]
        var hasNamed = false
        var newest: UInt16 = 0
        for index in 0..<count {
            let offset = Self.headByteCount + index * Self.entryByteCount
            let raw = loaded(offset, as: UInt16.self)
            guard let tag = Tag(rawValue: raw), loaded(offset + 2, as: UInt16.self) <= 7, raw >= newest else {
                return false
            }
            newest = raw
            seen[raw, default: 0] += 1
            guard tag == .user || tag == .group else { continue }
            let id = loaded(offset + 4, as: UInt32.self)
            guard id != Self.noID else { return false }
            hasNamed = true
        }
        return seen[Tag.owner.rawValue] == 1 && seen[Tag.owningGroup.rawValue] == 1 && seen[Tag.other.rawValue] == 1
            && (seen[Tag.mask.rawValue] ?? 0) <= 1 && (!hasNamed || seen[Tag.mask.rawValue] == 1)
    }

    // MARK: Questions

    /// The nine bits of the mode that say what this list says of owner, group (or mask) and others.
    package var permissions: UInt32 {
        var owner: UInt32 = 0
        var group: UInt32 = 0
        var mask: UInt32?
        var other: UInt32 = 0
        for index in 0..<count {
            let entry = entry(index)
            switch entry.tag {
            case .owner: owner = entry.permissions
            case .owningGroup: group = entry.permissions
            case .mask: mask = entry.permissions
            case .other: other = entry.permissions
            case .user, .group: break
            }
        }
        return owner << 6 | (mask ?? group) << 3 | other
    }

    /// Whether the nine bits say all that the list says.
    package var isMinimal: Bool { count == 3 }

    /// The bound of what named entries and the owning group give; 7 where there is none.
    package var mask: UInt32 {
        for index in 0..<count where entry(index).tag == .mask { return entry(index).permissions }
        return 7
    }

    /// The access check of acl(5) for a process that is neither the file's owner nor privileged.
    func decide(
        _ mask: AccessMask, uid: UInt32, owningGroup gid: UInt32, isMember: (UInt32) -> Bool
    ) -> (isAllowed: Bool, side: PosixPermission.Side) {
        let bound = self.mask
        var isInGroup = false
        for index in 0..<count {
            let entry = entry(index)
            switch entry.tag {
            case .owner, .mask: break
            case .user:
                if entry.id == uid { return (mask.isWithin(entry.permissions & bound), .user(uid)) }
            case .owningGroup, .group:
                guard isMember(entry.tag == .group ? entry.id : gid) else { continue }
                isInGroup = true
                guard mask.isWithin(entry.permissions) else { continue }
                let side = entry.tag == .group ? PosixPermission.Side.group(entry.id) : .owningGroup
                return (mask.isWithin(bound), side)
            case .other:
                return isInGroup ? (false, .groups) : (mask.isWithin(entry.permissions), .other)
            }
        }
        return (false, .other)
    }

    // MARK: Changes

    private mutating func setPermissions(_ permissions: UInt32, at index: Int) {
        let offset = Self.headByteCount + index * Self.entryByteCount + 2
        attribute[offset] = UInt8(truncatingIfNeeded: permissions & 7)
        attribute[offset + 1] = 0
    }

    /// The entry that the group bits of the mode stand for: the mask where there is one (acl(5), CORRESPONDENCE).
    private var groupClass: Tag {
        (0..<count).contains { entry($0).tag == .mask } ? .mask : .owningGroup
    }

    /// Brings the list in line with a mode that chmod(2) sets.
    package mutating func setMode(_ mode: UInt32) {
        let groupClass = groupClass
        for index in 0..<count {
            let tag = entry(index).tag
            if tag == .owner { setPermissions(mode >> 6, at: index) }
            if tag == groupClass { setPermissions(mode >> 3, at: index) }
            if tag == .other { setPermissions(mode, at: index) }
        }
    }

    /// What a new file gets from its directory's default list: both the list and the mode are cut down to what both
    /// allow (acl(5), OBJECT CREATION). The list is nil where the mode says all of it.
    package func inherited(mode: inout UInt32) -> AccessControlList? {
        var list = self
        let groupClass = groupClass
        for index in 0..<count {
            let entry = entry(index)
            let shift: UInt32
            switch entry.tag {
            case .owner: shift = 6
            case .other: shift = 0
            case groupClass: shift = 3
            default: continue
            }
            let both = entry.permissions & (mode >> shift)
            list.setPermissions(both, at: index)
            mode = mode & ~(7 << shift) | both << shift
        }
        return isMinimal ? nil : list
    }
}
