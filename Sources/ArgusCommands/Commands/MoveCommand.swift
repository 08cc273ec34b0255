internal import ArgumentParser
internal import ArgusRealm
internal import Glibc

/// `argusfs move`: a file goes from one folder to another, and its content stays where it is.
struct MoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move a file or directory into another folder without writing its content anew.",
        discussion: """
            SRC and DST are written FOLDER:PATH. Where DST is a directory, SRC is moved into it; otherwise DST is its new \
            name, which nothing may have. Both folders have to be unmounted. Owner, mode, times, extended attributes and \
            access lists are kept, hard links too among what is moved. It needs the rights read and delete in SRC's \
            folder and write in DST's; the journals of both record it. Whatever interrupts it, all of it is in one folder.

              argusfs move drafts:/2026/offer.odt plans:/2026
              argusfs move drafts:/2026 plans:/archive-2026
            """)

    @Argument(help: ArgumentHelp("What to move.", valueName: "src")) var source: String
    @Argument(help: ArgumentHelp("Where to.", valueName: "dst")) var destination: String
    @OptionGroup var realm: RealmOptions

    func run() throws {
        let open = try realm.openRealm()
        let readable = try realmResult(open.path) { () throws(RealmError) in
            try open.readableFolders(listedFor: nil)
        }
        let names = Set(readable.found.map(\.name))
        let (from, to) = (try place(source, among: names), try place(destination, among: names))
        _ = try realmResult(source) { () throws(RealmError) in try open.move(from, to: to) }
    }

    /// A folder's name may hold a colon itself: the first one after the name of a folder ends it.
    private func place(_ text: String, among names: Set<String>) throws(CommandError) -> FolderPlace {
        guard !text.unicodeScalars.contains("\u{fffd}") else {
            throw CommandError(
                text, "holds bytes that are not UTF-8; move the directory above it, or rename it in a mount first")
        }
        for colon in text.indices where text[colon] == ":" && names.contains(String(text[..<colon])) {
            let path = text[text.index(after: colon)...]
            let bytes = VirtualPath.normalized(String(path))
            let isDirectory = path.hasSuffix("/") && bytes != [UInt8(ascii: "/")]
            return FolderPlace(
                folder: String(text[..<colon]), path: bytes + (isDirectory ? [UInt8(ascii: "/")] : []))
        }
        if !text.contains(":"), access(text, F_OK) == 0 {
            throw CommandError(text, "is a path of this machine; unmount the folder and name the file FOLDER:PATH")
        }
        throw CommandError(
            text, "names no place in a folder; write FOLDER:PATH, `argusfs folder list` shows the folders")
    }
}
