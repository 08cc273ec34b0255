package import ArgusCapsule
internal import ArgusCore
package import ArgusIndex
package import ArgusStore
internal import ArgusSystem

/// The home of an SQLite index in a capsule in a store, which a test can break.
package struct CapsuleIndexHome: IndexHome {
    package let store: any BackingStore
    package let name: ObjectName
    package let identity: CapsuleIdentity
    package let keys: FolderKeys

    package init(
        in store: any BackingStore = MemoryStore(), name: ObjectName = ObjectName(.init(high: 0x1DE0, low: 1)),
        keys: FolderKeys = Self.someKeys()
    ) {
        self.store = store
        self.name = name
        self.keys = keys
        identity = CapsuleIdentity(folder: FolderID(high: 1, low: 2), file: FileID(high: 3, low: 4))
    }

    /// The same index in another state of its store.
    package func moved(to store: any BackingStore) -> CapsuleIndexHome {
        CapsuleIndexHome(in: store, name: name, keys: keys)
    }

    package static func someKeys() -> FolderKeys {
        FolderKeys(generations: [(generation: 1, key: .random(count: 32))], namingKey: .random(count: 32))
    }

    /// Replaces the index made before.
    package func make() throws -> any MappingIndex {
        if try store.exists(name) { try store.remove(name) }
        return try create()
    }

    package func create() throws -> SQLiteIndex {
        let object = try store.create(name)
        try store.syncName(name)
        let capsule = try Capsule.create(in: object, identity: identity, keys: keys, now: IndexRows.time)
        return try SQLiteIndex(capsule: capsule, mode: .create)
    }

    package func reopen(_ index: any MappingIndex) throws -> any MappingIndex {
        try index.close()
        return try open()
    }

    package func open(expecting: OpenExpectation = .any, readOnly: Bool = false) throws -> SQLiteIndex {
        let object = try store.open(name, writable: !readOnly)
        let capsule = try Capsule.open(
            object, identity: identity, keys: keys, expecting: expecting, writable: !readOnly
        ).capsule
        return try SQLiteIndex(capsule: capsule, mode: .open, readOnly: readOnly)
    }
}
