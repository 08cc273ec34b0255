internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem

/// What a check looks at.
struct CheckedFolder {
    let id: FolderID
    /// The index itself, or a copy of it.
    let place: IndexPlace
    /// Where the copied index lies itself.
    let original: IndexPlace?
    let store: any BackingStore
    let keys: FolderKeys
    /// The journal that tells of mounts and roots which the index does not know; nil in use, where the index is its newer.
    let journal: (spool: DirectoryHandle, keys: JournalAuditKeys)?
    /// The folder in use; nil at rest.
    let volume: Volume?
}

/// What lies on storage: objects by name, and what is no object.
struct StoredObjects {
    private(set) var names: [ObjectName] = []
    private(set) var strays: [String] = []

    init(_ store: any BackingStore) throws(RealmError) {
        var names: [ObjectName] = []
        var strays: [String] = []
        do throws(StoreError) {
            try store.forEachObject(
                { name in
                    names.append(name)
                    return true
                }, stray: { if strays.count < FolderCheck.maxFindingCount { strays.append($0) } })
        } catch {
            throw RealmError(storage: error)
        }
        self.names = names
        self.strays = strays
    }
}
