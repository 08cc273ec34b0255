internal import ArgusCore
internal import ArgusRealm

extension Realm {
    func socketPath(of folder: FolderID) -> String {
        "\(runDirectory)/\(folder.hex).sock"
    }

    /// The driver that serves the folder, or nil where none answers.
    func driver(of folder: FolderSummary) throws(CommandError) -> ControlClient? {
        do throws(ControlClient.Failure) {
            return try ControlClient(path: socketPath(of: folder.id))
        } catch {
            if error == .noDriver { return nil }
            throw CommandError(folder.name, error.message)
        }
    }

    /// Lets a running driver read members and keys again.
    func tellDriver(ofFolder name: String) throws(CommandError) {
        let folder = try realmResult(name) { () throws(RealmError) in try self.folder(named: name) }
        guard let driver = try driver(of: folder) else { return }
        do throws(ControlClient.Failure) {
            try driver.perform(.reload)
        } catch {
            throw CommandError(
                name, "the change is stored, but the running driver did not take it: \(error.message)")
        }
    }
}
