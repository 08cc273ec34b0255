package import ArgusCore
package import ArgusFS

/// Several folders that one mount shows as the entries of its top directory.
package struct FolderSet: Sendable {
    package struct Member: Sendable {
        package var id: FolderID
        package var name: FileName
        package var volume: Volume

        package init(id: FolderID, name: FileName, volume: Volume) {
            self.id = id
            self.name = name
            self.volume = volume
        }
    }

    /// At least one, each under a name of its own.
    package var members: [Member]
    package var owner: (uid: UInt32, gid: UInt32)
    package var mounted: Timestamp
    /// Extended attributes of the top directory, by full name.
    package var attributes: [[UInt8]: [UInt8]]

    /// More folders than that have no places.
    package static let memberMax = 1024

    package init(
        _ members: [Member], owner: (uid: UInt32, gid: UInt32), mounted: Timestamp, attributes: [[UInt8]: [UInt8]]
    ) {
        precondition((1...Self.memberMax).contains(members.count), "who makes a set counts its folders")
        self.members = members
        self.owner = owner
        self.mounted = mounted
        self.attributes = attributes
    }
}
