internal import ArgusCore
internal import ArgusIndex

/// Finds the path of an inode in an index, upwards from its place.
struct FolderPath {
    /// Deeper than any tree that PATH_MAX lets people make at once; ends a loop in a damaged index.
    private static let maxDepth = 4096

    private let index: any MappingIndex

    init(_ index: any MappingIndex) {
        self.index = index
    }

    /// Nil where a step is missing, and for what has no name.
    func path(of row: InodeRow) throws(RealmError) -> [UInt8]? {
        var parts: [[UInt8]] = []
        var row = row
        while row.attributes.inode != .root {
            let step = try indexCall { () throws(IndexError) -> (EntryRow, InodeRow)? in
                guard let entry = try index.entry(parent: row.parent, cookie: row.cookie),
                    let parent = try index.inode(row.parent)
                else { return nil }
                return (entry, parent)
            }
            guard let (entry, parent) = step, parts.count < Self.maxDepth else { return nil }
            parts.append(entry.name.bytes)
            row = parent
        }
        return parts.reversed().flatMap { [UInt8(ascii: "/")] + $0 }
    }
}
