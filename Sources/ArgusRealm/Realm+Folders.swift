internal import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem
internal import Glibc

/// The realm's folders: finding, making and removing them.
extension Realm {
    /// How the names of folders begin that are being made, or taken down: neither is one.
    static let newPrefix = ".new-"
    static let deletedPrefix = ".deleted-"

    /// Sorted by name.
    package func folders() throws(RealmError) -> [FolderSummary] {
        var summaries: [FolderSummary] = []
        for (directory, record) in try records(skipsDamaged: false).found {
            summaries.append(try summary(record, in: directory))
        }
        return summaries.sorted { $0.name < $1.name }
    }

    /// Those that an account may list, or all of them, sorted by name. Folders whose records cannot be read are passed
    /// over: `damaged` says of each why, by its id.
    package func readableFolders(
        listedFor account: (uid: UInt32, gid: UInt32)?
    ) throws(RealmError) -> (found: [FolderSummary], damaged: [RealmError]) {
        let people = RealmPeople(identity)
        let (records, damaged) = try records(skipsDamaged: true)
        var summaries: [FolderSummary] = []
        for (directory, record) in records {
            let summary = try summary(record, in: directory)
            let isListed = account.map {
                grantedRights(of: people.subject(uid: $0.uid, gid: $0.gid), in: record.policy).isSuperset(of: .list)
            }
            if isListed != false { summaries.append(summary) }
        }
        return (summaries.sorted { $0.name < $1.name }, damaged)
    }

    package func folder(named name: String) throws(RealmError) -> FolderSummary {
        let (directory, record) = try find(name)
        return try summary(record, in: directory)
    }

    /// Makes a folder; without members it is private to its owner. `storage`: an existing directory for its capsules.
    package func createFolder(name: String, members: [MemberSpec], storage: String?, ownerUID: UInt32)
        throws(RealmError) -> FolderSummary
    {
        try Self.check(name: name)
        return try withChangeLock { () throws(RealmError) in
            let (others, _) = try records(skipsDamaged: true)
            guard !others.contains(where: { $0.record.name == name }) else {
                throw RealmError(.folderExists, "exists already; choose another name, or delete that folder first")
            }
            let id = FolderID.random()
            let secrets = secrets(of: id)
            let place = try storage.map { directory throws(RealmError) in
                try FolderStorage.place(for: id, in: directory)
            }
            let owner = try account(uid: ownerUID)
            var record = FolderRecord(
                revision: 1, id: id, name: name, created: clock.now(),
                policy: FolderPolicy(
                    protection: members.isEmpty ? .private : .shared, owner: try person(for: owner).id,
                    members: try self.members(members)),
                storage: place, isStrict: false, indexFile: FileID.random(), keys: try secrets.makeKeys())
            record.pending = PendingChange.making(record, by: administrator(), name: spelled)
            let act = PendingChange.making(record, by: administrator())
            do throws(RealmError) {
                try build(record, secrets: secrets, owner: owner, announcing: act)
            } catch {
                // Where it was not announced yet, there is nothing to settle.
                try? settleActs(act, status: .failure)
                throw error
            }
            try? settleActs(act)
            let directory = try folderHandle(id.hex)
            // What cannot be recorded now waits in the folder's record, and is before its first mount.
            try? recordPending(record, in: directory)
            return try summary(record, in: directory)
        }
    }

    /// Removes a folder with its keys, index and storage. Refused while it is in use.
    package func deleteFolder(named name: String) throws(RealmError) {
        try settleMove(of: try find(name).record.id)
        try withChangeLock { () throws(RealmError) in
            let (directory, record) = try find(name)
            let lock = try FolderLock.take(in: directory, exclusive: true, waitMilliseconds: 0)
            defer { lock.release() }
            guard try !isMoving(record.id) else { throw Self.movingError }
            let deleted = Self.deletedPrefix + record.id.hex
            var removed = record
            removed.pending.append(.removal(by: administrator()))
            removed.revision += 1
            try removed.write(in: directory, secrets: secrets(of: record.id))
            try realmCall { () throws(SystemError) in
                try folderDirectory.rename(record.id.hex, to: deleted)
                try folderDirectory.sync()
            }
            // From here on it is gone; what cannot be recorded or removed now is by the next opening of the realm.
            finishDeletion(deleted, holding: lock)
        }
    }

