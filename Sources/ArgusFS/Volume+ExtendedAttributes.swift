internal import ArgusCapsule
package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusStore
internal import ArgusSystem

extension Volume {
    /// Bytes of a value that XATTR_SIZE_MAX of linux/limits.h allows.
    private static let maxValueByteCount = 65_536
    /// Bytes of all names of one file, as the kernel's list holds them (XATTR_LIST_MAX).
    private static let maxListByteCount = 65_536
    private static let driverPrefix = Array("user.argus.".utf8)

    package func setAttribute(
        _ inode: InodeNumber, name: [UInt8], value: UnsafeRawBufferPointer, flags: XattrFlags, clearsSetGID: Bool,
        caller: Caller
    ) throws(FileSystemError) {
        try checkName(name, caller: caller, changes: true)
        guard value.count <= Self.maxValueByteCount else { throw .argumentTooLong }
        let bytes = [UInt8](value)
        try changeAttribute(name, of: inode, caller: caller) { node throws(Missing) in
            let attributes = try extendedAttributes(of: node)
            if flags.contains(.create), attributes[name] != nil { throw .failed(.exists) }
            if flags.contains(.replace), attributes[name] == nil { throw .failed(.noAttribute) }
            let listed =
                attributes.keys.reduce(0) { $0 + $1.count + 1 } + (attributes[name] == nil ? name.count + 1 : 0)
            guard listed <= Self.maxListByteCount else { throw .failed(.noSpace) }
            if isAccessControl(name) {
                try setAccessControl(name, to: bytes, of: node, clearsSetGID: clearsSetGID, by: caller)
            } else {
                guard attributes[name] != bytes else { return false }
                store(bytes, as: name, of: node)
            }
            return true
        }
    }

    package func removeAttribute(_ inode: InodeNumber, name: [UInt8], caller: Caller) throws(FileSystemError) {
        try checkName(name, caller: caller, changes: true)
        try changeAttribute(name, of: inode, caller: caller) { node throws(Missing) in
            guard try extendedAttributes(of: node)[name] != nil else {
                // A list that is not there says what the mode says (acl(5)).
                if isAccessControl(name) { return false }
                throw .failed(.noAttribute)
            }
            if name == AccessControlList.accessName, isMadeFromMembers(node) { return false }
            drop(name, of: node)
            return true
        }
    }

    /// Changes one attribute of a file, with its record. `body` says whether anything is to change.
    private func changeAttribute(
        _ name: [UInt8], of inode: InodeNumber, caller: Caller, _ body: (Node) throws(Missing) -> Bool
    ) throws(FileSystemError) {
        let rule = try requireRight(.write, of: caller, on: inode)
        let event = event(.setAttributes, caller: caller, inode: inode, reason: rule)
        try recorded(event, correcting: .attributes(inode)) { event throws(FileSystemError) in
            try change { () throws(Missing) in
                let node = try node(inode)
                event.fileID = node.row.fileID
                try requireAttributeChange(name, of: node, by: caller)
                guard try body(node) else { return }
                node.row.attributes.changed = parts.clock.now()
                put(node)
            }
        }
    }

    package func attribute(_ inode: InodeNumber, name: [UInt8], caller: Caller) throws(FileSystemError) -> [UInt8] {
        if name.starts(with: Self.driverPrefix) { return try driverAttribute(name, of: inode, caller: caller) }
        try checkName(name, caller: caller, changes: false)
        let value = try transact { () throws(Missing) -> [UInt8]? in
            let node = try node(inode)
            if name.starts(with: Array("user.".utf8)) { try require(.read, of: caller, on: node) }
            guard !isBarePrefix(name) else { throw .failed(.invalidArgument) }
            guard node.row.hasExtendedAttributes else { return nil }
            return try extendedAttributes(of: node)[name]
        }
        guard let value else { throw .noAttribute }
        // The kernel keeps access control lists for all users of a mount: the answer must not depend on who asks.
        if !isAccessControl(name) { try requireRight(.list, of: caller, on: inode) }
        return value
    }

