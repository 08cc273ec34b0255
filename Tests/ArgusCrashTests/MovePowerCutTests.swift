import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

/// Each disk is used by whoever mounts the source or the destination first: that completes the move or gives it back.
@Suite("After a power cut while something is moved between folders it is in exactly one of both, whole")
struct MovePowerCutTests {
    @Test("a power cut behind any operation, in any mixture of what was not synced", arguments: MoveCase.allCases)
    func powerCuts(moveCase: MoveCase) throws {
        let recording = try MoveRecording.make(moveCase)
        let outcome = recording.sweep(seeds: isLongRun ? 24 : 1, stride: 3)
        try #require(outcome.violation == nil)
        #expect(outcome.givenBackCount > 10 && outcome.movedCount > 10)
        print(
            "power cuts, move of \(moveCase.rawValue), \(recording.log.operations.count) operations: \(outcome.diskCount) disks, "
                + "\(outcome.givenBackCount) not moved, \(outcome.movedCount) moved")
    }

    @Test("a second power cut while the first is being settled", arguments: MoveCase.allCases, [3, 5, 6] as [Int])
    func twice(moveCase: MoveCase, eighths: Int) throws {
        let first = try MoveRecording.make(moveCase)
        var cursor = DiskCursor(first.log)
        let boundary = first.end * eighths / 8
        while (cursor.count < boundary || !cursor.isMoment), cursor.advance() {}
        let second = try first.settling(cursor.disk(.mixed(seed: UInt64(eighths))).disk)
        let outcome = second.sweep(seeds: 1, stride: 12)
        #expect(outcome.violation == nil)
        #expect(outcome.diskCount > 10)
    }

    @Test(
        "each of its barriers is needed: without it some disk is not as it should be", arguments: MoveBarrier.allCases)
    func isNeeded(barrier: MoveBarrier) throws {
        var disks = 0
        // Names are random, and with them the directories that objects share: some moves do not miss it.
        for round in 0..<6 {
            let recording = try MoveRecording.make(barrier.moveCase)
            let outcome = recording.sweep(
                barrier.takenOut(of: recording), seeds: UInt64(3 + round), stride: round == 0 ? 2 : 1)
            disks += outcome.diskCount
            guard let violation = outcome.violation else { continue }
            print("without \(barrier.rawValue): noticed on disk \(disks): \(violation.prefix(160))")
            return
        }
        Issue.record("nobody misses it on \(disks) disks")
    }
}

enum MoveCase: String, CaseIterable, Sendable {
    case tree = "a tree"
    case copiedTree = "a tree between two filesystems"
    case back = "a tree that came from there"

    /// The second is the recorded one.
    func run(_ realm: Realm, isRecorded: Bool) throws {
        let (there, back) = (
            (
                FolderPlace(folder: "drafts", path: path("/tree")),
                FolderPlace(folder: "plans", path: path("/old/moved"))
            ),
            (FolderPlace(folder: "plans", path: path("/old/moved")), FolderPlace(folder: "drafts", path: path("/tree")))
        )
        switch self {
        case .tree: if isRecorded { try realm.move(there.0, to: there.1) }
        case .copiedTree: if isRecorded { try realm.move(there.0, to: there.1, copies: true) }
        case .back:
            if isRecorded { try realm.move(back.0, to: back.1) } else { try realm.move(there.0, to: there.1) }
        }
    }

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }
}

enum MoveBarrier: String, CaseIterable, Sendable {
    case capsules = "the sync of a capsule with a root for the destination"
    case copies = "the sync of the store copied to"
    case arrival = "the sync of the destination's index before names are taken"
    case places = "the sync of the places that objects are renamed to"
    case names = "the sync of the stores before the rows leave"
    case departure = "the sync of the source's index before the intent goes"
    case intent = "the sync of the intent"

    var moveCase: MoveCase { self == .copies ? .copiedTree : .tree }

    func takenOut(of recording: MoveRecording) -> FileLog {
        let log = recording.log
        return switch self {
        case .capsules: log.without { $0.isSync && isCapsule($1) }
        case .copies, .names:
            log.without { operation, _ in isTreeSync(operation) }
        case .arrival: log.hurrying({ isTaken($0, $1) }, before: { $0.isSync && $1.contains("/index/") })
        case .places: log.without { $0.isSync && $1.hasSuffix("/store") && !isTreeSync($0) }
        case .departure: log.without { $0.isSync && $1.hasPrefix("folders/\(recording.sourceID.hex)/index/") }
        case .intent: log.without { $0.isSync && $1.hasPrefix(DirectoryHandle.temporaryPrefix) }
        }
    }

    private func isCapsule(_ path: String) -> Bool {
        path.contains("/store/") && path.split(separator: "/").last?.utf8.count == 30
    }

    private func isTreeSync(_ operation: FileOperation) -> Bool {
        if case .syncTree = operation.change { true } else { false }
    }

