internal import ArgusSystem
internal import Glibc

extension SystemError {
    /// Nothing has that name, or what is above it is no directory.
    var isAbsence: Bool { errno == ENOENT || errno == ENOTDIR }
}

extension DirectoryHandle {
    /// Removes `name` with everything below it, following no symbolic link. What is gone already is no error.
    func removeTree(_ name: String) throws(SystemError) {
        do throws(SystemError) {
            let directory = try subdirectory(name)
            for entry in try directory.names() { try directory.removeTree(entry) }
            try removeDirectory(name)
        } catch  where error.errno == ENOTDIR || error.errno == ELOOP {
            try remove(name)
        } catch  where error.errno == ENOENT {
            return
        }
    }
}
