/// The helper that umount(8) calls as `umount.fuse.argusfs DIR [-flnrv] [-t TYPE]`, so that umount(8) too
/// returns when everything is durable and the driver is gone. Its exit statuses are those of umount(8).
package enum UnmountHelper {
    package enum Request: Hashable, Sendable {
        case unmount(String)
        /// `-l`, `-f`: out of the way now, whoever uses it; the driver ends by itself.
        case detach(String)

        package init(_ words: [String]) throws(CommandError) {
            var directories: [String] = []
            var detaches = false
            var rest = words[...]
            while let word = rest.popFirst() {
                guard word.hasPrefix("-"), word.count > 1 else {
                    directories.append(word)
                    continue
                }
                var letters = word.dropFirst()
                while let letter = letters.popFirst() {
                    switch letter {
                    case "n", "r", "v": break
                    case "f", "l": detaches = true
                    case "N":
                        throw .usage("-N", "is not supported; run umount(8) in that mount namespace, with nsenter(1)")
                    case "t":
                        if letters.isEmpty, rest.popFirst() == nil { throw .usage("-\(letter)", "needs a value") }
                        letters = ""
                    default: throw .usage("-\(letter)", "is no option of the unmount helper")
                    }
                }
            }
            guard directories.count == 1 else {
                throw .usage("umount.argusfs", "takes one directory: umount.argusfs DIR")
            }
            self = detaches ? .detach(directories[0]) : .unmount(directories[0])
        }
    }

    static func isName(_ name: String) -> Bool {
        name == "umount.argusfs" || name == "umount.fuse.argusfs"
    }

    static func run(_ words: [String]) -> ExitStatus {
        do throws(CommandError) {
            switch try Request(words) {
            case .unmount(let directory): try UnmountCommand.unmount(directory)
            case .detach(let directory): try Unmounting.detach(try MountPoint(directory).path)
            }
            return .success
        } catch {
            Standard.errorLine("umount.argusfs: \(error)")
            return error.exitStatus == .usage ? MountHelper.Status.usage : MountHelper.Status.mountFailure
        }
    }
}
