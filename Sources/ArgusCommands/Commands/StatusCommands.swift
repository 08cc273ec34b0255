internal import ArgumentParser
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs sync`: what sync(1) cannot do, since the kernel does not pass it on to FUSE.
struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Make everything in a mounted folder durable.",
        discussion: "The kernel does not pass sync(1) on to the driver; this does.\n\n  argusfs sync ~/plans")

    @Argument(help: ArgumentHelp("The mount point, or a directory in it.", valueName: "dir"), completion: .directory)
    var directory: String

    func run() throws {
        let point = try MountPoint(directory)
        guard let entry = MountTable.current().entry(id: point.mountID), entry.isFolder else {
            throw CommandError(directory, "is in no mounted folder; see `argusfs status`")
        }
        guard let path = ControlAttribute.socketPath(ofMount: entry.mountPoint) else {
            throw CommandError(directory, "its driver cannot be found; it was killed, or the mount is another user's")
        }
        do throws(ControlClient.Failure) {
            try ControlClient(path: path).perform(.synchronize)
        } catch {
            throw CommandError(directory, error.message)
        }
    }
}

/// `argusfs status`: the folders of the realm that are mounted. It needs no key.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show which folders are mounted, where, and by which process.",
        discussion: "Asks the running drivers; the realm need not be unlocked.")

    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let path = realm.path
        _ = try realmResult(path) { () throws(RealmError) in try Realm.inspect(at: path) }
        let drivers = try running(inRealm: path)
        if listing.json { return try JSONOutput.print(drivers) }
        var table = Table("FOLDER", "MOUNTED ON", "PROCESS", "STATE", "MODE", "SINCE")
        for driver in drivers {
            let mode = (driver.readOnly ? "ro" : "rw") + (driver.shared ? ",shared" : ",personal")
            table.add(driver.folder, driver.path, String(driver.pid), driver.state.rawValue, mode, driver.since)
        }
        try Standard.output(table.text)
    }

    private func running(inRealm path: String) throws(CommandError) -> [DriverStatus] {
        let names: [String]
        do throws(SystemError) {
            names = try DirectoryHandle(path: "\(path)/run").names()
        } catch {
            if error.errno == ENOENT { return [] }
            throw CommandError(path, "its run directory cannot be read: \(String(cString: strerror(error.errno)))")
        }
        var drivers: [DriverStatus] = []
        for name in names where name.hasSuffix(".sock") {
            do throws(ControlClient.Failure) {
                drivers.append(try ControlClient(path: "\(path)/run/\(name)").status())
            } catch {
                // What a killed driver left behind is no mount; another user's drivers are not shown.
                if error == .broken { throw CommandError(path, error.message) }
            }
        }
        return drivers.sorted { $0.folder < $1.folder }
    }
}
