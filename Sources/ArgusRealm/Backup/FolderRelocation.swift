internal import ArgusCapsule
internal import ArgusCore
internal import ArgusStore
internal import ArgusSystem
internal import Glibc

/// Finding a folder's storage at another place than its record says.
///
/// 1. A store is the folder's where a capsule in it opens with the folder's keys: neither a name nor a marker says that.
/// 2. A folder that keeps its capsules in the realm stays there.
struct FolderRelocation {
    /// Objects that are tried before a store is taken for another's: damaged ones do not open either.
    private static let triedObjectMax = 256

    let record: FolderRecord
    let keys: FolderKeys
    /// Whether the index knows of capsules.
    let hasCapsules: Bool

    /// The store that lies in the operator's `directory`, or is it.
    func store(in directory: String) throws(RealmError) -> String {
        guard record.storage != nil else {
            throw RealmError(.storageInUse, "keeps its storage in the realm; leave the option out for this folder")
        }
        let place = try FolderStorage.place(for: record.id, in: directory)
        let parent = String(place.dropLast(record.id.hex.utf8.count + 1))
        let found = access(place, F_OK) == 0 ? place : parent
        let store: DirectoryStore
        do throws(DirectoryStoreError) {
            store = try DirectoryStore(path: found, create: false)
        } catch .notAStore, .missing, .notADirectory {
            throw RealmError(
                .storageMissing, "has no storage there; give the directory that holds \(record.id.hex)")
        } catch {
            throw RealmError(storage: error)
        }
        guard try isOurs(store) else {
            throw RealmError(.storageMissing, "does not have its storage there: no capsule in it is of this folder")
        }
        return found
    }

    private func isOurs(_ store: DirectoryStore) throws(RealmError) -> Bool {
        var tried = 0
        var isOurs = false
        do throws(StoreError) {
            try store.forEachObject(
                { name in
                    tried += 1
                    isOurs = opens(name, in: store)
                    return !isOurs && tried < Self.triedObjectMax
                }, stray: { _ in })
        } catch {
            throw RealmError(storage: error)
        }
        return isOurs || tried == 0 && !hasCapsules
    }

    private func opens(_ name: ObjectName, in store: DirectoryStore) -> Bool {
        guard let object = try? store.open(name, writable: false), let header = try? Capsule.inspect(object),
            header.identity.folder == record.id, keys.objectName(of: header.identity.file) == name
        else { return false }
        return
            (try? Capsule.open(object, identity: header.identity, keys: keys, expecting: .any, writable: false)) != nil
    }
}