    package func attributeNames(_ inode: InodeNumber, caller: Caller) throws(FileSystemError) -> [[UInt8]] {
        let trusted = Array("trusted.".utf8)
        return try transact { () throws(Missing) -> [[UInt8]] in
            let node = try node(inode)
            guard node.row.hasExtendedAttributes else { return [] }
            let all = try extendedAttributes(of: node).keys
            return all.filter { caller.uid == 0 || !$0.starts(with: trusted) }.sorted {
                $0.lexicographicallyPrecedes($1)
            }
        }
    }

    /// All extended attributes of a node; loaded first where they are not in memory.
    func extendedAttributes(of node: Node) throws(Missing) -> [[UInt8]: [UInt8]] {
        if let known = node.extendedAttributes { return known }
        guard node.row.hasExtendedAttributes else {
            node.extendedAttributes = [:]
            return [:]
        }
        throw .extendedAttributes(node.inode)
    }

    /// Sets an attribute of a node whose attributes are in memory; the caller puts the node afterwards.
    func store(_ value: [UInt8], as name: [UInt8], of node: Node) {
        node.extendedAttributes?[name] = value
        node.row.hasExtendedAttributes = true
        names.queue.add(.putAttribute(inode: node.inode, name: name, value: value))
    }

    /// Removes an attribute, where there is one, of a node whose attributes are in memory.
    func drop(_ name: [UInt8], of node: Node) {
        guard node.extendedAttributes?.removeValue(forKey: name) != nil else { return }
        node.row.hasExtendedAttributes = node.extendedAttributes?.isEmpty == false
        names.queue.add(.removeAttribute(inode: node.inode, name: name))
    }

    /// The namespaces of xattr(7) that this filesystem has.
    private func checkName(_ name: [UInt8], caller: Caller, changes: Bool) throws(FileSystemError) {
        guard name.count <= FileName.maxByteCount else { throw .bufferTooSmall }
        if name.starts(with: Self.driverPrefix) { throw .notPermitted }
        if isAccessControl(name) { return }
        let (user, security, trusted) = (Array("user.".utf8), Array("security.".utf8), Array("trusted.".utf8))
        if name.starts(with: user) || name.starts(with: security) { return }
        if name.starts(with: trusted) {
            guard caller.uid == 0 else { throw changes ? .notPermitted : .noAttribute }
            return
        }
        throw .notSupported
    }

    private func requireAttributeChange(_ name: [UInt8], of node: Node, by caller: Caller) throws(Missing) {
        if isAccessControl(name) { return try requireOwner(of: node, by: caller) }
        if name.starts(with: Array("user.".utf8)) {
            guard node.row.attributes.kind == .file || node.isDirectory else { throw .failed(.notPermitted) }
            try require(.write, of: caller, on: node)
        }
        guard !isBarePrefix(name) else { throw .failed(.invalidArgument) }
    }

    /// A namespace without a name in it.
    private func isBarePrefix(_ name: [UInt8]) -> Bool {
        name.last == UInt8(ascii: ".") && ["user.", "trusted.", "security."].contains { name == Array($0.utf8) }
    }

    /// What the driver tells about a file, as Ceph's virtual attributes do: answered, never listed.
    private func driverAttribute(
        _ name: [UInt8], of inode: InodeNumber, caller: Caller
    ) throws(FileSystemError) -> [UInt8] {
        if inode == .root, let value = configuration.driverAttributes[name] { return value }
        try requireRight(.list, of: caller, on: inode)
        let row = try transact { () throws(Missing) in try node(inode).row }
        let value: String?
        switch String(decoding: name.dropFirst(Self.driverPrefix.count), as: UTF8.self) {
        case "file-id": value = row.fileID.hex
        case "folder": value = parts.folder.hex
        case "protection": value = parts.policy.policy.protection.rawValue
        case "key-version": value = row.capsule.map { String($0.keyGeneration) }
        case "capsule": value = row.capsule.map { _ in parts.keys.objectName(of: row.fileID).hex }
        case "storage":
            value = row.capsule.map { _ in parts.store.location(of: parts.keys.objectName(of: row.fileID)) }
        default: value = nil
        }
        guard let value else { throw .noAttribute }
        return Array(value.utf8)
    }
}
