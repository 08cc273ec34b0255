internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusStore

/// What a check with `--repair` brings in order.
extension FolderCheck {
    /// Takes over what the capsule has: the newest commit that verifies becomes the row's, and the row is clean.
    func settle(_ row: InodeRow, _ expectation: OpenExpectation, _ index: SQLiteIndex) throws(RealmError) {
        guard let state = row.capsule else { return }
        let identity = CapsuleIdentity(folder: folder.id, file: row.fileID)
        let settled: (commit: CommitInfo, modified: Timestamp)
        do throws(CapsuleError) {
            let object: any BackingObject
            do throws(StoreError) {
                object = try folder.store.open(folder.keys.objectName(of: row.fileID), writable: true)
            } catch {
                throw .store(error)
            }
            let capsule = try Capsule.open(
                object, identity: identity, keys: folder.keys, expecting: expectation, writable: true
            ).capsule
            _ = try capsule.finish()
            settled = (try capsule.sync(), capsule.times.modified)
        } catch {
            throw RealmError(content: error)
        }
        var changed = row
        changed.capsule = CapsuleState(settled.commit)
        changed.attributes.size = settled.commit.size
        if settled.commit.commit != state.durableCommit { changed.attributes.modified = settled.modified }
        guard changed != row else { return }
        try indexCall { () throws(IndexError) in try index.apply([.putInode(changed)]) }
    }

    /// Makes a file empty whose capsule never became durable.
    func clear(_ row: InodeRow, _ index: SQLiteIndex) throws(RealmError) {
        var changed = row
        changed.capsule = nil
        changed.attributes.size = 0
        changed.attributes.blocks = 0
        try indexCall { () throws(IndexError) in
            try index.apply([.putInode(changed)])
            // The row goes first: a capsule without a row is an orphan, a row without its capsule is a loss.
            try index.commit(.durable)
        }
        try remove(folder.keys.objectName(of: row.fileID))
    }

    func removeGarbage(_ file: FileID, _ name: ObjectName, _ index: SQLiteIndex) throws(RealmError) {
        try remove(name)
        try indexCall { () throws(IndexError) in try index.apply([.removeGarbage(file)]) }
    }

    private func remove(_ name: ObjectName) throws(RealmError) {
        do throws(StoreError) { try folder.store.remove(name) } catch .missing {
            return
        } catch {
            throw RealmError(storage: error)
        }
    }
}

extension CapsuleState {
    /// A capsule at rest, whose last commit is durable.
    init(_ commit: CommitInfo) {
        self.init(
            durableCommit: commit.commit, rootTag: Identifier(high: commit.rootTag.high, low: commit.rootTag.low),
            isDirty: false, keyGeneration: commit.keyGeneration)
    }
}

extension RealmError {
    /// A failure of a file's capsule in an operation on the whole folder.
    init(content error: CapsuleError) {
        switch error {
        case .store(let cause): self.init(storage: cause)
        default:
            self.init(
                .failed, "a file's capsule cannot be used (\(error.text)); `argusfs check` tells which and what to do")
        }
    }
}
