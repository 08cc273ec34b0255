internal import ArgusCapsule
package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem
internal import Synchronization

extension Volume {
    package func open(
        _ inode: InodeNumber, flags: OpenFlags, killsSetID: Bool, caller: Caller
    ) throws(FileSystemError) -> OpenResult {
        let version = permissions.policyVersion
        let rule = try requireRight(
            flags.writes || flags.contains(.truncate) ? .write : .read, of: caller, on: inode)
        let actor = actor(caller)
        let writes = flags.writes || flags.contains(.truncate)
        let isWithheld = try requireProgram(of: actor, caller: caller, on: inode, writes: writes)
        if isReadOnly, flags.writes || flags.contains(.truncate) { throw .readOnly }
        let opened = try transact { () throws(Missing) -> (file: FileID, content: FileContent, fills: Bool) in
            let node = try node(inode)
            switch node.row.attributes.kind {
            case .file: break
            case .directory: throw .failed(.isDirectory)
            case .symlink: throw .failed(.invalidArgument)
            default: throw .failed(.noSuchDevice)
            }
            var mask: AccessMask = []
            if flags.contains(.execute) {
                mask.insert(.execute)
            } else if flags.reads {
                mask.insert(.read)
            }
            if flags.writes || flags.contains(.truncate) { mask.insert(.write) }
            try require(mask, of: caller, on: node)
            let content = retainContent(of: node)
            return (node.row.fileID, content, !isWithheld && beginFilling(node, content, flags))
        }
        if !opened.fills { waitForFilling(of: opened.content) }
        defer { if opened.fills { opened.content.filling.unlock() } }
        if flags.contains(.truncate) {
            return try openEmptied(
                inode, opened.file, opened.content, flags: flags, killsSetID: killsSetID, rule: rule, caller: caller,
                actor: actor, version: version)
        }
        do throws(FileSystemError) {
            let ciphertext = isWithheld ? try self.ciphertext(of: inode, opened.content) : nil
            let result = try makeHandle(
                inode, opened.file, opened.content, flags: flags, activity: .open, rule: rule, caller: caller,
                actor: actor, version: version, ciphertext: ciphertext)
            if opened.fills { fillKernelCache(result.handle, version: version) }
            return result
        } catch {
            releaseContent(of: inode)
            throw error
        }
    }

    /// O_TRUNC: the file is emptied only when the open has its record and its handle, and the truncation room for its own.
    private func openEmptied(
        _ inode: InodeNumber, _ file: FileID, _ content: FileContent, flags: OpenFlags, killsSetID: Bool, rule: String,
        caller: Caller, actor: AuditActor, version: UInt64
    ) throws(FileSystemError) -> OpenResult {
        let changes = AttributeChanges(size: 0, killsSetID: killsSetID)
        let truncation = event(of: changes, to: inode, rule, caller)
        let result: OpenResult
        let room: JournalReservation
        do throws(FileSystemError) {
            room = try reserve(truncation)
            do throws(FileSystemError) {
                result = try makeHandle(
                    inode, file, content, flags: flags, activity: .open, rule: rule, caller: caller, actor: actor,
                    version: version)
            } catch {
                parts.journal.release(room)
                throw error
            }
        } catch {
            releaseContent(of: inode)
            throw error
        }
        do throws(FileSystemError) {
            try make(changes, of: inode, caller: caller, event: truncation, using: room)
        } catch {
            // It was open, and is closed again.
            release(result.handle)
            throw error
        }
        return result
    }

    /// Makes and opens a file; one that exists is opened, unless the flags want it new.
    package func create(
        _ name: FileName, in parent: InodeNumber, permissions mode: UInt32, umask: UInt32 = 0, flags: OpenFlags,
        caller: Caller
    ) throws(FileSystemError) -> (attributes: FileAttributes, open: OpenResult) {
        let version = permissions.policyVersion
        let rule = try requireRight(.write, of: caller, on: parent, name: name)
        let actor = actor(caller)
        _ = try requireProgram(of: actor, caller: caller, on: parent, writes: true)
        let room = try reserve(AuditEvent(creation: place(of: name, in: parent), actor: actor, rule: rule))
        let made = try keeping(room) { () throws(FileSystemError) in
            try change { () throws(Missing) -> (Node?, FileAttributes, FileID, FileContent?) in
                let directory = try directory(parent)
                if let existing = try child(name, of: directory) {
                    guard !flags.contains(.exclusive) else { throw .failed(.exists) }
                    return (nil, attributes(existing), existing.row.fileID, nil)
                }
                try requireChange(of: directory, by: caller)
                try requireLeases()
                let seed = Seed(kind: .file, permissions: mode & 0o7777, umask: umask)
                let node = try makeNode(seed, name: name, in: directory, caller: caller)
                let content = retainContent(of: node)
                return (node, attributes(node), node.row.fileID, content)
            }
        }
        guard made.0 != nil, let content = made.3 else {
            parts.journal.release(room)
            let result = try open(made.1.inode, flags: flags, killsSetID: false, caller: caller)
            return (try attributes(of: made.1.inode, handle: nil, caller: caller), result)
        }
        do throws(FileSystemError) {
            let result = try makeHandle(
                made.1.inode, made.2, content, flags: flags, activity: .create, rule: rule, caller: caller,
                actor: actor, version: version, room: room)
            return (made.1, result)
        } catch {
            // It is there, though nobody has it open.
            correct(.name(name, parent))
            releaseContent(of: made.1.inode)
            throw error
        }
    }

