import ArgusMountKit

extension MountedFolder {
    /// The records of all folders, oldest first, as `journal show --json` prints them.
    func records(_ filters: String...) throws -> [JSON] {
        let shown = try argusfs(["journal", "show", "--json"] + filters).required().output
        return try shown.split(separator: "\n").map { try JSON(text: String($0)) }
    }

    func verifyJournal() throws -> Finished { try argusfs("journal", "verify") }
}
