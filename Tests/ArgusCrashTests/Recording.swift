import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc

/// One use of a folder from its opening to its clean end, as the disk saw it and as its users did.
struct Recording {
    let realm: TestRealm
    var log: FileLog
    var histories: [History]
    /// The boot in which it was made.
    var boots: UInt64 = 2

    /// Makes a realm, opens its folder, runs `body` in it and ends it, recording from the opening on.
    ///
    /// `places` are directories at the top that are there before, durable: one for each user that `body` gets. None:
    /// one user of the whole folder.
    static func make(
        places: [String] = [], barrierSeconds: Int = 5, _ body: (Realm, OpenedFolder, [FolderUser]) throws -> Void,
        afterwards: (Realm) throws -> Void = { _ in }
    ) throws -> Recording {
        let scratch = ScratchDirectory()
        let testRealm = try TestRealm.make(in: scratch.path + "/realm")
        let realm = try testRealm.open()
        let caller = Caller(uid: getuid(), gid: getgid(), pid: UInt32(getpid()))
        try PretendedBoot.run(1) {
            let folder = try OpenedFolder(realm, bootID: PretendedBoot.id(1))
            for place in places {
                _ = try folder.volume.makeDirectory(
                    try FileName(place), in: .root, permissions: 0o755, caller: caller)
            }
            try folder.close()
        }
        let recorder = try FileRecorder(root: testRealm.path)
        var histories: [History] = []
        try recorder.record {
            try PretendedBoot.run(2) {
                let folder = try OpenedFolder(realm, bootID: PretendedBoot.id(2), barrierSeconds: barrierSeconds)
                let users = try (places.isEmpty ? [""] : places).map {
                    try FolderUser(folder.volume, journal: folder.folder.parts.journal, recorder: recorder, place: $0)
                }
                try body(realm, folder, users)
                try folder.close()
                for user in users { user.promiseAll() }
                try afterwards(realm)
                histories = users.map(\.history)
            }
        }
        return Recording(realm: testRealm, log: recorder.history, histories: histories)
    }

    /// The next use of the folder on a disk that a cut after `boundary` left, which begins with its recovery: nothing is
    /// done in it but looking, and its end. What was promised at the cut stays promised.
    func recovering(_ disk: Disk, after boundary: Int) throws -> Recording {
        let scratch = ScratchDirectory()
        try disk.write(to: scratch.path)
        let recorder = try FileRecorder(root: scratch.path)
        try recorder.record {
            try PretendedBoot.run(3) {
                let opened = try OpenedFolder(try realm.at(scratch.path).open(), bootID: PretendedBoot.id(3))
                _ = try FoundTree(opened.volume)
                try opened.close()
            }
        }
        var copy = self
        copy.log = recorder.history
        copy.histories = histories.map { $0.cut(at: boundary) }
        copy.boots += 1
        return copy
    }

    /// How many disks were looked at, and what was wrong with the first that broke a promise.
    struct Outcome {
        var diskCount = 0
        var boundaryCount = 0
        var violation: String?
    }

    /// Cuts the power behind each operation and looks at disks that this could leave: nothing of what was not synced,
    /// all of it, and `seeds` mixtures. `stride` skips boundaries. Ends at the first violation.
    func sweep(_ log: FileLog? = nil, seeds: UInt64, stride: Int = 1, diskMax: Int = .max) -> Outcome {
        var cursor = DiskCursor(log ?? self.log)
        var outcome = Outcome()
        var seen: Set<UInt64> = []
        repeat {
            guard cursor.count % stride == 0 else { continue }
            outcome.boundaryCount += 1
            for fate in [.lost, .kept] + (0..<seeds).map(PowerCut.Fate.mixed(seed:)) {
                let (disk, mark) = cursor.disk(fate)
                guard seen.insert(mark).inserted else { continue }
                outcome.diskCount += 1
                let examination = Examination(
                    disk, of: self, boundary: cursor.count, fate: fate, isMoment: cursor.isMoment)
                if let violation = examination.run() {
                    outcome.violation = "\(PowerCut(after: cursor.count, fate)): \(violation)"
                    return outcome
                }
                if outcome.diskCount >= diskMax { return outcome }
            }
        } while cursor.advance()
        return outcome
    }
}

/// What somebody finds who starts the machine again on a disk.
struct Examination {
    let disk: Disk
    let recording: Recording
    let boundary: Int
    /// The machine started again, or only the process did: what is kept whole is also what a killed process leaves.
    let boot: UInt64
    let scratch = ScratchDirectory()

    init(_ disk: Disk, of recording: Recording, boundary: Int, fate: PowerCut.Fate, isMoment: Bool) {
        self.disk = disk
        self.recording = recording
        self.boundary = boundary
        boot = fate == .kept && isMoment && boundary.isMultiple(of: 2) ? recording.boots : recording.boots + 1
    }

    /// What is wrong; nil: nothing.
    func run() -> String? {
        do {
            try disk.write(to: scratch.path)
            let realm = recording.realm.at(scratch.path)
            return try PretendedBoot.run(boot) { try examine(realm) }
        } catch {
            return "cannot be used: \(error)"
        }
    }