    /// Makes and opens a file without a name (O_TMPFILE), which is gone when it is closed unless `link` gives it one.
    package func makeTemporary(
        in parent: InodeNumber, permissions mode: UInt32, umask: UInt32 = 0, flags: OpenFlags, caller: Caller
    ) throws(FileSystemError) -> (attributes: FileAttributes, open: OpenResult) {
        let version = permissions.policyVersion
        let rule = try requireRight(.write, of: caller, on: parent)
        let actor = actor(caller)
        _ = try requireProgram(of: actor, caller: caller, on: parent, writes: true)
        let room = try reserve(AuditEvent(creation: AuditPlace(), actor: actor, rule: rule))
        let made = try keeping(room) { () throws(FileSystemError) in
            try change { () throws(Missing) -> (FileAttributes, FileID, FileContent) in
                let directory = try directory(parent)
                try requireChange(of: directory, by: caller)
                try requireLeases()
                let seed = Seed(kind: .file, permissions: mode & 0o7777, umask: umask)
                let inheritance = try inheritance(of: seed, from: directory)
                let node = makeInode(seed, inheritance, in: directory, caller: caller, now: parts.clock.now())
                node.row.attributes.linkCount = 0
                node.row.parent = InodeNumber(0)
                node.isRemoved = true
                node.isUnnamed = true
                giveLists(inheritance, to: node)
                names.queue.put(node)
                return (attributes(node), node.row.fileID, retainContent(of: node))
            }
        }
        do throws(FileSystemError) {
            let result = try makeHandle(
                made.0.inode, made.1, made.2, flags: flags, activity: .create, rule: rule, caller: caller,
                actor: actor, version: version, room: room)
            return (made.0, result)
        } catch {
            releaseContent(of: made.0.inode)
            throw error
        }
    }

    private func makeHandle(
        _ inode: InodeNumber, _ fileID: FileID, _ content: FileContent, flags: OpenFlags, activity: AuditActivity,
        rule: String, caller: Caller, actor: AuditActor, version: UInt64, ciphertext: Ciphertext? = nil,
        room: JournalReservation? = nil
    ) throws(FileSystemError) -> OpenResult {
        let place = place(of: inode)
        var event = AuditEvent(
            activity: activity, status: .success, actor: actor, fileID: fileID, place: place,
            reason: ciphertext == nil ? rule : "ciphertext")
        event.access = AuditAccess(flags)
        if let room {
            do throws(JournalError) { try parts.journal.append(event, using: room) } catch {
                throw FileSystemError(error)
            }
        } else {
            try append(event)
        }
        let handle = Handle(
            id: handles.nextID(), inode: inode, fileID: fileID, flags: flags, actor: actor, place: place,
            caller: caller, content: content, policyVersion: version, ciphertext: ciphertext)
        handles.insert(handle)
        revocation.noteOpen()
        if flags.reads { noteRead(by: actor.pid, of: inode, size: content.size) }
        // Ciphertext must not come into the pages that others read; and while somebody was cut off from the file, its
        // pages must not be there for them.
        let usesDirectIO = ciphertext != nil || content.hasCutHandles
        // With strictatime the first read after each open must come here, or its time is not seen.
        let keepsCache = !usesDirectIO && !(configuration.accessTimes == .strict && flags.reads)
        return OpenResult(
            handle: handle.id, keepsCache: keepsCache, usesDirectIO: usesDirectIO,
            needsFlush: flags.writes && !hasReserve.load(ordering: .relaxed), cachesListing: false)
    }

