internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

extension Volume {
    /// Records what the caller did to one file. When it returns, the record survives the end of this process.
    func record(
        _ activity: AuditActivity, caller: Caller, inode: InodeNumber, name: FileName? = nil,
        secondPath: [UInt8] = [], reason: String = "", byteCount: UInt64 = 0
    ) throws(FileSystemError) {
        let fileID = name == nil ? lock.withLock { names.nodes[inode]?.row.fileID } : nil
        try append(
            AuditEvent(
                activity: activity, status: .success, actor: actor(caller), fileID: fileID,
                path: path(of: inode, appending: name), secondPath: secondPath, reason: reason,
                byteCount: byteCount))
    }

    /// Records a change of an entry: the file by id, the place by its directory and name.
    func record(
        _ activity: AuditActivity, caller: Caller, file: FileID, in parent: InodeNumber, name: FileName,
        secondPath: [UInt8] = []
    ) throws(FileSystemError) {
        try append(
            AuditEvent(
                activity: activity, status: .success, actor: actor(caller), fileID: file,
                path: path(of: parent, appending: name), secondPath: secondPath))
    }

    func recordDenial(
        _ rule: String, caller: Caller, inode: InodeNumber, name: FileName? = nil
    ) throws(FileSystemError) {
        try append(
            AuditEvent(
                activity: .denied, status: .failure, actor: actor(caller),
                fileID: name == nil ? lock.withLock { names.nodes[inode]?.row.fileID } : nil,
                path: path(of: inode, appending: name), reason: rule))
    }

    /// Records what was found on storage. The finding is answered to the app with an error whatever the journal says.
    func recordFinding(_ activity: AuditActivity, inode: InodeNumber, fileID: FileID, reason: String) {
        let event = AuditEvent(
            activity: activity, status: activity == .recover ? .success : .failure,
            actor: AuditActor(uid: 0, loginUID: .max, pid: 0, person: "", program: ""), fileID: fileID,
            path: path(of: inode), reason: reason)
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
}
