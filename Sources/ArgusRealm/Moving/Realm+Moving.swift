internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// A place in a folder of the realm: its name, and the path in it, starting with `/`.
package struct FolderPlace: Hashable, Sendable {
    package var folder: String
    package var path: [UInt8]

    package init(folder: String, path: [UInt8]) {
        self.folder = folder
        self.path = path
    }
}

/// Moving files between folders at rest.
extension Realm {
    /// How long a move, or its completion, is waited for by who wants to use one of its folders.
    private static let moveWaitMilliseconds = 10_000
    private static let pollMilliseconds = 50
    static let movingError = RealmError(
        .folderInUse, "something is moved from or to it at this moment; wait until that has ended")

    /// Moves what lies at `source` into another folder: into the directory at `destination`, or to that name, which nobody
    /// has. Returns where it is now. Neither folder may be in use.
    ///
    /// After an error it is where it was; or, where storage fails, in one of both as soon as one of the folders is used.
    ///
    /// `copies` is for tests: objects are copied where they could be renamed.
    @discardableResult
    package func move(
        _ source: FolderPlace, to destination: FolderPlace, copies: Bool = false
    ) throws(RealmError) -> FolderPlace {
        guard source.folder != destination.folder else {
            throw RealmError(.failed, "both places are in it; mount it and use mv(1)", folder: source.folder)
        }
        return try withMoveLock { () throws(RealmError) in
            try settlePendingMove()
            let from = try openAtRest(source.folder)
            let to: OpenFolder
            do throws(RealmError) { to = try openAtRest(destination.folder) } catch {
                try? from.close()
                throw error
            }
            do throws(RealmError) {
                let place = try move(source, from, to: destination, to, copies: copies)
                try from.close()
                try to.close()
                return place
            } catch {
                try? from.close()
                try? to.close()
                // Given back or completed; where even that fails, by whoever uses one of the folders next.
                if case .completed(let place) = try? settlePendingMove() { return place }
                throw error
            }
        }
    }

    /// A folder for itself, with nothing left to do of an earlier use.
    private func openAtRest(_ name: String) throws(RealmError) -> OpenFolder {
        do throws(RealmError) {
            let folder = try OpenFolder(name, of: self, mode: .mount, needsRoom: true, isMoving: true)
            do throws(RealmError) { try folder.recover() } catch {
                try? folder.close(isClean: false)
                throw error
            }
            return folder
        } catch {
            throw RealmError(error.kind, error.message, holder: error.holder, folder: name)
        }
    }

    private func move(
        _ source: FolderPlace, _ from: OpenFolder, to destination: FolderPlace, _ to: OpenFolder, copies: Bool
    ) throws(RealmError) -> FolderPlace {
        let actor = administrator()
        let (entry, row, path) = try from.entry(at: source)
        let target = try to.vacancy(at: destination, for: entry.name)
        let (leaving, arriving) = (
            MoveGate(from, name: source.folder, actor: actor), MoveGate(to, name: destination.folder, actor: actor)
        )
        let rules = (
            source: try leaving.require([.read, .delete], at: path, of: row.fileID),
            destination: try arriving.require(.write, at: target.path, of: nil)
        )
        try leaving.requireTaking(row, at: path)
        try arriving.requirePutting(into: target.parent, at: target.parentPath)

        let numbers = try to.freeNumbers()
        let arrival = MovedTree.Arrival(
            parent: target.parent, name: target.name, firstInode: numbers.inode, firstCookie: numbers.cookie,
            opensModes: try to.topDirectoryList() != nil, now: clock.now())
        let canRename: Bool
        do throws(StoreError) { canRename = try to.store.sharesFilesystem(with: from.store) } catch {
            throw RealmError(storage: error)
        }
        let pending = PendingMove(
            from: (from.summary.id, entry, row.fileID, path),
            to: (to.summary.id, InodeNumber(numbers.inode), target.path), copies: copies || !canRename, by: actor,
            rules: rules)
        var move = try FolderMove(realm: self, from: from, to: to, pending: pending)
        try move.begin(arrival)
        try move.complete()
        return FolderPlace(folder: destination.folder, path: target.path)
    }