    /// The capsule of a file as it lies on storage, with everything written so far in it; nil for a file without content.
    private func ciphertext(of inode: InodeNumber, _ content: FileContent) throws(FileSystemError) -> Ciphertext {
        if !configuration.isReadOnly { try writeOut(inode, content) }
        guard let name = lock.withLock({ names.nodes[inode]?.row.fileID }).map({ parts.keys.objectName(of: $0) }) else {
            throw .stale
        }
        do throws(StoreError) {
            return Ciphertext(object: try parts.store.open(name, writable: false))
        } catch {
            if error == .missing { return Ciphertext(object: nil) }
            throw FileSystemError(error)
        }
    }

    package func flush(_ handle: HandleID, caller: Caller) throws(FileSystemError) {
        let handle = try handles.find(handle)
        guard handle.flags.writes, !hasReserve.load(ordering: .relaxed), let content = handle.content else { return }
        try writeOut(handle.inode, content)
    }

    package func release(_ handle: HandleID) {
        guard let handle = handles.remove(handle) else { return }
        finish(handle)
    }

    /// Ends a handle: its record, and what the last one leaves to do.
    func finish(_ handle: Handle) {
        guard let content = handle.content else { return }
        // From here on nobody cuts it off: who was cut off before is counted.
        if handle.standing.exchange(.closed, ordering: .acquiringAndReleasing) != .permitted {
            content.cutHandleCount.wrappingSubtract(1, ordering: .relaxed)
            revocation.cutHandleCount.wrappingSubtract(1, ordering: .releasing)
        }
        if handle.flags.writes { recordInferredCopy(to: handle, content) }
        let written = handle.bytesWritten.load(ordering: .relaxed)
        var event = AuditEvent(
            activity: .close, status: .success, actor: handle.actor, fileID: handle.fileID,
            // A file that was unlinked meanwhile was last seen where it was opened.
            place: knownPlace(of: handle.inode) ?? handle.place,
            byteCount: handle.bytesRead.load(ordering: .relaxed) + written)
        event.writtenByteCount = written
        event.fileSize = content.size
        // The open reserved this record's room; a journal that failed since then says so itself.
        try? parts.journal.append(event)
        releaseContent(of: handle.inode)
    }

    // MARK: Contents in use

    /// The content of a file, kept until `releaseContent`; under the namespace lock.
    func retainContent(of node: Node) -> FileContent {
        node.openCount += 1
        if let content = node.content { return content }
        let content = FileContent(inode: node.inode, size: node.row.attributes.size, pool: pool)
        node.content = content
        return content
    }

    func releaseContent(of inode: InodeNumber) {
        lock.withLock {
            guard let node = names.nodes[inode] else { return }
            node.openCount -= 1
            guard node.openCount == 0, let content = node.content else { return }
            if node.isRemoved {
                removeRow(of: node)
                sealQueue()
            } else if !configuration.isReadOnly,
                content.isUnsettled || node.newestCommit != nil || node.row.capsule?.isDirty == true
            {
                // Also where the writer has the data in hand, neither waiting nor noted as stored: the row is dirty then,
                // and without this content nobody would know of the commit to come.
                noteClosed(inode)
            } else {
                settle(node)
            }
        }
    }

    /// Nobody has the file open and all of it is written: its row gets its last state; under the namespace lock.
    func settle(_ node: Node) {
        if let newest = node.newestCommit, names.unsynced[node.inode] == nil, !configuration.isReadOnly {
            node.row.capsule = CapsuleState(durable: newest, isDirty: false)
            node.newestCommit = nil
            node.hasUnqueuedTimes = true
        }
        // Whatever put the row into the queue last, it may have grown since.
        if let content = node.content, content.size != node.row.attributes.size { node.hasUnqueuedTimes = true }
        if node.hasUnqueuedTimes && !configuration.isReadOnly {
            put(node)
            sealQueue()
        }
        node.hasUnqueuedTimes = false
        node.content = nil
    }
}

extension AuditEvent {
    /// A file that is about to be made and opened.
    fileprivate init(creation place: AuditPlace, actor: AuditActor, rule: String) {
        self.init(activity: .create, status: .success, actor: actor, place: place, reason: rule)
    }
}

extension AuditAccess {
    init(_ flags: OpenFlags) {
        self = []
        if flags.contains(.execute) {
            insert(.execute)
        } else if flags.reads {
            insert(.read)
        }
        if flags.writes { insert(.write) }
        if flags.contains(.truncate) { insert(.truncate) }
    }
}
