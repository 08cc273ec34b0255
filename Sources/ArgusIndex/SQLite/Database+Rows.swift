internal import ArgusCore

/// Rows to values and back. Columns stand in the order of `IndexSchema.inodeColumns`.
extension Database {
    /// Inserts or replaces an inode. New numbers are higher than all others, which saves them a search.
    func put(_ row: InodeRow) throws(IndexError) {
        let number = try Self.signed(row.attributes.inode)
        if number <= highestInode {
            try run(updateInode, with: row)
            if connection.changedRowCount > 0 { return }
        }
        try run(insertInode, with: row)
        highestInode = max(highestInode, number)
        inodeCount += 1
        inodeCountChanged = true
    }

    private func run(_ statement: borrowing Statement, with row: InodeRow) throws(IndexError) {
        let attributes = row.attributes
        statement.bind(try Self.signed(attributes.inode), at: 1)
        statement.bind(try Self.signed(row.parent), at: 2)
        statement.bind(try Self.signed(row.cookie), at: 3)
        statement.bind(place(row.fileID, at: 0), at: 4)
        statement.bind(Int64(attributes.mode), at: 5)
        statement.bind(Int64(attributes.linkCount), at: 6)
        statement.bind(Int64(attributes.uid), at: 7)
        statement.bind(Int64(attributes.gid), at: 8)
        statement.bind(Int64(attributes.device), at: 9)
        statement.bind(Int64(bitPattern: attributes.size), at: 10)
        statement.bind(Int64(bitPattern: attributes.blocks), at: 11)
        statement.bind(attributes.accessed, at: 12)
        statement.bind(attributes.modified, at: 14)
        statement.bind(attributes.changed, at: 16)
        statement.bind(attributes.created, at: 18)
        statement.bind(row.hasExtendedAttributes ? 1 : 0, at: 20)
        if let capsule = row.capsule {
            statement.bind(Int64(bitPattern: capsule.durableCommit), at: 22)
            statement.bind(place(capsule.rootTag, at: 16), at: 23)
            statement.bind(capsule.isDirty ? 1 : 0, at: 24)
            statement.bind(Int64(capsule.keyGeneration), at: 25)
        } else {
            for parameter: Int32 in 22...25 { statement.bindNull(at: parameter) }
        }
        if row.linkTarget.isEmpty {
            statement.bindNull(at: 21)
            try statement.run()
        } else {
            try row.linkTarget.withBytes { target throws(IndexError) in
                statement.bind(target, at: 21)
                try statement.run()
            }
        }
    }

    /// Writes an identifier where it can be bound from.
    func place<Kind>(_ identifier: Identifier<Kind>, at offset: Int) -> UnsafeRawBufferPointer {
        identifiers.storeBytes(of: identifier.high.bigEndian, toByteOffset: offset, as: UInt64.self)
        identifiers.storeBytes(of: identifier.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
        return UnsafeRawBufferPointer(rebasing: identifiers[offset..<offset + 16])
    }

    /// An inode number or cookie as SQLite holds it.
    static func signed(_ number: InodeNumber) throws(IndexError) -> Int64 { try signed(number.rawValue) }
    static func signed(_ number: UInt64) throws(IndexError) -> Int64 {
        guard let signed = Int64(exactly: number) else { throw .corrupt(reason: IndexFinding.numberTooHigh) }
        return signed
    }
}

extension Statement {
    func bind(_ time: Timestamp, at parameter: Int32) {
        bind(time.seconds, at: parameter)
        bind(Int64(time.nanoseconds), at: parameter + 1)
    }

    /// The inode whose first column is `base`; fails with `corrupt` where a field is out of its range.
    func inodeRow(at base: Int32 = 0) throws(IndexError) -> InodeRow {
        let number = UInt64(bitPattern: integer(base))
        guard
            let mode = UInt32(exactly: integer(base + 4)), mode <= 0o177777,
            let kind = FileKind(rawValue: mode & 0o170000),
            let linkCount = UInt32(exactly: integer(base + 5)),
            let uid = UInt32(exactly: integer(base + 6)), let gid = UInt32(exactly: integer(base + 7)),
            let device = UInt32(exactly: integer(base + 8)),
            let fileID = identifier(base + 3, of: FileIdentityKind.self),
            let accessed = time(base + 11), let modified = time(base + 13), let changed = time(base + 15),
            let created = time(base + 17), integer(base + 1) >= 0, integer(base + 2) >= 0
        else { throw .corrupt(reason: "inode \(number) has a field out of its range") }
        let attributes = FileAttributes(
            inode: InodeNumber(number), kind: kind, permissions: mode & 0o7777, linkCount: linkCount, uid: uid,
            gid: gid, device: device, size: UInt64(bitPattern: integer(base + 9)),
            blocks: UInt64(bitPattern: integer(base + 10)), accessed: accessed, modified: modified, changed: changed,
            created: created)
        var capsule: CapsuleState?
        if !isNull(base + 21) {
            guard let rootTag = identifier(base + 22, of: RootTagKind.self),
                let keyGeneration = KeyGeneration(exactly: integer(base + 24))
            else { throw .corrupt(reason: "inode \(number) has a field out of its range") }
            capsule = CapsuleState(
                durableCommit: UInt64(bitPattern: integer(base + 21)), rootTag: rootTag,
                isDirty: integer(base + 23) != 0, keyGeneration: keyGeneration)
        }
        return InodeRow(
            attributes: attributes, fileID: fileID, parent: InodeNumber(UInt64(integer(base + 1))),
            cookie: UInt64(integer(base + 2)), linkTarget: bytes(base + 20), capsule: capsule,
            hasExtendedAttributes: integer(base + 19) != 0)
    }

    /// The entry whose columns cookie, name, inode, kind are the first four.
    func entryRow(parent: InodeNumber) throws(IndexError) -> EntryRow {
        let name = withBytes(1) { bytes in try? FileName(bytes) }
        guard let name, let kind = UInt32(exactly: integer(3)).flatMap(FileKind.init), integer(0) >= 0, integer(2) > 0
        else { throw .corrupt(reason: "an entry of directory \(parent) has a field out of its range") }
        return EntryRow(
            parent: parent, name: name, inode: InodeNumber(UInt64(integer(2))), kind: kind, cookie: UInt64(integer(0)))
    }

    func identifier<Kind>(_ column: Int32, of: Kind.Type) -> Identifier<Kind>? {
        withBytes(column) { bytes in
            guard bytes.count == 16 else { return nil }
            return Identifier(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    private func time(_ column: Int32) -> Timestamp? {
        guard let nanoseconds = UInt32(exactly: integer(column + 1)), nanoseconds < 1_000_000_000 else { return nil }
        return Timestamp(seconds: integer(column), nanoseconds: nanoseconds)
    }
}
