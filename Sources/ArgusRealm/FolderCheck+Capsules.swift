internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusStore

/// Each capsule against its row.
extension FolderCheck {
    private typealias Verified = Result<[CapsuleFinding], CapsuleError>

    func examineCapsules(_ index: SQLiteIndex) throws(RealmError) {
        progress.phase = .capsules
        progress.totalFiles = try indexCall { () throws(IndexError) in try index.inodeCount() }
        let mayLag = try indexCall { () throws(IndexError) in
            let lags = try index.meta(.mayLag)
            let mounted = try index.meta(.mounted)
            return lags == [1] || mounted == [1]
        }
        var next = InodeNumber(0)
        while true {
            var rows: [InodeRow] = []
            try indexCall { () throws(IndexError) in
                try index.forEachInode(from: next) { row in
                    rows.append(row)
                    return rows.count < Self.sliceCount
                }
            }
            guard let last = rows.last else { return }
            next = InodeNumber(last.attributes.inode.rawValue + 1)
            for row in rows {
                if let volume = folder.volume {
                    try examine(row, inUseBy: volume, index)
                } else if row.capsule != nil {
                    try examine(row, index: index, mayLag: mayLag)
                }
                progress.doneFiles += 1
                try tellProgress()
            }
        }
    }

    // MARK: At rest

    private func examine(_ row: InodeRow, index: SQLiteIndex, mayLag: Bool) throws(RealmError) {
        guard let state = row.capsule else { return }
        let name = folder.keys.objectName(of: row.fileID)
        known.insert(name)
        let expectation = OpenExpectation(state, mayLag: mayLag)
        switch verify(row.fileID, expectation) {
        // Never synced before the unclean end: an empty file, as after any crash.
        case .success(let found) where state.durableCommit == 0 && !found.isEmpty && isTorn(name, row.fileID):
            if repairs { try clear(row, index) }
        case .success(let found):
            for finding in found { try add(.unauthentic(finding), row, index) }
            if repairs, found.isEmpty, state.isDirty || mayLag { try settle(row, expectation, index) }
        case .failure(let error) where state.durableCommit == 0 && error.isTorn:
            if repairs { try clear(row, index) }
        case .failure(let error): try add(error, row, index)
        }
    }

    /// Whether the capsule holds no commit that can be taken.
    private func isTorn(_ name: ObjectName, _ file: FileID) -> Bool {
        guard let object = try? folder.store.open(name, writable: false) else { return false }
        do throws(CapsuleError) {
            _ = try Capsule.open(
                object, identity: CapsuleIdentity(folder: folder.id, file: file), keys: folder.keys,
                expecting: .any, writable: false)
            return false
        } catch {
            return error.isTorn
        }
    }

    private func verify(_ file: FileID, _ expectation: OpenExpectation) -> Verified {
        do throws(CapsuleError) {
            let object: any BackingObject
            do throws(StoreError) {
                object = try folder.store.open(folder.keys.objectName(of: file), writable: false)
            } catch {
                throw .store(error)
            }
            return .success(
                try verify(object, CapsuleIdentity(folder: folder.id, file: file), expecting: expectation))
        } catch {
            return .failure(error)
        }
    }

    private func add(_ error: CapsuleError, _ row: InodeRow, _ index: SQLiteIndex) throws(RealmError) {
        let path = try FolderPath(index).path(of: row)
        let location = folder.store.location(of: folder.keys.objectName(of: row.fileID))
        add(CheckFinding(error, at: location, path: path))
    }

    // MARK: In use

    private func examine(_ row: InodeRow, inUseBy volume: Volume, _ index: SQLiteIndex) throws(RealmError) {
        guard row.attributes.kind == .file else { return }
        known.insert(folder.keys.objectName(of: row.fileID))
        let inode = row.attributes.inode
        do throws(FileSystemError) {
            let seen = try volume.capsuleStand(of: inode).map(verify)
            if case .some(.success(let found)) = seen, found.isEmpty { return }
            guard case .some = seen, let held = try volume.withCapsuleHeld(of: inode, verify) else { return }
            switch held {
            case .success(let found): for finding in found { try note(.unauthentic(finding), row, index) }
            case .failure(let error): try note(error, row, index)
            }
        } catch .notFound {
            return
        } catch {
            let path = try FolderPath(index).path(of: row)
            add(
                CheckFinding(
                    .storage, path: path, "what was written to it could not be stored (\(error))",
                    advice: "free space or repair the storage, and check again"))
        }
    }

    /// A file in use that was never made durable is an empty one, whatever is left of its capsule.
    private func verify(_ stand: CapsuleStand) -> Verified {
        let verified = verify(stand.fileID, stand.expectation)
        guard stand.mayBeTorn else { return verified }
        switch verified {
        case .success(let found) where !found.isEmpty && isTorn(folder.keys.objectName(of: stand.fileID), stand.fileID):
            return .success([])
        case .failure(let error) where error.isTorn: return .success([])
        default: return verified
        }
    }

    /// `add`, where the errors of the volume are caught.
    private func note(_ error: CapsuleError, _ row: InodeRow, _ index: SQLiteIndex) throws(FileSystemError) {
        do throws(RealmError) { try add(error, row, index) } catch { throw .inputOutput }
    }
}