    /// The rename of an object from store to store.
    private func isTaken(_ operation: FileOperation, _ path: String) -> Bool {
        if case .link(_, _, .some) = operation.change { isCapsule(path) } else { false }
    }
}

/// One move, as the disk saw it, and what was in both folders before.
struct MoveRecording {
    let realm: TestRealm
    var log: FileLog
    /// From here on it is done.
    var end: Int
    let source: String
    let sourceID: FolderID
    let destination: String
    /// The path there.
    let target: String
    /// Before and after, by folder and path.
    let before: [String: [String: String]]
    let after: [String: [String: String]]
    var boots: UInt64 = 2

    static func make(_ moveCase: MoveCase) throws -> MoveRecording {
        let scratch = ScratchDirectory()
        let testRealm = try TestRealm.make(in: scratch.path + "/realm")
        let realm = try testRealm.open()
        for name in ["drafts", "plans"] {
            _ = try realm.createFolder(name: name, members: [], storage: nil, ownerUID: getuid())
        }
        try PretendedBoot.run(1) {
            try fill(realm)
            try moveCase.run(realm, isRecorded: false)
        }
        let before = try PretendedBoot.run(1) { try contents(realm, boot: 1) }
        let recorder = try FileRecorder(root: testRealm.path)
        var end = 0
        try recorder.record {
            try PretendedBoot.run(2) {
                try moveCase.run(realm, isRecorded: true)
                end = recorder.mark()
            }
        }
        let log = recorder.history
        let after = try PretendedBoot.run(2) { try contents(realm, boot: 2) }
        try #require(before != after)
        let names = moveCase == .back ? ("plans", "drafts", "/tree") : ("drafts", "plans", "/old/moved")
        return MoveRecording(
            realm: testRealm, log: log, end: end, source: names.0,
            sourceID: try realm.folder(named: names.0).id, destination: names.1, target: names.2,
            before: before, after: after)
    }

    /// A tree with all that a folder can hold, things beside it that stay, and capsules of every shape.
    private static func fill(_ realm: Realm) throws {
        let caller = Caller(uid: getuid(), gid: getgid(), pid: UInt32(getpid()))
        let drafts = try OpenedFolder(realm, named: "drafts", bootID: PretendedBoot.id(1))
        let volume = drafts.volume
        let tree = try volume.makeDirectory(try FileName("tree"), in: .root, permissions: 0o750, caller: caller).inode
        let deep = try volume.makeDirectory(try FileName("deep"), in: tree, permissions: 0o755, caller: caller).inode
        var dice = PowerCut.Dice(seed: 7)
        for (name, size, parent) in [
            ("empty", 0, tree), ("inline", 900, tree), ("pages", 30_000, deep), ("levels", 200_000, deep),
            ("stays", 5_000, InodeNumber.root),
        ] {
            let made = try volume.create(
                try FileName(name), in: parent, permissions: 0o640, flags: OpenFlags(rawValue: O_RDWR), caller: caller)
            try write(dice.content(size), to: made.1.handle, of: volume, caller)
            if name == "pages" {
                // Freed pages, an older slot with others.
                try volume.synchronize(made.1.handle, dataOnly: false, caller: caller)
                try write(dice.content(9_000), to: made.1.handle, of: volume, caller)
                _ = try volume.link(made.0.inode, as: try FileName("second name"), in: tree, caller: caller)
            }
            volume.release(made.1.handle)
        }
        _ = try volume.makeSymlink(try FileName("link"), in: deep, target: Array("pages".utf8), caller: caller)
        try drafts.close()
        let plans = try OpenedFolder(realm, named: "plans", bootID: PretendedBoot.id(1))
        let old = try plans.volume.makeDirectory(try FileName("old"), in: .root, permissions: 0o755, caller: caller)
        let made = try plans.volume.create(
            try FileName("here"), in: old.inode, permissions: 0o600, flags: OpenFlags(rawValue: O_RDWR), caller: caller)
        try write(dice.content(3_000), to: made.1.handle, of: plans.volume, caller)
        plans.volume.release(made.1.handle)
        try plans.close()
    }

    private static func write(_ bytes: [UInt8], to handle: HandleID, of volume: Volume, _ caller: Caller) throws {
        guard !bytes.isEmpty else { return }
        let count = try bytes.withUnsafeBytes {
            try volume.write(handle, at: 0, from: $0, killsSetID: false, caller: caller)
        }
        try #require(count == bytes.count)
        try volume.flush(handle, caller: caller)
    }

    // MARK: Looking

