internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// One move between two folders at rest, from its intent to its end (docs/design/move.md has the steps and invariants).
///
///     announced ──prepareCapsules──▶ both open ──arrive──▶ MOVED ──takeObjects, record──▶ ──leave──▶ ──rest──▶ done
///          └───────── giveBack ─────────┘                     └────────────── complete ───────────────┘
struct FolderMove {
    /// Rows that are settled in one commit of the index where a move is given back.
    private static let batchCount = 256

    let realm: Realm
    let source: OpenFolder
    let destination: OpenFolder
    let pending: PendingMove
    /// Nil once it left the source.
    private(set) var tree: MovedTree?
    /// Room in both journals, where it was taken before the move began.
    private var rooms: [JournalReservation] = []

    init(realm: Realm, from source: OpenFolder, to destination: OpenFolder, pending: PendingMove) throws(RealmError) {
        self.realm = realm
        self.source = source
        self.destination = destination
        self.pending = pending
        guard let origin = pending.origin else { return }
        let index = source.index
        let found = try indexCall { () throws(IndexError) -> (EntryRow, InodeRow)? in
            guard let entry = try index.entry(parent: origin.parent, name: origin.name), entry.inode == origin.inode,
                let row = try index.inode(entry.inode)
            else { return nil }
            return (entry, row)
        }
        if let found { tree = try MovedTree(found.0, found.1, in: index) }
    }

    /// Whether the destination has it: from then on nothing goes back.
    func hasArrived() throws(RealmError) -> Bool {
        let row = try indexCall { () throws(IndexError) in try destination.index.inode(pending.arrivedInode) }
        // The number is another file's where this move was given back before, and its file was put there again.
        return row.map { $0.fileID == pending.fileID } ?? false
    }

    // MARK: Before

    /// Writes the intent, and lets the destination's index have the rows.
    mutating func begin(_ arrival: MovedTree.Arrival) throws(RealmError) {
        for folder in [source, destination] {
            do throws(JournalError) {
                rooms.append(try folder.parts.journal.reserve(pending.event(for: folder.summary.id)))
            } catch {
                throw RealmError(error)
            }
        }
        try pending.write(in: realm.directory, keys: realm.keys)
        let states = try prepareCapsules(arrival)
        try arrive(arrival, states)
    }

    /// Gives each capsule a root of the destination's beside the source's, durably; `states` are what rows are to know.
    private mutating func prepareCapsules(
        _ arrival: MovedTree.Arrival
    ) throws(RealmError) -> [InodeNumber: CapsuleState] {
        guard let rows = tree?.rows, let entries = tree?.entries else { return [:] }
        let mayLag = try source.mayLag()
        var names: [InodeNumber: FileName] = [:]
        for entry in entries where names[entry.inode] == nil { names[entry.inode] = entry.name }
        names[entries[0].inode] = arrival.name
        let fileIDs = Dictionary(uniqueKeysWithValues: rows.map { ($0.attributes.inode, $0.fileID) })
        var states: [InodeNumber: CapsuleState] = [:]
        for (place, row) in rows.enumerated() {
            guard let state = row.capsule else { continue }
            let inode = row.attributes.inode
            let parent = inode == entries[0].inode ? arrival.parent.fileID : fileIDs[row.parent]
            let label = CapsuleLabel(
                name: names[inode]?.bytes ?? [], parent: parent, uid: row.attributes.uid, gid: row.attributes.gid,
                mode: row.attributes.mode)
            do throws(CapsuleError) {
                let moved = try prepare(row, OpenExpectation(state, mayLag: mayLag), label)
                states[inode] = moved.state
                tree?.replace(moved.row, at: place)
            } catch {
                throw RealmError(content: error)
            }
        }
        guard pending.copies else { return states }
        try storeCall { () throws(StoreError) in
            for row in rows where row.capsule != nil {
                try destination.store.copy(source.objectName(row), from: source.store, as: destination.objectName(row))
            }
            try destination.store.syncAll()
        }
        return states
    }

