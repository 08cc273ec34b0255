internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex

/// What moves: the rows, names and attributes of a file, or of a directory with all below it, as its index has them.
struct MovedTree {
    /// Names in one move: about 1 KiB each while it lasts, and one commit of each index.
    static let maxEntryCount = 1 << 18

    /// From the top down; the first is the name that moves.
    private(set) var entries: [EntryRow]
    /// In the order in which the names name them, each once.
    private(set) var rows: [InodeRow]
    private(set) var attributes: [InodeNumber: [(name: [UInt8], value: [UInt8])]] = [:]

    /// Throws where there are too many, and where a file has names that would stay behind.
    init(_ top: EntryRow, _ row: InodeRow, in index: any MappingIndex) throws(RealmError) {
        entries = [top]
        rows = [row]
        var names = [row.attributes.inode: UInt32(1)]
        var directories = row.attributes.kind == .directory ? [row.attributes.inode] : []
        while let directory = directories.popLast() {
            var isTooLarge = false
            try indexCall { () throws(IndexError) in
                try index.forEachEntry(of: directory, after: 0) { entry, row in
                    isTooLarge = entries.count >= Self.maxEntryCount
                    if isTooLarge { return false }
                    entries.append(entry)
                    let count = names[entry.inode] ?? 0
                    names[entry.inode] = count + 1
                    if count == 0 { rows.append(row) }
                    if entry.kind == .directory { directories.append(entry.inode) }
                    return true
                }
            }
            guard !isTooLarge else {
                throw RealmError(
                    .failed, "more than \(Self.maxEntryCount) names cannot be moved at once; move parts of it")
            }
        }
        for row in rows {
            let inode = row.attributes.inode
            guard row.attributes.kind == .directory || names[inode] == row.attributes.linkCount else {
                throw RealmError(
                    .failed, "a file in it has another name that would stay behind; move both together, or copy it")
            }
            guard row.hasExtendedAttributes else { continue }
            attributes[inode] = try indexCall { () throws(IndexError) in try index.attributes(inode: inode) }
        }
    }

    /// Those that have a capsule.
    var files: [InodeRow] { rows.filter { $0.capsule != nil } }

    // MARK: Leaving

    /// What takes it out of its index.
    func leaving(_ parent: InodeRow, now: Timestamp, garbage: Bool) -> [IndexChange] {
        var parent = parent
        parent.attributes.size -= 1
        parent.attributes.modified = now
        parent.attributes.changed = now
        if rows[0].attributes.kind == .directory { parent.attributes.linkCount -= 1 }
        var changes: [IndexChange] = [.putInode(parent)]
        for entry in entries { changes.append(.removeEntry(parent: entry.parent, name: entry.name)) }
        for row in rows {
            if row.hasExtendedAttributes { changes.append(.removeAllAttributes(inode: row.attributes.inode)) }
            changes.append(.removeInode(row.attributes.inode))
            if garbage, row.capsule != nil { changes.append(.putGarbage(row.fileID)) }
        }
        return changes
    }

    // MARK: Arriving

    /// Where it arrives.
    struct Arrival {
        var parent: InodeRow
        var name: FileName
        /// Numbers from these on are nobody's.
        var firstInode: UInt64
        var firstCookie: DirectoryCookie
        /// Whether files are open to all members, whatever modes they bring.
        var opensModes: Bool
        var now: Timestamp
    }

    /// What puts it into the other index. `states` are those of the capsules there.
    func arriving(_ arrival: Arrival, states: [InodeNumber: CapsuleState]) -> [IndexChange] {
        var numbers: [InodeNumber: InodeNumber] = [:]
        for (place, row) in rows.enumerated() {
            numbers[row.attributes.inode] = InodeNumber(arrival.firstInode + UInt64(place))
        }
        var parent = arrival.parent
        parent.attributes.size += 1
        parent.attributes.modified = arrival.now
        parent.attributes.changed = arrival.now
        if rows[0].attributes.kind == .directory { parent.attributes.linkCount += 1 }
        var changes: [IndexChange] = [.putInode(parent)]
        var places: [InodeNumber: EntryRow] = [:]
        for (place, entry) in entries.enumerated() {
            guard let inode = numbers[entry.inode] else { continue }
            var moved = entry
            moved.parent = place == 0 ? parent.attributes.inode : numbers[entry.parent] ?? parent.attributes.inode
            if place == 0 { moved.name = arrival.name }
            moved.inode = inode
            moved.cookie = arrival.firstCookie + UInt64(place)
            if places[entry.inode] == nil { places[entry.inode] = moved }
            changes.append(.putEntry(moved))
        }
        for row in rows {
            let old = row.attributes.inode
            guard let number = numbers[old], let place = places[old] else { continue }
            var moved = row
            moved.attributes.inode = number
            moved.parent = place.parent
            moved.cookie = place.cookie
            moved.capsule = states[old]
            let own = attributes[old] ?? []
            if arrival.opensModes, !own.contains(where: { $0.name == AccessControlList.accessName }) {
                moved.attributes.permissions = Volume.opened(row.attributes.permissions, row.attributes.kind)
            }
            if old == entries[0].inode { moved.attributes.changed = arrival.now }
            changes.append(.putInode(moved))
            changes += own.map { .putAttribute(inode: number, name: $0.name, value: $0.value) }
            // Listed there if it was in that folder before, and left it.
            if moved.capsule != nil { changes.append(.removeGarbage(row.fileID)) }
        }
        return changes
    }

    /// Takes over what the capsule has that the row does not know: after an unclean end it may be one commit ahead.
    mutating func replace(_ row: InodeRow, at place: Int) { rows[place] = row }
}
