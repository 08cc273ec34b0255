internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem

/// A move between two folders that has begun: the plaintext of the sealed file `move`, which is there from before the
/// first change until nothing is left to do (docs/design/move.md).
struct PendingMove: RealmRecord, Hashable, Sendable {
    static let fileName = "move"
    static let damaged = RealmError(
        .damaged,
        "its file `move`, which tells of a move that was cut short, was altered; take that file away, and see with "
            + "`argusfs check` in which of both folders the files are whole")

    // Identifiers, names and paths in hexadecimal.
    private var sourceFolder: String
    private var destinationFolder: String
    private var parent: UInt64
    private var name: String
    private var inode: UInt64
    private var arrived: UInt64
    private var file: String
    private var sourcePath: String
    private var destinationPath: String
    /// The stores are two filesystems: objects are copied as they are, sealed.
    let copies: Bool
    /// Who moves, and by which rule of the source; and that of the destination.
    private var mover: PendingChange
    private var arrivalRule: String

    init(
        from source: (folder: FolderID, entry: EntryRow, file: FileID, path: [UInt8]),
        to destination: (folder: FolderID, inode: InodeNumber, path: [UInt8]), copies: Bool, by actor: AuditActor,
        rules: (source: String, destination: String)
    ) {
        sourceFolder = source.folder.hex
        destinationFolder = destination.folder.hex
        parent = source.entry.parent.rawValue
        name = Hex.encode(source.entry.name.bytes)
        inode = source.entry.inode.rawValue
        arrived = destination.inode.rawValue
        file = source.file.hex
        sourcePath = Hex.encode(source.path)
        destinationPath = Hex.encode(destination.path)
        self.copies = copies
        mover = PendingChange(.rename, rules.source, by: actor)
        arrivalRule = rules.destination
    }

    /// Of the source and of the destination.
    var folders: (source: FolderID, destination: FolderID)? {
        guard let source = FolderID(hex: sourceFolder), let destination = FolderID(hex: destinationFolder) else {
            return nil
        }
        return (source, destination)
    }

    /// Where it was: the name that moves, and what has it.
    var origin: (parent: InodeNumber, name: FileName, inode: InodeNumber)? {
        guard let bytes = Hex.decode(name), let name = bytes.withUnsafeBytes({ try? FileName($0) }) else { return nil }
        return (InodeNumber(parent), name, InodeNumber(inode))
    }

    /// The number that it has in the destination's index: whether it is known there as `fileID` decides where the file is.
    var arrivedInode: InodeNumber { InodeNumber(arrived) }
    var fileID: FileID? { FileID(hex: file) }

    // MARK: Records

    /// What the source's journal tells, or that of the destination.
    func event(for end: FolderID) -> AuditEvent {
        var event = mover.event
        event.fileID = fileID
        event.place = AuditPlace(Hex.decode(sourcePath) ?? [])
        event.secondPlace = AuditPlace(Hex.decode(destinationPath) ?? [])
        guard let (source, destination) = folders else { return event }
        if end == source {
            event.destinationFolder = destination
        } else {
            event.sourceFolder = source
            event.reason = arrivalRule
        }
        return event
    }

    // MARK: On disk

    static let kind = SealedRecord.Kind.move
    static func key(of keys: RealmKeys) -> SecretBytes { keys.moves }

    static func remove(in directory: DirectoryHandle) throws(RealmError) {
        try realmCall { () throws(SystemError) in
            try directory.remove(fileName)
            try directory.sync()
        }
    }
}