    private func prepare(
        _ row: InodeRow, _ expectation: OpenExpectation, _ label: CapsuleLabel
    ) throws(CapsuleError) -> (row: InodeRow, state: CapsuleState) {
        let capsule = try source.openCapsule(row, expectation)
        var row = row
        if let known = row.capsule, capsule.info.commit != known.durableCommit {
            row.attributes.size = capsule.size
            row.attributes.blocks = capsule.allocatedBytes / 512
            row.attributes.modified = capsule.times.modified
        }
        let a = row.attributes
        capsule.move(to: destination.summary.id, keys: destination.parts.keys)
        _ = try capsule.commit(
            times: CapsuleTimes(accessed: a.accessed, modified: a.modified, changed: a.changed, created: a.created),
            label: label)
        var state = CapsuleState(try capsule.sync())
        state.isDirty = true
        return (row, state)
    }

    private func arrive(
        _ arrival: MovedTree.Arrival, _ states: [InodeNumber: CapsuleState]
    ) throws(RealmError) {
        guard let tree else { return }
        let numbers = arrival.firstInode + UInt64(tree.rows.count)
        let cookies = arrival.firstCookie + UInt64(tree.entries.count)
        let leases: [IndexChange] = [
            // Marked as in use: until they are at rest, the capsules are looked at by whoever uses the folder next.
            .putMeta(key: .mounted, value: [1]), .putMeta(key: .bootID, value: Boot.currentID()),
            .putMeta(key: .inodeLease, value: Self.bytes(numbers) + Self.bytes(numbers)),
            .putMeta(key: .cookieLease, value: Self.bytes(cookies)),
        ]
        let changes = tree.arriving(arrival, states: states) + leases
        try indexCall { () throws(IndexError) in
            try destination.index.apply(changes)
            try destination.index.commit(.durable)
        }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }

    // MARK: Given up

    /// Makes each capsule the source's alone again.
    func giveBack() throws(RealmError) {
        let mayLag = try source.mayLag()
        var touched: [InodeRow] = []
        for row in tree?.files ?? [] {
            guard let state = row.capsule else { continue }
            do throws(CapsuleError) {
                if try !source.openCapsule(row, OpenExpectation(state, mayLag: mayLag)).hasWholeSlots {
                    touched.append(row)
                }
            } catch {
                // What is damaged stays so: a check tells.
                guard error.isTorn else { throw RealmError(content: error) }
            }
        }
        while !touched.isEmpty {
            let batch = Array(touched.prefix(Self.batchCount))
            touched.removeFirst(batch.count)
            try source.bringToRest(
                batch.map { row in
                    var row = row
                    row.capsule?.isDirty = true
                    return row
                })
        }
        if pending.copies {
            try storeCall { () throws(StoreError) in
                for row in tree?.files ?? [] {
                    do throws(StoreError) { try destination.store.remove(destination.objectName(row)) } catch .missing {
                    }
                }
                try destination.store.syncAll()
            }
        }
        try PendingMove.remove(in: realm.directory)
    }

    // MARK: Moved

    /// Does what is left to do once the destination's index has the rows.
    func complete() throws(RealmError) {
        if let tree {
            if !pending.copies { try takeObjects(tree) }
            try record(.success)
            try leave(tree)
        }
        try PendingMove.remove(in: realm.directory)
        try rest()
    }

    private func takeObjects(_ tree: MovedTree) throws(RealmError) {
        try storeCall { () throws(StoreError) in
            try destination.store.prepareToTake(tree.files.map(destination.objectName))
            for row in tree.files {
                // What is there no more was taken before this was cut short.
                guard try source.store.exists(source.objectName(row)) else { continue }
                try destination.store.take(
                    source.objectName(row), from: source.store, as: destination.objectName(row))
            }
            try destination.store.syncAll()
            try source.store.syncAll()
        }
    }