    // MARK: What a move left to do

    enum SettledMove {
        case none, givenBack
        case completed(FolderPlace)
    }

    /// Gives back or completes a move that was cut short. The caller has the move lock.
    @discardableResult
    func settlePendingMove() throws(RealmError) -> SettledMove {
        guard let pending = try PendingMove.read(in: directory, keys: keys) else { return .none }
        let (records, damaged) = try records(skipsDamaged: true)
        func name(_ id: FolderID?) -> String? { records.first { $0.record.id == id }?.record.name }
        guard let from = name(pending.folders?.source), let to = name(pending.folders?.destination) else {
            if let first = damaged.first { throw first }
            // One of both was taken away by hand: the other has what its own index says.
            try PendingMove.remove(in: directory)
            return .none
        }
        /// Tells that it is the move which does not end, and which of its folders keeps it from that.
        func opened(_ name: String) throws(RealmError) -> OpenFolder {
            do throws(RealmError) {
                return try OpenFolder(
                    name, of: self, mode: .mount, waitMilliseconds: Self.moveWaitMilliseconds, isMoving: true)
            } catch {
                throw RealmError(
                    error.kind,
                    "a move from \(from) to \(to) was cut short and cannot be ended, because of \(name): \(error.message)",
                    holder: error.holder, folder: name)
            }
        }
        let source = try opened(from)
        defer { try? source.close() }
        let destination = try opened(to)
        defer { try? destination.close() }
        let move = try FolderMove(realm: self, from: source, to: destination, pending: pending)
        guard try move.hasArrived() else {
            // First, since it frees both folders also where a journal has no room.
            try move.giveBack()
            try move.record(.failure)
            return .givenBack
        }
        try move.complete()
        return .completed(FolderPlace(folder: to, path: pending.event(for: source.summary.id).secondPath))
    }

    /// The same for who is about to use a folder, and finds that a move of it was cut short. One that goes on is left alone,
    /// after a while: then the folder's lock tells.
    func settleMove(of folder: FolderID) throws(RealmError) {
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds() + UInt64(Self.moveWaitMilliseconds) * 1_000_000
        while try isMoving(folder) {
            if let lock = try moveLock(waits: false) {
                defer { withExtendedLifetime(lock) {} }
                try settlePendingMove()
                return
            }
            guard clock.monotonicNanoseconds() < deadline else { return }
            usleep(UInt32(Self.pollMilliseconds) * 1000)
        }
    }

    /// Whether a move of the folder has begun and not ended.
    func isMoving(_ folder: FolderID) throws(RealmError) -> Bool {
        guard let folders = try PendingMove.read(in: directory, keys: keys)?.folders else { return false }
        return folder == folders.source || folder == folders.destination
    }

    /// A folder's lock for itself, with no move of it left to complete.
    func takeLock(
        of folder: FolderID, in directory: DirectoryHandle, waitMilliseconds: Int = 0
    ) throws(RealmError) -> FolderLock {
        try settleMove(of: folder)
        let lock = try FolderLock.take(in: directory, exclusive: true, waitMilliseconds: waitMilliseconds)
        do throws(RealmError) {
            // A move that ended unfinished between the look and the lock.
            guard try !isMoving(folder) else { throw Self.movingError }
            return lock
        } catch {
            lock.release()
            throw error
        }
    }

    /// Runs `body` while nothing is moved between folders of the realm (flock(2) on `run/`).
    func withMoveLock<R>(_ body: () throws(RealmError) -> R) throws(RealmError) -> R {
        let held = try moveLock(waits: true)
        defer { withExtendedLifetime(held) {} }
        return try body()
    }

