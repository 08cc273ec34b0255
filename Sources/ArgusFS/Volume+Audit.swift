internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// Records what the caller did to one file. When it returns, the record survives the end of this process.
    func record(
        _ activity: AuditActivity, caller: Caller, inode: InodeNumber, reason: String = "", byteCount: UInt64 = 0
    ) throws(FileSystemError) {
        let fileID = lock.withLock { names.nodes[inode]?.row.fileID }
        try append(
            AuditEvent(
                activity: activity, status: .success, actor: actor(caller), fileID: fileID, place: place(of: inode),
                reason: reason, byteCount: byteCount))
    }

    /// Records a change of an entry: the file by id, the place by its directory and name.
    func record(
        _ activity: AuditActivity, caller: Caller, file: FileID, in parent: InodeNumber, name: FileName,
        reason: String = ""
    ) throws(FileSystemError) {
        try append(
            AuditEvent(
                activity: activity, status: .success, actor: actor(caller), fileID: file,
                place: place(of: name, in: parent), reason: reason))
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
        let event = AuditEvent(
            activity: activity, status: activity == .recover ? .success : .failure,
            actor: AuditActor(uid: 0, person: "", process: .none), fileID: fileID, place: place(of: inode),
            reason: reason)
        try? parts.journal.append(event)
    }

    /// Turns an error of a capsule into the app's, and records what is not authentic.
    func failure(_ error: CapsuleError, of inode: InodeNumber) -> FileSystemError {
        switch error {
        case .unauthentic, .noKey, .newerFormat, .crypto:
            if let fileID = noteBroken(inode) {
                recordFinding(.integrity, inode: inode, fileID: fileID, reason: "\(error)")
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
