internal import ArgusCapsule
package import ArgusCore
internal import ArgusIdentity
internal import ArgusIndex
package import ArgusPolicy
package import ArgusStore

/// One file of the mapping between virtual paths and capsules.
package struct ListingRow: Sendable {
    /// From the folder's top directory, with a slash in front.
    package var path: [UInt8]
    package var fileID: FileID
    package var inode: InodeNumber
    package var kind: FileKind
    package var size: UInt64
    /// Nil for what has no content of its own on storage.
    package var capsule: ObjectName?
    /// Where administrators find the capsule: an absolute path for a directory store.
    package var location: String?
    /// Account name, or the uid where it has none.
    package var owner: String
    package var protection: Protection
    package var keyVersion: KeyGeneration?
    package var modified: Timestamp
}

extension FileKind {
    /// As listings spell it.
    package var listingName: String {
        switch self {
        case .fifo: "fifo"
        case .character: "character"
        case .directory: "directory"
        case .block: "block"
        case .file: "file"
        case .symlink: "symlink"
        case .socket: "socket"
        }
    }
}

/// Walks the tree of an index.
struct IndexListing {
    let index: any MappingIndex
    let store: any BackingStore
    let keys: FolderKeys
    let protection: Protection
    let identity: PersonDirectory

    /// Lists what lies at and below `path`, each directory's own entries together; of the top directory, only what is
    /// below. Memory is bounded by the number of directories, not of files.
    func list(_ path: [UInt8], _ body: (ListingRow) -> Bool) throws(RealmError) {
        let start = try resolve(path)
        if start.row.attributes.inode != .root {
            guard body(row(start.row, at: start.path)) else { return }
        }
        guard start.row.attributes.kind == .directory else { return }
        var directories: [(inode: InodeNumber, path: [UInt8])] = [(start.row.attributes.inode, start.path)]
        while let directory = directories.popLast() {
            var below: [(inode: InodeNumber, path: [UInt8])] = []
            var isWanted = true
            try indexCall { () throws(IndexError) in
                try index.forEachEntry(of: directory.inode, after: 0) { entry, inode in
                    let path = directory.path + [UInt8(ascii: "/")] + entry.name.bytes
                    if entry.kind == .directory { below.append((entry.inode, path)) }
                    isWanted = body(row(inode, at: path))
                    return isWanted
                }
            }
            guard isWanted else { return }
            directories += below.reversed()
        }
    }

    /// The inode at a path; the top directory's path is empty. `visit` gets each directory on the way.
    func resolve(
        _ path: [UInt8], visit: (InodeRow) throws(RealmError) -> Void = { _ in }
    ) throws(RealmError) -> (row: InodeRow, path: [UInt8]) {
        guard let found = try find(path, visit: visit) else {
            throw RealmError(.failed, "there is nothing at that path in the folder; check its spelling")
        }
        return found
    }

    /// The same, nil where nothing is there.
    func find(
        _ path: [UInt8], visit: (InodeRow) throws(RealmError) -> Void = { _ in }
    ) throws(RealmError) -> (row: InodeRow, path: [UInt8])? {
        guard var row = try indexCall({ () throws(IndexError) in try index.inode(.root) }) else {
            throw RealmError(.indexDamaged, "its index has no top directory; see `argusfs check`")
        }
        var resolved: [UInt8] = []
        for part in path.split(separator: UInt8(ascii: "/")) {
            guard let name = part.withUnsafeBytes({ try? FileName($0) }) else { return nil }
            let next = try indexCall { () throws(IndexError) -> InodeRow? in
                guard let entry = try index.entry(parent: row.attributes.inode, name: name) else { return nil }
                return try index.inode(entry.inode)
            }
            guard let next else { return nil }
            try visit(row)
            row = next
            resolved += [UInt8(ascii: "/")] + name.bytes
        }
        return (row, resolved)
    }

    private func row(_ inode: InodeRow, at path: [UInt8]) -> ListingRow {
        let attributes = inode.attributes
        let capsule = inode.capsule.map { _ in keys.objectName(of: inode.fileID) }
        return ListingRow(
            path: path, fileID: inode.fileID, inode: attributes.inode, kind: attributes.kind, size: attributes.size,
            capsule: capsule, location: capsule.map { store.location(of: $0) },
            owner: identity.accountName(uid: attributes.uid) ?? String(attributes.uid), protection: protection,
            keyVersion: inode.capsule?.keyGeneration, modified: attributes.modified)
    }
}

extension Realm {
    /// Lists the mapping of a folder that no driver serves; see `ListingRow`.
    package func indexListing(folder name: String, path: [UInt8], _ body: (ListingRow) -> Bool) throws(RealmError) {
        try requireNewestIndex(ofFolder: name)
        let folder = try openFolder(named: name, mode: .inspect)
        defer { try? folder.close() }
        try folder.listing(path, body)
    }
}
