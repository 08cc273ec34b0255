package import ArgusCore
package import ArgusIndex

/// Rows for tests of indexes and of what is built on them.
package enum IndexRows {
    package static let time = Timestamp(seconds: 1_790_000_000, nanoseconds: 123_456_789)

    package static func name(_ text: String) -> FileName {
        guard let name = try? FileName(text) else { preconditionFailure("a test's name is no name") }
        return name
    }

    package static func fileID(_ number: UInt64) -> FileID { FileID(high: 0xA5A5_0000_0000_0000, low: number) }

    package static func inode(
        _ number: UInt64, _ kind: FileKind = .file, in parent: UInt64 = 1, cookie: UInt64? = nil, links: UInt32 = 1,
        size: UInt64 = 0, capsule: CapsuleState? = nil, hasExtendedAttributes: Bool = false
    ) -> InodeRow {
        InodeRow(
            attributes: FileAttributes(
                inode: InodeNumber(number), kind: kind, permissions: kind == .directory ? 0o755 : 0o644,
                linkCount: links, uid: 1000, gid: 1000, size: size, accessed: time, modified: time, changed: time,
                created: time),
            fileID: fileID(number), parent: InodeNumber(parent), cookie: cookie ?? number + 1, capsule: capsule,
            hasExtendedAttributes: hasExtendedAttributes)
    }

    package static func entry(
        _ text: String, _ inode: UInt64, _ kind: FileKind = .file, in parent: UInt64 = 1, cookie: UInt64? = nil
    ) -> EntryRow {
        EntryRow(
            parent: InodeNumber(parent), name: name(text), inode: InodeNumber(inode), kind: kind,
            cookie: cookie ?? inode + 1)
    }

    /// The top directory with `size` entries.
    package static func root(size: UInt64 = 0) -> InodeRow { inode(1, .directory, in: 1, cookie: 0, size: size) }

    /// What creating a file in the top directory applies, as its `size`-th entry.
    package static func create(_ text: String, _ number: UInt64, size: UInt64) -> [IndexChange] {
        [.putInode(inode(number)), .putEntry(entry(text, number)), .putInode(root(size: size))]
    }

    package static func dirty(_ commit: CommitNumber = 3) -> CapsuleState {
        CapsuleState(durableCommit: commit, rootTag: .init(high: 1, low: commit), isDirty: true, keyGeneration: 1)
    }

    package static func clean(_ commit: CommitNumber = 3) -> CapsuleState {
        CapsuleState(durableCommit: commit, rootTag: .init(high: 1, low: commit), isDirty: false, keyGeneration: 1)
    }
}