    private func moveLock(waits: Bool) throws(RealmError) -> HeldLock? {
        try realmCall { () throws(SystemError) in
            let file = try directory.open(Self.runName, flags: O_RDONLY | O_DIRECTORY)
            return try HeldLock(file, exclusive: true, waits: waits)
        }
    }
}

extension OpenFolder {
    /// Settles what an unclean end left, as a mount does.
    fileprivate func recover() throws(RealmError) {
        guard try indexCall({ () throws(IndexError) in try index.meta(.mounted) }) == [1] else { return }
        var configuration = VolumeConfiguration(sharing: .personal(supplementaryGroups: []))
        configuration.bootID = Boot.currentID()
        configuration.mounter = Caller(uid: geteuid(), gid: getegid(), pid: UInt32(getpid()))
        do throws(FileSystemError) { try Volume(parts: parts, configuration: configuration).shutDown() } catch {
            throw RealmError(.failed, "cannot be brought into use (\(error)); see `argusfs check`")
        }
    }

    /// What lies at a place, and its name there.
    fileprivate func entry(at place: FolderPlace) throws(RealmError) -> (EntryRow, InodeRow, path: [UInt8]) {
        let nothing = RealmError(
            .failed, "there is nothing at that path in the folder; check its spelling", folder: place.folder)
        var parent: InodeRow?
        guard let (row, path) = try tree.find(place.path, visit: { directory throws(RealmError) in parent = directory })
        else { throw nothing }
        guard place.path.last != UInt8(ascii: "/") || row.attributes.kind == .directory else {
            throw RealmError(
                .failed, "what is there is no directory; leave the slash at the end out", folder: place.folder)
        }
        guard let parent else {
            throw RealmError(
                .failed, "its top directory is the folder itself; name what is in it", folder: place.folder)
        }
        let slash = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
        guard let name = path[(slash + 1)...].withUnsafeBytes({ try? FileName($0) }),
            let entry = try indexCall({ () throws(IndexError) in
                try index.entry(parent: parent.attributes.inode, name: name)
            })
        else { throw nothing }
        return (entry, row, path)
    }

    /// The directory and the free name there that a place stands for.
    fileprivate func vacancy(
        at place: FolderPlace, for name: FileName
    ) throws(RealmError) -> (parent: InodeRow, parentPath: [UInt8], name: FileName, path: [UInt8]) {
        let slash = UInt8(ascii: "/")
        if let (row, path) = try tree.find(place.path), row.attributes.kind == .directory {
            let target = path + [slash] + name.bytes
            guard try tree.find(target) == nil else { throw Self.occupied(place) }
            return (row, path, name, target)
        } else if try tree.find(place.path) != nil {
            throw Self.occupied(place)
        }
        let parts = place.path.split(separator: slash)
        let above = parts.dropLast().flatMap { [slash] + $0 }
        guard let last = parts.last?.withUnsafeBytes({ try? FileName($0) }), place.path.last != slash,
            let (parent, path) = try tree.find(above), parent.attributes.kind == .directory
        else {
            throw RealmError(.failed, "there is no directory for it; make that first", folder: place.folder)
        }
        return (parent, path, last, path + [slash] + last.bytes)
    }

    private static func occupied(_ place: FolderPlace) -> RealmError {
        RealmError(
            .failed, "has something of that name there; remove that first, or choose another", folder: place.folder)
    }

    /// Numbers that nothing in the folder has or had.
    fileprivate func freeNumbers() throws(RealmError) -> (inode: UInt64, cookie: DirectoryCookie) {
        let (inodes, cookies) = try indexCall { () throws(IndexError) in
            (try index.meta(.inodeLease) ?? [], try index.meta(.cookieLease) ?? [])
        }
        func number(_ bytes: ArraySlice<UInt8>, least: UInt64) -> UInt64 {
            bytes.count == 8 ? max(least, bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }) : least
        }
        return (number(inodes.dropFirst(8), least: 2), number(cookies[...], least: Volume.firstCookie))
    }
}