    /// The process that has the folder for itself, or nil.
    package func lockHolder(ofFolder name: String) throws(RealmError) -> Int32? {
        FolderLock.holder(in: try find(name).directory)
    }

    // MARK: Records

    func find(_ name: String) throws(RealmError) -> (directory: DirectoryHandle, record: FolderRecord) {
        let (found, damaged) = try records(skipsDamaged: true)
        if let match = found.first(where: { $0.record.name == name }) { return match }
        if let first = damaged.first { throw first }
        throw RealmError(.noSuchFolder, "there is no such folder; `argusfs folder list` shows those there are")
    }

    /// The records of all folders; with `skipsDamaged`, of those that can be read, and why each other cannot.
    func records(skipsDamaged: Bool) throws(RealmError) -> (
        found: [(directory: DirectoryHandle, record: FolderRecord)], damaged: [RealmError]
    ) {
        var found: [(directory: DirectoryHandle, record: FolderRecord)] = []
        var damaged: [RealmError] = []
        let names = try realmCall { () throws(SystemError) in try folderDirectory.names() }
        for name in names.sorted() {
            guard let id = FolderID(hex: name) else { continue }
            do throws(RealmError) {
                let directory = try folderHandle(name)
                found.append((directory, try FolderRecord.read(in: directory, secrets: secrets(of: id))))
            } catch {
                // Deleted meanwhile.
                if let exists = try? folderDirectory.exists(name), !exists { continue }
                // Its name is in the record.
                let named = RealmError(error.kind, error.message, folder: name)
                if !skipsDamaged { throw named }
                damaged.append(named)
            }
        }
        return (found, damaged)
    }

    func folderHandle(_ name: String) throws(RealmError) -> DirectoryHandle {
        try realmCall { () throws(SystemError) in try folderDirectory.subdirectory(name) }
    }

    func summary(_ record: FolderRecord, in directory: DirectoryHandle) throws(RealmError) -> FolderSummary {
        if identity.person(record.policy.owner) == nil {
            // Another process has added persons since.
            identity.update(persons: try PersonsRecord.read(in: self.directory, keys: keys))
        }
        return FolderSummary(
            record, storage: FolderStorage(record, directory: directory).path, identity: identity,
            holder: FolderLock.holder(in: directory))
    }

    private static func check(name: String) throws(RealmError) {
        let refusal = RealmError(
            .invalidFolderName,
            "is no name for a folder: 1 to 255 bytes without slash and control characters, no dash, dot or space in front"
        )
        let scalars = name.unicodeScalars
        guard let first = scalars.first, let last = scalars.last, name.utf8.count <= FileName.maxByteCount,
            first != "-", first != ".", !first.properties.isWhitespace, !last.properties.isWhitespace,
            !scalars.contains(where: { $0 == "/" || $0.properties.generalCategory == .control })
        else { throw refusal }
    }

    // MARK: Building and taking down

