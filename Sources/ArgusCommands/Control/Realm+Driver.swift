internal import ArgusCore
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

extension Realm {
    func socketPath(of folder: FolderID) -> String {
        "\(runDirectory)/\(folder.hex).sock"
    }

    /// The driver that serves the folder, or nil where none does. One that is ending after a plain umount(8) is waited
    /// for: the folder at rest is better asked than the one on its way there.
    func driver(of folder: FolderSummary) throws(CommandError) -> ControlClient? {
        let path = socketPath(of: folder.id)
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds() + Assembly.predecessorWaitNanoseconds
        var brokenCount = 0
        while true {
            do throws(ControlClient.Failure) {
                if try ControlClient(path: path).status().state != .closing { return try ControlClient(path: path) }
                guard clock.monotonicNanoseconds() < deadline else {
                    throw .refused("is still being unmounted; try again in a moment")
                }
            } catch {
                if error == .noDriver { return nil }
                // A driver that ends in this moment breaks off; the next attempt finds none.
                brokenCount += 1
                guard error == .broken, brokenCount < Self.brokenMax else {
                    throw CommandError(folder.name, error.message)
                }
            }
            usleep(Self.closingPollMicroseconds)
        }
    }

    private static var brokenMax: Int { 3 }
    private static var closingPollMicroseconds: UInt32 { 50_000 }

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

    /// Makes everything durable in the folders that are mounted. What a driver does not do is said, and hinders nothing.
    func synchronizeDrivers() throws(CommandError) {
        for folder in try realmResult(path, { () throws(RealmError) in try folders() }) {
            do throws(CommandError) {
                guard let driver = try driver(of: folder) else { continue }
                do throws(ControlClient.Failure) { try driver.perform(.synchronize) } catch {
                    throw CommandError(folder.name, error.message)
                }
            } catch {
                Standard.errorLine("argusfs: what was written to it last may be missing: \(error.description)")
            }
        }
    }

    /// Lets every running driver read persons, members and keys again. All are told, whatever one of them says.
    func tellAllDrivers() throws(CommandError) {
        var failure: CommandError?
        for folder in try realmResult(path, { () throws(RealmError) in try folders() }) {
            do throws(CommandError) { try tellDriver(ofFolder: folder.name) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }
}
