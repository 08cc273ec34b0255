internal import ArgusCore
internal import ArgusIndex

/// POSIX access control lists (acl(5)): kept as the extended attributes that they are to apps, inherited from a
/// directory's default list, and in step with the mode. On a shared mount the kernel decides by them, on a personal one
/// `posixAllows` does.
extension Volume {
    func isAccessControl(_ name: [UInt8]) -> Bool {
        name == AccessControlList.accessName || name == AccessControlList.defaultName
    }

    /// The list that decides about a node beside its mode; nil where the mode says it all.
    func accessList(of node: Node) throws(Missing) -> AccessControlList? {
        guard node.row.hasExtendedAttributes else { return nil }
        return list(AccessControlList.accessName, in: try extendedAttributes(of: node))
    }

    /// The list that a directory gives to what is made in it.
    func defaultList(of directory: Node) throws(Missing) -> AccessControlList? {
        guard directory.row.hasExtendedAttributes else { return nil }
        return list(AccessControlList.defaultName, in: try extendedAttributes(of: directory))
    }

    private func list(_ name: [UInt8], in attributes: [[UInt8]: [UInt8]]) -> AccessControlList? {
        // Only valid lists are stored; the index is authenticated.
        attributes[name].flatMap { AccessControlList(attribute: $0) }
    }

    /// Changing a list is for the owner, like changing the mode. On a shared mount the kernel has asked already.
    func requireOwner(of node: Node, by caller: Caller) throws(Missing) {
        guard case .personal = configuration.sharing else { return }
        guard caller.uid == 0 || caller.uid == node.row.attributes.uid else { throw .failed(.notPermitted) }
    }

    /// Takes a list from setxattr(2). An access list also sets the mode, and is not kept where the mode says it all: then
    /// it is a chmod(2), as cp(1) and rsync(1) do it that way to copy a mode.
    func setAccessControl(
        _ name: [UInt8], to value: [UInt8], of node: Node, clearsSetGID: Bool, by caller: Caller
    ) throws(Missing) {
        guard node.row.attributes.kind != .symlink else { throw .failed(.notSupported) }
        guard let list = AccessControlList(attribute: value) else { throw .failed(.invalidArgument) }
        guard name == AccessControlList.accessName else {
            guard node.isDirectory else { throw .failed(.accessDenied) }
            store(value, as: name, of: node)
            return
        }
        guard !isMadeFromMembers(node) else { return }
        let wanted = list.isMinimal ? opened(list.permissions, node.row.attributes.kind) : list.permissions
        var permissions = node.row.attributes.permissions & 0o7000 | wanted
        if clearsSetGID || losesSetGID(node, by: caller) { permissions &= ~0o2000 }
        node.row.attributes.permissions = permissions
        if list.isMinimal { drop(name, of: node) } else { store(value, as: name, of: node) }
    }

    /// Who changes the mode of a file whose group they are not in takes its set-gid bit away (chmod(2)). On a shared
    /// mount the kernel says so itself.
    private func losesSetGID(_ node: Node, by caller: Caller) -> Bool {
        guard case .personal = configuration.sharing, caller.uid != 0 else { return false }
        return !isMember(caller, of: node.row.attributes.gid)
    }

    /// After chmod(2) the access list, where there is one, says of owner, mask and others what the mode says. The
    /// attributes of the node are in memory.
    func bringAccessList(of node: Node, inLineWith permissions: UInt32) {
        guard let attributes = node.extendedAttributes, var list = list(AccessControlList.accessName, in: attributes)
        else { return }
        list.setMode(permissions)
        store(list.attribute, as: AccessControlList.accessName, of: node)
    }

    /// The lists and the mode of what is made in a directory.
    struct Inheritance {
        var permissions: UInt32
        var access: AccessControlList?
        var `default`: AccessControlList?
    }

    /// A default list takes the umask's place (acl(5), OBJECT CREATION). Symbolic links have neither.
    func inheritance(of seed: Seed, from directory: Node) throws(Missing) -> Inheritance {
        guard seed.kind != .symlink else { return Inheritance(permissions: seed.permissions) }
        guard let list = try defaultList(of: directory) else {
            return Inheritance(permissions: opened(seed.permissions & ~(seed.umask & 0o777), seed.kind))
        }
        var permissions = seed.permissions
        let access = list.inherited(mode: &permissions)
        return Inheritance(
            permissions: permissions, access: access, default: seed.kind == .directory ? list : nil)
    }

    func giveLists(_ inheritance: Inheritance, to node: Node) {
        if let list = inheritance.access { store(list.attribute, as: AccessControlList.accessName, of: node) }
        if let list = inheritance.default { store(list.attribute, as: AccessControlList.defaultName, of: node) }
    }
}