    /// Builds the folder under a name that is no folder's, then names it.
    private func build(
        _ record: FolderRecord, secrets: FolderSecrets, owner: Account, announcing act: PendingChange
    ) throws(RealmError) {
        let temporary = Self.newPrefix + record.id.hex
        do throws(RealmError) {
            let directory = try realmCall { () throws(SystemError) in
                try folderDirectory.subdirectory(temporary, create: true)
            }
            // First, so that whoever clears up after a crash knows the storage.
            try record.write(in: directory, secrets: secrets)
            try realmCall { () throws(SystemError) in
                try directory.replaceFile(FolderLock.fileName, with: [])
            }
            try FolderStorage(record, directory: directory).create()
            let keys = try secrets.unwrap(record.keys)
            let index = IndexPlace(directory: directory, record: record, keys: keys, secrets: secrets)
            let now = clock.now()
            try index.create(now: now) { index throws(RealmError) in
                do throws(FileSystemError) {
                    try Volume.format(
                        index: index, keys: keys, uid: owner.uid, gid: owner.gid,
                        permissions: record.policy.protection == .private ? 0o700 : 0o777,
                        bootID: Boot.currentID(), now: now)
                } catch {
                    throw RealmError(error)
                }
            }
            try announce(act)
            try realmCall { () throws(SystemError) in
                try directory.sync()
                try folderDirectory.rename(temporary, to: record.id.hex)
                try folderDirectory.sync()
            }
        } catch {
            clear(temporary, storage: record.storage)
            throw error
        }
    }

    /// Records that a folder was deleted, and then removes what is left of it. Does nothing where that cannot be recorded.
    private func finishDeletion(_ name: String, holding lock: FolderLock? = nil) {
        guard let id = FolderID(hex: name.dropFirst(Self.deletedPrefix.count)),
            let directory = try? folderDirectory.subdirectory(name)
        else { return clear(name) }
        // Without the duty to record it this is no deletion: somebody else gave the folder that name.
        if let record = try? FolderRecord.read(in: directory, secrets: secrets(of: id)),
            let removal = record.pending.last(where: \.isRemoval)
        {
            do throws(RealmError) {
                try recordPending(record, in: directory, holding: lock, isDeleted: true)
                try announce(deletionOf: id, removal.named(record.name))
            } catch {
                return
            }
        }
        clear(name)
        try? settleActs()
    }

    /// Removes a directory of `folders/` that is no folder, with the storage that its record names.
    func clear(_ name: String, storage: String? = nil) {
        let id = FolderID(hex: name.drop { $0 == "." }.drop { $0 != "-" }.dropFirst())
        if let directory = try? folderDirectory.subdirectory(name), let id {
            if let record = try? FolderRecord.read(in: directory, secrets: secrets(of: id)) {
                FolderStorage(record, directory: directory).remove()
            }
            // The record goes last: it says where the storage is.
            for entry in (try? directory.names()) ?? [] where entry != FolderRecord.fileName {
                try? directory.removeTree(entry)
            }
        }
        try? folderDirectory.removeTree(name)
        try? folderDirectory.sync()
    }

    /// Removes what was left by processes that ended while they made or removed a folder. Never fails: a realm on
    /// read-only storage has to open, too.
    func clearLeftovers() {
        guard let lock = try? changeLock(waits: false) else { return }
        defer { withExtendedLifetime(lock) {} }
        try? directory.removeTemporaries()
        for name in (try? folderDirectory.names()) ?? []
        where name.hasPrefix(Self.newPrefix) || name.hasPrefix(Self.deletedPrefix) {
            if name.hasPrefix(Self.deletedPrefix) { finishDeletion(name) } else { clear(name) }
        }
    }
}

extension FolderSummary {
    init(_ record: FolderRecord, storage: String, identity: PersonDirectory, holder: Int32?) {
        id = record.id
        name = record.name
        protection = record.policy.protection
        owner = identity.person(record.policy.owner)?.account ?? record.policy.owner.hex
        members = record.policy.members.map { member in
            let who: String
            switch member.principal {
            case .person(let id): who = identity.person(id)?.account ?? id.hex
            case .group(let name): who = "@" + name
            case .everyone: who = "*"
            }
            return MemberSummary(who: who, rights: member.rights)
        }
        self.storage = storage
        keyGeneration = record.generation
        created = record.created
        isStrict = record.isStrict
        programs = record.policy.programs
        self.holder = holder
    }
}
