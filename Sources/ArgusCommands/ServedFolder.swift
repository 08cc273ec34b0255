internal import ArgusCore
internal import ArgusFS
internal import ArgusFUSE
internal import ArgusRealm
internal import Glibc

/// One folder that this process serves: opened, its volume in use, and a socket at which commands reach it.
final class ServedFolder {
    let name: String
    let folder: OpenFolder
    let volume: Volume
    private let socketPath: String
    private var service: ControlService?
    private var control: ControlServer?

    init(_ name: String, _ plan: MountPlan, of realm: Realm, waitMilliseconds: Int) throws(CommandError) {
        self.name = name
        let folder = try realmResult(name) { () throws(RealmError) in
            try realm.openFolder(
                named: name, mode: plan.options.isReadOnly ? .mountReadOnly : .mount,
                waitMilliseconds: waitMilliseconds, needsRoom: !plan.options.allowsFullStorage)
        }
        self.folder = folder
        socketPath = realm.socketPath(of: folder.summary.id)
        var configuration = VolumeConfiguration(plan.options)
        configuration.mounter = Caller(uid: geteuid(), gid: getegid(), pid: UInt32(getpid()))
        configuration.driverAttributes[ControlAttribute.name] = Array(socketPath.utf8)
        do throws(FileSystemError) {
            volume = try Volume(parts: folder.parts, configuration: configuration)
        } catch {
            try? realmResult(name) { () throws(RealmError) in try folder.close(isClean: false) }
            throw CommandError(name, "cannot be brought into use (\(error)); see `argusfs check`")
        }
        // Where the table cannot be had, copies between folders go untold; those within this one do not.
        if let neighbours = try? RunningFolders(folder.summary.id, of: realm, key: folder.copiesKey) {
            volume.setNeighbours(neighbours)
        }
    }

    /// What the mount's top directory tells commands.
    var controlAttribute: [UInt8] { Array(socketPath.utf8) }

    /// As an entry of a mount's top directory; the names of folders are names of files.
    var member: FolderSet.Member? {
        guard let name = Array(name.utf8).withUnsafeBytes({ try? FileName($0) }) else { return nil }
        return FolderSet.Member(id: folder.summary.id, name: name, volume: volume)
    }

    func startControl(_ state: DriverState, beside all: [Volume]) throws(CommandError) {
        // A full disk or a name service that is down must not keep a folder shut: the rules decide in any case.
        if let reason = volume.adoptMembers(of: folder) { DriverLog.note(reason) }
        let service = ControlService(state: state, folder: folder, volume: volume, all: all)
        self.service = service
        control = try ControlServer.started(at: socketPath, handler: service.handle)
    }

    /// A check that is under way is given up: the folder is about to be closed.
    func endChecks() {
        service?.endChecks()
    }

    func stopControl() {
        control?.stop()
    }

    /// Everything becomes durable, then the folder is given up, in this order: who waits for the folder's lock finds it
    /// whole.
    func close() -> CommandError? {
        var failure: CommandError?
        do throws(FileSystemError) {
            try volume.shutDown()
        } catch {
            failure = CommandError(
                name,
                "not everything could be made durable: \(error.storageCause); free space or repair the storage, then mount it again"
            )
        }
        do throws(CommandError) {
            try realmResult(name) { () throws(RealmError) in try folder.close(isClean: failure == nil) }
        } catch {
            failure = failure ?? error
        }
        return failure
    }
}
