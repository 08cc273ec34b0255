internal import ArgusCapsule
internal import ArgusCore
package import ArgusFS
internal import ArgusIndex
internal import ArgusSystem

extension OpenFolder {
    /// The directory in the realm that holds the copy of the index while the folder is checked. It is removed after the
    /// check, and one that was cut short by the next mount.
    static func checkName(_ folder: FolderID) -> String {
        "\(DirectoryHandle.temporaryPrefix)check-\(folder.hex)"
    }

    /// `FolderAdministration.check` for a folder that `volume` serves. One check at a time; others wait for it.
    ///
    /// With `repair`, capsules that no file refers to are removed; rows are the volume's own. Once `progress` returns
    /// false the check ends, with an error.
    package func check(
        _ volume: Volume, repair: Bool, progress: (CheckProgress) -> Bool
    ) throws(RealmError) -> [CheckFinding] {
        checks.lock()
        defer { checks.unlock() }
        // First: what is on storage now and belongs to a file has its row in the copy below.
        let present = try StoredObjects(parts.store)
        do throws(FileSystemError) { try volume.synchronizeAll() } catch {
            throw RealmError(
                .failed,
                "not everything could be made durable: \(error.storageCause); free space or repair the storage first")
        }
        let name = Self.checkName(summary.id)
        defer { try? realmDirectory.removeTree(name) }
        let copy = try realmCall { () throws(SystemError) in
            try realmDirectory.removeTree(name)
            return try realmDirectory.subdirectory(name, create: true)
        }
        let copied = IndexPlace(copyOf: place, in: copy, keys: parts.keys)
        try volume.withIndexHeld { () throws(RealmError) in
            let state = mode == .mount ? FolderAnchor.State.open(bootID: Boot.currentID()) : .clean
            try FolderAnchor(state: state, commit: index.capsule.info).write(in: copy, secrets: place.secrets)
            try place.copyObject(into: copied)
        }
        let folder = CheckedFolder(
            id: summary.id, place: copied, original: place, store: parts.store, keys: parts.keys, journal: nil,
            volume: volume)
        return try withoutActuallyEscaping(progress) { progress throws(RealmError) in
            try FolderCheck(folder: folder, repairs: repair && mode == .mount, report: progress).run(present: present)
        }
    }
}
