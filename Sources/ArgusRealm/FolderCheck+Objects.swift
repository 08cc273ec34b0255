internal import ArgusCapsule
internal import ArgusCore
internal import ArgusFS
internal import ArgusIndex
internal import ArgusStore

/// What lies on storage and belongs to no file.
extension FolderCheck {
    func examineObjects(_ stored: StoredObjects, _ index: SQLiteIndex) throws(RealmError) {
        progress.phase = .objects
        try tellProgress()
        for file in try indexCall({ () throws(IndexError) in try index.garbage() }) {
            let name = folder.keys.objectName(of: file)
            known.insert(name)
            if repairsIndex { try removeGarbage(file, name, index) }
        }
        for file in folder.volume?.filesWithoutRow() ?? [] { known.insert(folder.keys.objectName(of: file)) }
        for place in stored.strays {
            add(
                CheckFinding(
                    .stray, "\(place) is none of the store's files", advice: "look where it comes from and remove it"))
        }
        for name in stored.names.lazy.filter({ !self.known.contains($0) }).prefix(Self.maxFindingCount) {
            try examineOrphan(name)
        }
    }

    private func examineOrphan(_ name: ObjectName) throws(RealmError) {
        let location = folder.store.location(of: name)
        var isOurs = false
        do throws(CapsuleError) {
            let object: any BackingObject
            do throws(StoreError) { object = try folder.store.open(name, writable: false) } catch {
                throw .store(error)
            }
            let header = try Capsule.inspect(object)
            isOurs =
                header.identity.folder == folder.id && folder.keys.objectName(of: header.identity.file) == name
        } catch .store(.missing) {
            return
        } catch {
            isOurs = false
        }
        guard isOurs else {
            return add(
                CheckFinding(
                    .orphan, "\(location) belongs to no file and is no capsule of this folder",
                    advice: "look where it comes from and remove it"))
        }
        var isRepaired = false
        if repairs {
            do throws(StoreError) {
                try folder.store.remove(name)
                isRepaired = true
            } catch {
                throw RealmError(storage: error)
            }
        }
        add(
            CheckFinding(
                .orphan, "\(location) is a capsule of this folder that no file refers to",
                advice: "keep a copy if the index was restored from a backup; --repair removes it",
                isRepaired: isRepaired))
    }
}
