internal import ArgumentParser
internal import ArgusCore
internal import ArgusPolicy
internal import ArgusRealm
internal import ArgusStore

/// `argusfs index`: the mapping between virtual paths and capsules.
struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index", abstract: "Inspect which capsule holds which file.",
        subcommands: [IndexListCommand.self])
}

struct IndexListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List a folder's whole subtree with each file's capsule, owner, protection and key.",
        discussion: """
            Works while the folder is mounted and while it is not. Location is the capsule's place on storage.

              argusfs index ls plans
              argusfs index ls plans /2026 --json
            """)

    @Argument(help: "The folder's name.") var name: String
    @Argument(help: "Where in the folder to start.") var path = "/"
    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let folder = try realmResult(name) { () throws(RealmError) in try open.folder(named: name) }
        var printer = MappingPrinter(json: listing.json)
        let path = VirtualPath.normalized(self.path)
        if let driver = try open.driver(of: folder) {
            try list(path, from: driver, into: &printer)
        } else {
            try list(path, in: open, into: &printer)
        }
        try printer.finish()
    }

    private func list(_ path: [UInt8], in realm: Realm, into printer: inout MappingPrinter) throws(CommandError) {
        var failure: CommandError?
        try realmResult(name) { () throws(RealmError) in
            try realm.indexListing(folder: name, path: path) { row in
                do throws(CommandError) {
                    try printer.add(MappingRow(row))
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
        }
        if let failure { throw failure }
    }

    private func list(
        _ path: [UInt8], from driver: borrowing ControlClient, into printer: inout MappingPrinter
    ) throws(CommandError) {
        do throws(ControlClient.Failure) {
            try driver.ask(.list(path: Hex.encode(path)))
        } catch {
            throw CommandError(name, error.message)
        }
        while true {
            let reply: ControlReply
            do throws(ControlClient.Failure) { reply = try driver.reply() } catch {
                throw CommandError(name, error.message)
            }
            switch reply {
            case .rows(let rows): for row in rows { try printer.add(row) }
            case .done: return
            default: throw CommandError(name, ControlClient.Failure.broken.message)
            }
        }
    }
}

/// Paths inside a folder.
package enum VirtualPath {
    /// The bytes of an absolute path without empty, `.` and trailing parts; `/` is the top directory.
    package static func normalized(_ text: String) -> [UInt8] {
        let parts = text.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        return parts.isEmpty ? [UInt8(ascii: "/")] : parts.flatMap { [UInt8(ascii: "/")] + $0 }
    }
}

extension MappingRow {
    init(_ row: ListingRow) {
        self.init(
            path: row.path, fileID: row.fileID, inode: row.inode, kind: row.kind.listingName, size: row.size,
            capsule: row.capsule?.hex, location: row.location, owner: row.owner, protection: row.protection.rawValue,
            keyVersion: row.keyVersion, modified: row.modified)
    }
}

/// Prints the rows of a mapping as they come.
struct MappingPrinter: ~Copyable {
    private var array: JSONArrayPrinter?
    private var isFirst = true

    init(json: Bool) {
        array = json ? JSONArrayPrinter() : nil
    }

    mutating func add(_ row: MappingRow) throws(CommandError) {
        if array != nil {
            try array?.add(row)
            return
        }
        if isFirst {
            try Standard.outputLine(line("KIND", "SIZE", "OWNER", "KEY", "MODIFIED (UTC)", "CAPSULE", "PATH"))
        }
        isFirst = false
        try Standard.outputLine(
            line(
                row.kind, String(row.size), row.owner, row.keyVersion.map(String.init) ?? "-",
                String(row.modified.prefix(19)).split(separator: "T").joined(separator: " "), row.capsule ?? "-",
                row.path))
    }

    consuming func finish() throws(CommandError) {
        if let array { try array.finish() }
    }

    private func line(
        _ kind: String, _ size: String, _ owner: String, _ key: String, _ modified: String, _ capsule: String,
        _ path: String
    ) -> String {
        func left(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        return [
            left(kind, 9), right(size, 12), left(owner, 12), right(key, 3), left(modified, 19), left(capsule, 32),
            Table.printable(path),
        ].joined(separator: "  ")
    }
}
