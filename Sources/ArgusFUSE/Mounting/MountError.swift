/// Why a mount could not be made.
package enum MountError: Error, Hashable, Sendable {
    /// /dev/fuse cannot be used.
    case noDevice(reason: String)
    /// This user may not mount like this.
    case notPermitted(reason: String)
    /// The directory cannot be mounted on.
    case mountPoint(reason: String)
    /// A program or library that mounting needs is missing.
    case notInstalled(reason: String)
    /// The system refused; in its own words.
    case failed(reason: String)

    /// One line: what is wrong, and what to do.
    package var message: String {
        switch self {
        case .noDevice(let reason), .notPermitted(let reason), .mountPoint(let reason), .notInstalled(let reason),
            .failed(let reason):
            reason
        }
    }
}
