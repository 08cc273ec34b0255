import ArgusCore
import ArgusFS
import ArgusTestKit

/// What apps do to files, each with its own idea of safety. All of it follows from the seed.
enum Workload: String, CaseIterable, Sendable {
    case pager, replaceByRename, truncateThenWrite, untar, churn, randomMix

    func run(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        switch self {
        case .pager: try pager(user, &dice)
        case .replaceByRename: try replaceByRename(user, &dice)
        case .truncateThenWrite: try truncateThenWrite(user, &dice)
        case .untar: try untar(user, &dice)
        case .churn: try churn(user, &dice)
        case .randomMix: try randomMix(user, &dice)
        }
    }

    /// SQLite with a rollback journal (atomiccommit.html): the journal is synced, the database written and synced, and
    /// the deletion of the journal commits.
    private func pager(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        let database = try user.create("app.db")
        try user.write(dice.content(8 * 4096), to: "app.db", database, at: 0)
        try user.synchronize("app.db", database)
        try user.synchronizeDirectory("")
        for _ in 0..<5 {
            let journal = try user.create("app.db-journal")
            let pages = (0..<1 + dice.number(3)).map { _ in dice.number(10) }
            for (place, _) in pages.enumerated() {
                try user.write(dice.content(4096 + 8), to: "app.db-journal", journal, at: 512 + place * 4104)
            }
            try user.synchronize("app.db-journal", journal)
            try user.write(dice.content(28), to: "app.db-journal", journal, at: 0)
            try user.synchronize("app.db-journal", journal)
            try user.synchronizeDirectory("")
            for page in pages { try user.write(dice.content(4096), to: "app.db", database, at: page * 4096) }
            try user.synchronize("app.db", database)
            try user.close(journal)
            try user.remove("app.db-journal")
            if dice.number(2) == 0 { try user.synchronizeDirectory("") }
        }
        try user.close(database)
    }

    /// An editor that writes a new file and renames it over the old one, mostly without a sync.
    private func replaceByRename(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        try make("text", size: 6_000, user, &dice)
        try user.synchronizeAll()
        for round in 0..<7 {
            let file = try user.create("text.new")
            try user.write(dice.content(1 + dice.number(20_000)), to: "text.new", file, at: 0)
            if round % 3 == 2 { try user.synchronize("text.new", file) }
            if dice.number(2) == 0 {
                try user.close(file)
                try user.rename("text.new", to: "text")
            } else {
                try user.rename("text.new", to: "text")
                try user.close(file)
            }
            switch dice.number(4) {
            case 0: try user.synchronizeDirectory("")
            // Somebody else's sync makes the rename durable.
            case 1:
                try make("other \(round)", size: 100, user, &dice, synchronizes: true)
            default: break
            }
        }
    }

    /// An editor that cuts the file and writes it anew, without a sync.
    private func truncateThenWrite(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        try make("text", size: 9_000, user, &dice)
        try make("notes", size: 500, user, &dice)
        try user.synchronizeAll()
        for round in 0..<7 {
            let name = dice.number(3) == 0 ? "notes" : "text"
            let file = try user.open(name, truncates: true)
            if dice.number(3) == 0 { try make("other \(round)", size: 100, user, &dice, synchronizes: true) }
            if dice.number(3) == 0 { try user.makeDirectory("directory \(round)") }
            try user.write(dice.content(1 + dice.number(12_000)), to: name, file, at: 0)
            try user.close(file)
            if dice.number(3) == 0 { try user.synchronizeDirectory("") }
        }
    }

    private func untar(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        for directory in ["src", "src/deep", "docs"] {
            try user.makeDirectory(directory)
            for number in 0..<5 + dice.number(4) {
                let path = "\(directory)/file \(number)"
                try make(path, size: dice.number(4) == 0 ? 30_000 : dice.number(4_000), user, &dice)
                try user.setPermissions(0o755, of: path)
            }
            try user.makeSymlink("\(directory)/link", to: "file 0")
        }
        try user.synchronizeAll()
        for number in 0..<4 { try make("late \(number)", size: 2_000, user, &dice) }
    }

    /// Files that come and go: their capsules are deleted, their names used again.
    private func churn(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        for round in 0..<26 {
            let path = "file \(dice.number(6))"
            if user.exists(path) {
                switch dice.number(4) {
                case 0: try user.rename(path, to: "file \(dice.number(6))")
                case 1 where !user.exists("second name"): try user.link(path, as: "second name")
                default: try user.remove(path)
                }
            } else {
                try make(path, size: dice.number(9_000), user, &dice, synchronizes: dice.number(5) == 0)
            }
            if user.exists("second name"), dice.number(5) == 0 { try user.remove("second name") }
            switch dice.number(8) {
            case 0: try user.synchronizeAll()
            case 1: try user.synchronizeDirectory("")
            case 2: try user.makeDirectory("directory \(round)")
            default: break
            }
        }
    }

    private func randomMix(_ user: FolderUser, _ dice: inout PowerCut.Dice) throws {
        var open: [(path: String, handle: HandleID)] = []
        for number in 0..<3 { open.append(("file \(number)", try user.create("file \(number)"))) }
        for _ in 0..<40 {
            let (path, handle) = open[dice.number(open.count)]
            switch dice.number(9) {
            case 0: try user.truncate(path, to: dice.number(40_000))
            case 1: try user.synchronize(path, handle)
            case 2: try user.synchronizeAll()
            case 3 where !user.exists("empty"): try user.makeDirectory("empty")
            case 4 where user.exists("empty"): try user.remove("empty")
            default:
                try user.write(dice.content(1 + dice.number(20_000)), to: path, handle, at: dice.number(60_000))
            }
        }
        for (_, handle) in open { try user.close(handle) }
    }

    private func make(
        _ path: String, size: Int, _ user: FolderUser, _ dice: inout PowerCut.Dice, synchronizes: Bool = false
    ) throws {
        let file = try user.create(path)
        if size > 0 { try user.write(dice.content(size), to: path, file, at: 0) }
        if synchronizes { try user.synchronize(path, file) }
        try user.close(file)
    }
}

extension PowerCut.Dice {
    mutating func number(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// Bytes that are hardly the same twice, and cheap.
    mutating func content(_ count: Int) -> [UInt8] {
        var state = next()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count {
                if index & 63 == 0 { state = next() }
                buffer[index] = UInt8(truncatingIfNeeded: state >> UInt64(index & 7 * 8))
            }
            initialized = count
        }
    }
}