    /// What both folders hold, each opened, read as a whole and ended; `first` before the other.
    static func contents(_ realm: Realm, boot: UInt64, first: String = "drafts") throws -> [String: [String: String]] {
        var contents: [String: [String: String]] = [:]
        for name in first == "drafts" ? ["drafts", "plans"] : ["plans", "drafts"] {
            let opened = try OpenedFolder(realm, named: name, bootID: PretendedBoot.id(boot))
            do {
                let tree = try FoundTree(opened.volume)
                contents[name] = tree.entries.mapValues { entry in
                    let bytes = tree.contents[entry.inode] ?? []
                    let hash = bytes.reduce(UInt64(5381)) { $0 &* 33 &+ UInt64($1) }
                    return "\(entry.kind) \(entry.permissions) \(entry.target) \(bytes.count) \(hash)"
                }
            } catch {
                try? opened.folder.close(isClean: false)
                throw error
            }
            try opened.close()
        }
        return contents
    }

    struct Outcome {
        var diskCount = 0
        var givenBackCount = 0
        var movedCount = 0
        var violation: String?
    }

    /// Boundaries of operations on anything but the journal, whose own power cuts are `JournalPowerCutTests`' matter, and
    /// some of the others.
    private func boundaries(of log: FileLog, stride: Int) -> Set<Int> {
        var wanted: Set<Int> = []
        for (index, operation) in log.operations.enumerated() {
            let isJournals = log.path(of: operation).hasPrefix("journal")
            if index % (isJournals ? 16 * stride : stride) == 0 { wanted.insert(index + 1) }
        }
        return wanted
    }

    func sweep(_ log: FileLog? = nil, seeds: UInt64, stride: Int = 1) -> Outcome {
        let log = log ?? self.log
        var cursor = DiskCursor(log)
        var outcome = Outcome()
        var seen: Set<UInt64> = []
        let boundaries = boundaries(of: log, stride: isLongRun ? 1 : stride)
        repeat {
            guard boundaries.contains(cursor.count) else { continue }
            for fate in [.lost, .kept] + (0..<seeds).map(PowerCut.Fate.mixed(seed:)) {
                let (disk, mark) = cursor.disk(fate)
                guard seen.insert(mark).inserted else { continue }
                outcome.diskCount += 1
                do {
                    let isMoved = try examine(disk, boundary: cursor.count, fate, isMoment: cursor.isMoment)
                    if isMoved { outcome.movedCount += 1 } else { outcome.givenBackCount += 1 }
                } catch {
                    outcome.violation = "\(PowerCut(after: cursor.count, fate)): \(error)"
                    return outcome
                }
            }
        } while cursor.advance()
        return outcome
    }

    private struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// Whether it is at the destination. What is kept whole is also what a killed process leaves, in the same boot.
    private func examine(_ disk: Disk, boundary: Int, _ fate: PowerCut.Fate, isMoment: Bool) throws -> Bool {
        let scratch = ScratchDirectory()
        try disk.write(to: scratch.path)
        let boot = fate == .kept && isMoment && boundary.isMultiple(of: 2) ? boots : boots + 1
        return try PretendedBoot.run(boot) {
            let realm = try self.realm.at(scratch.path).open()
            let first = boundary % 3 == 0 ? destination : source
            let found = try Self.contents(realm, boot: boot, first: first)
            guard found == before || found == after else {
                throw Violation(description: "in neither or both: \(found.mapValues { $0.keys.sorted() })")
            }
            if boundary >= end, found != after { throw Violation(description: "moved, and not any more") }
            for name in [source, destination] {
                let administration = try realm.administration(ofFolder: name)
                defer { administration.close() }
                let findings = try administration.check(repair: false) { _ in }
                guard findings.isEmpty else { throw Violation(description: "check of \(name): \(findings)") }
            }
            if found == after { try requireRecords(in: scratch.path, realm) }
            let spool = try DirectoryHandle(path: scratch.path + "/journal")
            _ = try JournalVerifier(
                directory: spool, keys: self.realm.auditKeys(realm), bootID: PretendedBoot.id(boot)
            ).verify()
            return found == after
        }
    }

    private func requireRecords(in path: String, _ realm: Realm) throws {
        let spool = try DirectoryHandle(path: path + "/journal")
        for name in [source, destination] {
            let folder = try realm.folder(named: name).id
            var isRecorded = false
            try JournalReader(directory: spool, keys: self.realm.auditKeys(realm)).read(folder: folder) { record in
                isRecorded =
                    record.activity == .rename && record.status == .success && record.secondPath == Array(target.utf8)
                return !isRecorded
            }
            guard isRecorded else { throw Violation(description: "\(name) has no record of it") }
        }
    }

    /// What happens on a disk that a cut left: both folders are used, the destination first.
    func settling(_ disk: Disk) throws -> MoveRecording {
        let scratch = ScratchDirectory()
        try disk.write(to: scratch.path)
        let recorder = try FileRecorder(root: scratch.path)
        try recorder.record {
            try PretendedBoot.run(boots + 1) {
                _ = try Self.contents(
                    try realm.at(scratch.path).open(), boot: boots + 1, first: destination)
            }
        }
        var copy = self
        copy.log = recorder.history
        copy.end = .max
        copy.boots += 1
        return copy
    }
}