    /// One record in each journal, durable.
    func record(_ status: AuditStatus) throws(RealmError) {
        for (place, folder) in [source, destination].enumerated() {
            var event = pending.event(for: folder.summary.id)
            event.status = status
            do throws(JournalError) {
                if place < rooms.count {
                    try folder.parts.journal.append(event, using: rooms[place])
                } else {
                    try folder.parts.journal.append(event)
                }
                try folder.parts.journal.sync()
            } catch {
                throw RealmError(error)
            }
        }
    }

    private func leave(_ tree: MovedTree) throws(RealmError) {
        let index = source.index
        guard let parent = try indexCall({ () throws(IndexError) in try index.inode(tree.entries[0].parent) }) else {
            throw RealmError(.indexDamaged, "its index misses a directory; see `argusfs check`")
        }
        let changes = tree.leaving(parent, now: realm.clock.now(), garbage: pending.copies)
        try indexCall { () throws(IndexError) in
            try index.apply(changes + [.journalHead(source.parts.journal.head())])
            try index.commit(.durable)
        }
        guard pending.copies else { return }
        // What stays is listed as garbage: the next mount removes it.
        for row in tree.files { try? source.store.remove(source.objectName(row)) }
    }

    /// Makes each capsule the destination's alone, and its row clean. What is not done here is by the next mount.
    private func rest() throws(RealmError) {
        let index = destination.index
        let rows = try indexCall { () throws(IndexError) in try index.dirtyInodes() }
        try destination.bringToRest(rows)
        try indexCall { () throws(IndexError) in
            try index.apply([
                .putMeta(key: .mounted, value: [0]), .journalHead(destination.parts.journal.head()),
            ])
            try index.commit(.durable)
        }
    }
}

extension OpenFolder {
    func objectName(_ row: InodeRow) -> ObjectName { parts.keys.objectName(of: row.fileID) }

    /// Whether capsules may be ahead of clean rows, after an unclean end.
    func mayLag() throws(RealmError) -> Bool {
        try indexCall { () throws(IndexError) in try index.meta(.mayLag) } == [1]
    }

    func openCapsule(_ row: InodeRow, _ expectation: OpenExpectation) throws(CapsuleError) -> Capsule {
        let object: any BackingObject
        do throws(StoreError) { object = try store.open(objectName(row), writable: true) } catch {
            throw .store(error)
        }
        return try Capsule.open(
            object, identity: CapsuleIdentity(folder: summary.id, file: row.fileID), keys: parts.keys,
            expecting: expectation, writable: true
        ).capsule
    }

    /// Brings capsules to rest and marks their rows clean, which are marked dirty before that. What is damaged stays so.
    func bringToRest(_ rows: [InodeRow]) throws(RealmError) {
        guard !rows.isEmpty else { return }
        try put(rows)
        var settled: [InodeRow] = []
        for var row in rows {
            guard let state = row.capsule else { continue }
            do throws(CapsuleError) {
                let capsule = try openCapsule(row, OpenExpectation(state, mayLag: true))
                _ = try capsule.finish()
                row.capsule = CapsuleState(try capsule.sync())
                row.attributes.size = capsule.size
                row.attributes.blocks = capsule.allocatedBytes / 512
                settled.append(row)
            } catch {
                guard error.isTorn else { throw RealmError(content: error) }
            }
        }
        try put(settled)
    }

    private func put(_ rows: [InodeRow]) throws(RealmError) {
        try indexCall { () throws(IndexError) in
            try index.apply(rows.map { .putInode($0) })
            try index.commit(.durable)
        }
    }
}

/// Runs a step on a folder's storage.
private func storeCall<R>(_ body: () throws(StoreError) -> R) throws(RealmError) -> R {
    do throws(StoreError) { return try body() } catch { throw RealmError(storage: error) }
}
