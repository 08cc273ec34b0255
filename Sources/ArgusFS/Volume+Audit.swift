internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// What the kernel would go on believing after an error that was answered to a change that stands.
enum KernelBelief {
    case name(FileName, InodeNumber)
    case names(FileName, InodeNumber, FileName, InodeNumber)
    case attributes(InodeNumber)
}

extension Volume {
    /// Changes something and records it. Room for the record is taken first, so that a journal that is full refuses the
    /// operation, and not the record of what was done.
    ///
    /// `body` fills in what only the change can tell, which is of fixed size; where the event names no file then, nothing
    /// has happened. Where the journal's storage fails in
    /// between, the change stands, the app has an error, and the kernel is told to forget what `belief` names: it would
    /// otherwise go by the error.
    func recorded<R>(
        _ event: AuditEvent, using reservation: JournalReservation? = nil, correcting belief: KernelBelief,
        _ body: (inout AuditEvent) throws(FileSystemError) -> R
    ) throws(FileSystemError) -> R {
        let reservation = if let reservation { reservation } else { try reserve(event) }
        var event = event
        let result = try keeping(reservation) { () throws(FileSystemError) in try body(&event) }
        guard event.fileID != nil else {
            parts.journal.release(reservation)
            return result
        }
        do throws(JournalError) { try parts.journal.append(event, using: reservation) } catch {
            correct(belief)
            throw FileSystemError(error)
        }
        return result
    }

    /// What has to succeed for the room to be needed.
    func keeping<R>(
        _ room: JournalReservation, _ body: () throws(FileSystemError) -> R
    ) throws(FileSystemError) -> R {
        do throws(FileSystemError) { return try body() } catch {
            parts.journal.release(room)
            throw error
        }
    }

    func reserve(_ event: AuditEvent) throws(FileSystemError) -> JournalReservation {
        do throws(JournalError) { return try parts.journal.reserve(event) } catch { throw FileSystemError(error) }
    }

    func correct(_ belief: KernelBelief) {
        switch belief {
        case .name(let name, let parent): kernelCache?.invalidateEntry(name, in: parent)
        case .names(let name, let parent, let other, let otherParent):
            kernelCache?.invalidateEntry(name, in: parent)
            kernelCache?.invalidateEntry(other, in: otherParent)
        case .attributes(let inode): kernelCache?.invalidateContent(of: inode, range: nil)
        }
    }

    /// A change of an entry that is about to be made: the place by its directory and name. The file comes with the change.
    func event(
        _ activity: AuditActivity, caller: Caller, in parent: InodeNumber, name: FileName, reason: String
    ) -> AuditEvent {
        AuditEvent(
            activity: activity, status: .success, actor: actor(caller), place: place(of: name, in: parent),
            reason: reason)
    }

    /// A change of one file that is about to be made.
    func event(
        _ activity: AuditActivity, caller: Caller, inode: InodeNumber, reason: String, byteCount: UInt64 = 0
    ) -> AuditEvent {
        AuditEvent(
            activity: activity, status: .success, actor: actor(caller),
            fileID: lock.withLock { names.nodes[inode]?.row.fileID }, place: place(of: inode), reason: reason,
            byteCount: byteCount)
    }

    func recordDenial(
        _ rule: String, caller: Caller, inode: InodeNumber, name: FileName? = nil
    ) throws(FileSystemError) {
        try append(
            AuditEvent(
                activity: .denied, status: .failure, actor: actor(caller),
                fileID: name == nil ? lock.withLock { names.nodes[inode]?.row.fileID } : nil,
                place: name.map { place(of: $0, in: inode) } ?? place(of: inode), reason: rule))
    }

    /// Records what was found on storage. The finding is answered to the app with an error whatever the journal says.
    func recordFinding(_ activity: AuditActivity, inode: InodeNumber, fileID: FileID, reason: String) {
        var event = AuditEvent(
            activity: activity, status: activity == .recover ? .success : .failure,
            actor: AuditActor(uid: 0, person: "", process: .none), fileID: fileID, place: place(of: inode),
            reason: reason)
        event.capsule = Array(parts.keys.objectName(of: fileID).identifier.bytes)
        try? parts.journal.append(event)
    }

    /// Turns an error of a capsule into the app's, and records what is not authentic.
    func failure(_ error: CapsuleError, of inode: InodeNumber) -> FileSystemError {
        switch error {
        case .unauthentic, .noKey, .newerFormat, .crypto:
            if let fileID = noteBroken(inode) {
                recordFinding(.integrity, inode: inode, fileID: fileID, reason: error.text)
            }
        case .poisoned: _ = noteBroken(inode)
        default: break
        }
        return FileSystemError(error)
    }

    private func noteBroken(_ inode: InodeNumber) -> FileID? {
        lock.withLock {
            names.nodes[inode]?.isBroken = true
            return names.nodes[inode]?.row.fileID
        }
    }

    func append(_ event: AuditEvent) throws(FileSystemError) {
        do throws(JournalError) { try parts.journal.append(event) } catch { throw FileSystemError(error) }
    }

    func actor(_ caller: Caller) -> AuditActor {
        parts.people.actor(uid: caller.uid, gid: caller.gid, pid: caller.pid)
    }

    // MARK: Places

    /// Where an inode is, for a record: from what is in memory without putting anything together, as a rule.
    func place(of inode: InodeNumber) -> AuditPlace {
        if let known = knownPlace(of: inode) { return known }
        // Made without a name, or without one by now.
        if lock.withLock({ names.nodes[inode]?.isRemoved == true }) { return AuditPlace(Array("/?".utf8)) }
        return AuditPlace(path(of: inode))
    }

    func place(of name: FileName, in parent: InodeNumber) -> AuditPlace {
        let directory = lock.withLock { knownPath(ofDirectory: parent, depth: 0) }
        guard let directory else { return AuditPlace(path(of: parent, appending: name)) }
        return AuditPlace(directory: directory, name: name.bytes)
    }

    /// Nil where not all names are in memory, and for what has no name any more.
    func knownPlace(of inode: InodeNumber) -> AuditPlace? {
        lock.withLock {
            guard inode != .root else { return .top }
            guard let node = names.nodes[inode] else { return nil }
            guard let name = node.name,
                let directory = knownPath(ofDirectory: node.row.parent, depth: 0)
            else { return nil }
            return AuditPlace(directory: directory, name: name.bytes)
        }
    }

    /// Longer paths are put together each time: a deep tree would otherwise keep the square of its depth in memory.
    private static var cachedPathMaxBytes: Int { 4096 }
    /// Directories above one another that are looked at; deeper ones take the way over the index.
    private static var knownDepthMax: Int { 512 }

    /// The path of a directory without a `/` at its end, kept with its node until a directory moves (`pathEpoch`);
    /// under the namespace lock.
    private func knownPath(ofDirectory inode: InodeNumber, depth: Int) -> [UInt8]? {
        guard inode != .root else { return [] }
        guard depth < Self.knownDepthMax, let node = names.nodes[inode] else { return nil }
        if let path = node.path, node.pathEpoch == names.pathEpoch { return path }
        guard let name = node.name, let above = knownPath(ofDirectory: node.row.parent, depth: depth + 1) else {
            return nil
        }
        let path = above + [UInt8(ascii: "/")] + name.bytes
        node.path = path.count <= Self.cachedPathMaxBytes ? path : nil
        node.pathEpoch = names.pathEpoch
        return path
    }
}
