package import ArgusCore
internal import ArgusIndex
internal import ArgusSystem
internal import Synchronization

/// POSIX permission in a folder that is shared with persons or groups (docs/design/permission.md).
///
/// The list of the top directory is made from the members and kept in step with them: who is in it comes in, nobody else
/// gets past it. Below it the folder's rules alone tell members apart: group and others may read and write every file,
/// whatever umask or temporary file it came from, so that a member's right is also a POSIX right.
extension Volume {
    /// Takes the list of a folder that is shared with persons or groups; nil for any other, where modes are exact.
    package func adoptMembers(_ list: AccessControlList?) throws(FileSystemError) {
        opensModes.store(list != nil, ordering: .relaxed)
        guard let list, !configuration.isReadOnly else { return }
        let changed = try change { () throws(Missing) -> Bool in
            let root = try node(.root)
            let permissions = root.row.attributes.permissions | 0o2000
            let wanted = permissions & 0o7000 | list.permissions
            let known = try extendedAttributes(of: root)[AccessControlList.accessName]
            guard known != list.attribute || root.row.attributes.permissions != wanted else { return false }
            store(list.attribute, as: AccessControlList.accessName, of: root)
            root.row.attributes.permissions = wanted
            root.row.attributes.changed = parts.clock.now()
            put(root)
            return true
        }
        // Attributes and lists alone: the kernel asks again.
        if changed { kernelCache?.invalidateContent(of: .root, range: 0..<0) }
    }

    /// The permission bits that a file gets where `wanted` is asked for.
    func opened(_ wanted: UInt32, _ kind: FileKind) -> UInt32 {
        opensModes.load(ordering: .relaxed) ? Self.opened(wanted, kind) : wanted
    }

    /// The same in a folder that is shared with persons or groups.
    package static func opened(_ wanted: UInt32, _ kind: FileKind) -> UInt32 {
        guard kind != .symlink else { return wanted }
        let isSearchable = kind == .directory || wanted & 0o100 != 0
        return wanted | (isSearchable ? 0o077 : 0o066)
    }

    /// Whether mode and access list are made from the members, and stay so whatever is copied onto them: those of the top
    /// directory.
    func isMadeFromMembers(_ node: Node) -> Bool {
        node.inode == .root && opensModes.load(ordering: .relaxed)
    }

    /// The mode that chmod(2) brings about. The attributes of the node are in memory.
    func permissions(_ wanted: UInt32, of node: Node) -> UInt32 {
        let attributes = node.row.attributes
        if isMadeFromMembers(node) { return wanted & 0o7000 | 0o2000 | attributes.permissions & 0o777 }
        // Whoever has set a list of their own means what they say.
        if node.extendedAttributes?[AccessControlList.accessName] != nil { return wanted }
        return opened(wanted, attributes.kind)
    }
}
