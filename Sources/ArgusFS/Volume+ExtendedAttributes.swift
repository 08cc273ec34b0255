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
        try requireRight(.write, of: caller, on: inode)
        let bytes = [UInt8](value)
        try change { () throws(Missing) in
            let node = try node(inode)
            try requireAttributeChange(name, of: node, by: caller)
            var attributes = try extendedAttributes(of: node)
            if flags.contains(.create), attributes[name] != nil { throw .failed(.exists) }
            if flags.contains(.replace), attributes[name] == nil { throw .failed(.noAttribute) }
            attributes[name] = bytes
            let listed = attributes.keys.reduce(0) { $0 + $1.count + 1 }
            guard listed <= Self.maxListByteCount else { throw .failed(.noSpace) }
            node.extendedAttributes = attributes
            node.row.hasExtendedAttributes = true
            if clearsSetGID { node.row.attributes.permissions &= ~0o2000 }
            node.row.attributes.changed = parts.clock.now()
            names.queue.add(.putAttribute(inode: inode, name: name, value: bytes))
            put(node)
        }
        try record(.setAttributes, caller: caller, inode: inode)
    }

    package func removeAttribute(_ inode: InodeNumber, name: [UInt8], caller: Caller) throws(FileSystemError) {
        try checkName(name, caller: caller, changes: true)
        try requireRight(.write, of: caller, on: inode)
        try change { () throws(Missing) in
            let node = try node(inode)
            try requireAttributeChange(name, of: node, by: caller)
            var attributes = try extendedAttributes(of: node)
            guard attributes.removeValue(forKey: name) != nil else { throw .failed(.noAttribute) }
            node.extendedAttributes = attributes
            node.row.hasExtendedAttributes = !attributes.isEmpty
            node.row.attributes.changed = parts.clock.now()
            names.queue.add(.removeAttribute(inode: inode, name: name))
            put(node)
        }
        try record(.setAttributes, caller: caller, inode: inode)
    }

    package func attribute(_ inode: InodeNumber, name: [UInt8], caller: Caller) throws(FileSystemError) -> [UInt8] {
        if name.starts(with: Self.driverPrefix) { return try driverAttribute(name, of: inode, caller: caller) }
        try checkName(name, caller: caller, changes: false)
        let value = try transact { () throws(Missing) -> [UInt8]? in
            let node = try node(inode)
            guard node.row.hasExtendedAttributes else { return nil }
            if name.starts(with: Array("user.".utf8)) { try require(.read, of: caller, on: node) }
            return try extendedAttributes(of: node)[name]
        }
        guard let value else { throw .noAttribute }
        try requireRight(.list, of: caller, on: inode)
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

    private func extendedAttributes(of node: Node) throws(Missing) -> [[UInt8]: [UInt8]] {
        if let known = node.extendedAttributes { return known }
        guard node.row.hasExtendedAttributes else { return [:] }
        throw .extendedAttributes(node.inode)
    }

    /// The namespaces of xattr(7) that this filesystem has. POSIX ACLs are not among them.
    private func checkName(_ name: [UInt8], caller: Caller, changes: Bool) throws(FileSystemError) {
        guard name.count <= FileName.maxByteCount else { throw .bufferTooSmall }
        if name.starts(with: Self.driverPrefix) { throw .notPermitted }
        if name.starts(with: Array("user.".utf8)) || name.starts(with: Array("security.".utf8)) { return }
        if name.starts(with: Array("trusted.".utf8)) {
            guard caller.uid == 0 else { throw changes ? .notPermitted : .noAttribute }
            return
        }
        throw .notSupported
    }

    private func requireAttributeChange(_ name: [UInt8], of node: Node, by caller: Caller) throws(Missing) {
        guard name.starts(with: Array("user.".utf8)) else { return }
        guard node.row.attributes.kind == .file || node.isDirectory else { throw .failed(.notPermitted) }
        try require(.write, of: caller, on: node)
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
