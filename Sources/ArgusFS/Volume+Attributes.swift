package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// Changes attributes, as chmod(2), chown(2), truncate(2) and utimensat(2) have it.
    package func setAttributes(
        of inode: InodeNumber, to changes: AttributeChanges, caller: Caller
    ) throws(FileSystemError) -> FileAttributes {
        let rule = try requireRight(.write, of: caller, on: inode)
        if let handle = changes.handle { try requirePermitted(try handles.find(handle), .write) }
        guard !isReadOnly else { throw .readOnly }
        if let size = changes.size { try checkSize(size, of: inode, changes: changes, caller: caller) }
        return try make(changes, of: inode, caller: caller, event: event(of: changes, to: inode, rule, caller))
    }

    func event(
        of changes: AttributeChanges, to inode: InodeNumber, _ rule: String, _ caller: Caller
    ) -> AuditEvent {
        event(
            changes.size != nil ? .truncate : .setAttributes, caller: caller, inode: inode, reason: rule,
            byteCount: changes.size ?? 0)
    }

    /// Makes changes that are permitted, with their record.
    @discardableResult
    func make(
        _ changes: AttributeChanges, of inode: InodeNumber, caller: Caller, event: AuditEvent,
        using reservation: JournalReservation? = nil
    ) throws(FileSystemError) -> FileAttributes {
        try recorded(event, using: reservation, correcting: .attributes(inode)) { event throws(FileSystemError) in
            if let size = changes.size { try resize(inode, to: size) }
            return try change { () throws(Missing) -> FileAttributes in
                let node = try node(inode)
                try requireOwnership(of: node, for: changes, by: caller)
                if changes.accessed == nil && changes.modified == nil || changes.permissions != nil {
                    _ = try extendedAttributes(of: node)
                }
                apply(changes, to: node, by: caller)
                put(node)
                event.fileID = node.row.fileID
                return attributes(node)
            }
        }
    }

    private func checkSize(
        _ size: UInt64, of inode: InodeNumber, changes: AttributeChanges, caller: Caller
    ) throws(FileSystemError) {
        guard size <= Self.maxFileByteCount else { throw .fileTooLarge }
        try transact { () throws(Missing) in
            let node = try node(inode)
            switch node.row.attributes.kind {
            case .file: break
            case .directory: throw .failed(.isDirectory)
            default: throw .failed(.invalidArgument)
            }
            if changes.handle == nil { try require(.write, of: caller, on: node) }
        }
    }

    private func requireOwnership(
        of node: Node, for changes: AttributeChanges, by caller: Caller
    ) throws(Missing) {
        guard case .personal = configuration.sharing, caller.uid != 0 else { return }
        let attributes = node.row.attributes
        let owns = caller.uid == attributes.uid
        let refusal = Missing.denied(.notPermitted, rule: "posix:owner", caller: caller, inode: node.inode)
        if changes.permissions != nil && !owns { throw refusal }
        if let uid = changes.uid, !owns || uid != attributes.uid { throw refusal }
        if let gid = changes.gid, !owns || (gid != attributes.gid && !isMember(caller, of: gid)) { throw refusal }
        for change in [changes.accessed, changes.modified] where change != nil && !owns {
            // Setting the time of now needs no more than the right to write.
            guard change == .now else { throw refusal }
            try require(.write, of: caller, on: node)
        }
    }

    private func apply(_ changes: AttributeChanges, to node: Node, by caller: Caller) {
        let now = parts.clock.now()
        var attributes = node.row.attributes
        if var permissions = changes.permissions {
            permissions &= 0o7777
            if case .personal = configuration.sharing, caller.uid != 0, attributes.kind != .directory,
                !isMember(caller, of: changes.gid ?? attributes.gid)
            {
                permissions &= ~0o2000
            }
            permissions = self.permissions(permissions, of: node)
            attributes.permissions = permissions
            bringAccessList(of: node, inLineWith: permissions)
        }
        let changesOwner = changes.uid != nil || changes.gid != nil
        if let uid = changes.uid { attributes.uid = uid }
        if let gid = changes.gid { attributes.gid = gid }
        node.row.attributes = attributes
        if attributes.kind != .directory {
            // A request that changes nothing is chown(2) with -1 twice, or comes before a write: both take the bits.
            // Whoever neither owns the file nor could write to it has no business there.
            let mayClear = caller.uid == 0 || caller.uid == attributes.uid || attributes.permissions & 0o022 != 0
            let isOwnerChange = changesOwner || changes.isEmpty && mayClear
            if isOwnerChange || changes.killsSetID { clearSetID(of: node) }
            if isOwnerChange || changes.size != nil { dropCapabilities(of: node) }
        }
        if let accessed = changes.accessed { node.row.attributes.accessed = time(accessed, now) }
        if let modified = changes.modified {
            node.row.attributes.modified = time(modified, now)
        } else if changes.size != nil {
            node.row.attributes.modified = now
        }
        node.row.attributes.changed = changes.changed ?? now
    }

    private func time(_ change: TimeChange, _ now: Timestamp) -> Timestamp {
        switch change {
        case .now: now
        case .to(let time): time
        }
    }

    /// Clears the set-user-id bit, and the set-group-id bit where it is not a mark for mandatory locks (inode(7)).
    func clearSetID(of node: Node) {
        node.row.attributes.permissions &= ~0o4000
        if node.row.attributes.permissions & 0o0010 != 0 { node.row.attributes.permissions &= ~0o2000 }
    }

    /// A file that changes loses the capabilities its old content was given (capabilities(7)).
    func dropCapabilities(of node: Node) {
        drop(Self.capabilityName, of: node)
    }

    static let capabilityName = Array("security.capability".utf8)
}
