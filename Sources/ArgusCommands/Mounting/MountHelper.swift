internal import ArgumentParser
internal import Glibc

/// The helper that mount(8) calls as `mount.argusfs FOLDER DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]`.
///
/// Its exit statuses are those of mount(8). It never asks for a passphrase where no terminal is: an entry in fstab names
/// `key-file` or `passphrase-file`, and `realm` where it is not the usual one.
package enum MountHelper {
    /// mount(8), "EXIT STATUS".
    package enum Status {
        package static let success = ExitStatus(rawValue: 0)
        /// Incorrect invocation or permissions.
        package static let usage = ExitStatus(rawValue: 1)
        package static let mountFailure = ExitStatus(rawValue: 32)
    }

    package struct Arguments: Hashable, Sendable {
        package var folder: String
        package var directory: String
        package var options: [String] = []
        /// `-f`: everything but the mount.
        package var isFake = false
        /// `-s`: unknown options are no error.
        package var toleratesUnknownOptions = false

        package init(_ words: [String]) throws(CommandError) {
            var operands: [String] = []
            var options: [String] = []
            var rest = words[...]
            while let word = rest.popFirst() {
                guard word.hasPrefix("-"), word.count > 1 else {
                    operands.append(word)
                    continue
                }
                // Flags may stand together, and a value may follow its letter directly: `-nso ro`, `-oro`.
                var letters = word.dropFirst()
                while let letter = letters.popFirst() {
                    switch letter {
                    case "n", "v": break
                    case "f": isFake = true
                    case "s": toleratesUnknownOptions = true
                    case "o", "t", "N":
                        guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
                            throw .usage("-\(letter)", "needs a value")
                        }
                        if letter == "o" { options.append(value) }
                        letters = ""
                    default: throw .usage("-\(letter)", "is no option of the mount helper")
                    }
                }
            }
            guard operands.count == 2 else {
                throw .usage("mount.argusfs", "takes a folder and a directory: mount.argusfs FOLDER DIR [-o OPTIONS]")
            }
            folder = operands[0]
            directory = operands[1]
            self.options = options
        }
    }

    static func isName(_ name: String) -> Bool {
        name == "mount.argusfs" || name == "mount.fuse.argusfs"
    }

    static func run(_ words: [String]) -> ExitStatus {
        do throws(CommandError) {
            let arguments = try Arguments(words)
            let options = try MountOptionList(
                Invocation.current.settings.mountOptions + arguments.options,
                toleratesUnknown: arguments.toleratesUnknownOptions)
            if arguments.isFake { return Status.success }
            try MountRequest(
                folder: arguments.folder, directory: arguments.directory, options: options, given: nil,
                runsInForeground: false
            ).run()
            return Status.success
        } catch {
            Standard.errorLine("mount.argusfs: \(error)")
            return error.exitStatus == .usage ? Status.usage : Status.mountFailure
        }
    }
}

/// The helper by another name, for a script that stands in for the link `mount.argusfs`.
struct MountHelperCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount-helper", abstract: "Do what mount.argusfs does.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []

    func run() throws {
        let status = MountHelper.run(arguments)
        if status != .success { throw ExitStatusOnly(exitStatus: status) }
    }
}