    private func examine(_ testRealm: TestRealm) throws -> String? {
        let realm = try testRealm.open()
        let opened = try OpenedFolder(realm, bootID: PretendedBoot.id(boot))
        let found: FoundTree
        do {
            found = try FoundTree(opened.volume)
            try use(opened.volume)
        } catch {
            try? opened.folder.close(isClean: false)
            throw error
        }
        try opened.close()
        for history in recording.histories {
            let (entries, contents) = found.below(history.place)
            if let violation = history.violation(at: boundary, found: entries, contents: contents) { return violation }
        }
        if let violation = try journalViolation(realm, testRealm) { return violation }
        guard boundary % 5 == 0 else { return nil }
        let administration = try realm.administration(ofFolder: TestRealm.folder)
        defer { administration.close() }
        let findings = try administration.check(repair: false) { _ in }
        return findings.isEmpty ? nil : "check: \(findings)"
    }

    /// The folder can be written to, at once and without a repair.
    private func use(_ volume: Volume) throws {
        let caller = Caller(uid: getuid(), gid: getgid(), pid: UInt32(getpid()))
        let name = try FileName("after the cut")
        let (_, open) = try volume.create(
            name, in: .root, permissions: 0o600, flags: OpenFlags(rawValue: O_RDWR), caller: caller)
        let bytes = [UInt8](repeating: 7, count: 5_000)
        _ = try bytes.withUnsafeBytes {
            try volume.write(open.handle, at: 0, from: $0, killsSetID: false, caller: caller)
        }
        try volume.synchronize(open.handle, dataOnly: false, caller: caller)
        volume.release(open.handle)
        try volume.unlink(name, in: .root, caller: caller)
    }

    private func journalViolation(_ realm: Realm, _ testRealm: TestRealm) throws -> String? {
        let spool = try DirectoryHandle(path: scratch.path + "/journal")
        let verifier = JournalVerifier(
            directory: spool, keys: testRealm.auditKeys(realm), bootID: PretendedBoot.id(boot))
        let report: JournalReport
        do throws(JournalFinding) { report = try verifier.verify() } catch { return "journal: \(error.message)" }
        let promised =
            recording.histories.flatMap(\.promises).filter { $0.boundary <= boundary }
            .map(\.journalSequence).max() ?? 0
        // The stream that was written when the power went: the one before the examination's own.
        let streams = report.streams.dropLast()
        guard promised == 0 || streams.contains(where: { $0.lastSequence >= promised }) else {
            return "journal: record \(promised) was promised, streams end at \(streams.map(\.lastSequence))"
        }
        return nil
    }
}

/// All names and contents of a folder.
struct FoundTree {
    private(set) var entries: [String: History.Entry] = [:]
    private(set) var contents: [UInt64: [UInt8]] = [:]
    private let volume: Volume
    private let caller = Caller(uid: getuid(), gid: getgid(), pid: UInt32(getpid()))

    init(_ volume: Volume) throws {
        self.volume = volume
        try list(.root, path: "")
    }

    /// What lies below one directory at the top, by paths relative to it; everything where `place` is empty.
    func below(_ place: String) -> ([String: History.Entry], [UInt64: [UInt8]]) {
        if place.isEmpty { return (entries, contents) }
        var own: [String: History.Entry] = [:]
        for (path, entry) in entries where path.hasPrefix(place + "/") {
            own[String(path.dropFirst(place.count + 1))] = entry
        }
        let inodes = Set(own.values.map(\.inode))
        return (own, contents.filter { inodes.contains($0.key) })
    }

    private mutating func list(_ directory: InodeNumber, path: String) throws {
        let open = try volume.openDirectory(directory, caller: caller)
        defer { volume.releaseDirectory(open.handle) }
        var items: [DirectoryItem] = []
        try volume.readDirectory(open.handle, after: 0, caller: caller) {
            items.append($0)
            return true
        }
        for item in items {
            let itemPath = path.isEmpty ? item.name.text : path + "/" + item.name.text
            var entry = History.Entry(
                kind: item.kind, inode: item.inode.rawValue, permissions: item.attributes.permissions)
            switch item.kind {
            case .directory: try list(item.inode, path: itemPath)
            case .symlink: entry.target = try volume.readLink(item.inode, caller: caller)
            case .file where contents[item.inode.rawValue] == nil:
                contents[item.inode.rawValue] = try read(item)
            default: break
            }
            entries[itemPath] = entry
        }
    }

    private func read(_ item: DirectoryItem) throws -> [UInt8] {
        let open = try volume.open(item.inode, flags: OpenFlags(rawValue: O_RDONLY), killsSetID: false, caller: caller)
        defer { volume.release(open.handle) }
        // More than it says it has: size and content must agree.
        var bytes = [UInt8](repeating: 0, count: Int(item.attributes.size) + 100)
        let count = try bytes.withUnsafeMutableBytes { try volume.read(open.handle, at: 0, into: $0, caller: caller) }
        bytes.removeLast(bytes.count - count)
        guard count == Int(item.attributes.size) else { throw SizeMismatch(shown: item.attributes.size, read: count) }
        return bytes
    }

    struct SizeMismatch: Error {
        var shown: UInt64
        var read: Int
    }
}
