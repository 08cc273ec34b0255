import ArgusCore
import ArgusJournal
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

/// The records of a folder in use, written by its volume and its journal's own thread, on disks that a power cut leaves.
@Suite("What a power cut takes from a journal: nothing of a strict folder, of others the open batch, and it shows")
struct JournalPowerCutTests {
    /// Operations that were answered: where in the log, when, and the newest record then.
    final class Answers {
        struct Answer {
            var boundary: Int
            var sequence: UInt64
            var nanoseconds: UInt64
        }

        private(set) var all: [Answer] = []
        var newestBoundary: Int { all.last?.boundary ?? 0 }

        func note(_ user: FolderUser) {
            all.append(
                Answer(
                    boundary: user.recorder.mark(), sequence: user.journal.head().sequence,
                    nanoseconds: SystemClock().monotonicNanoseconds()))
        }
    }

    @Test("records after a power cut", arguments: [true, false])
    func cut(isStrict: Bool) throws {
        let answers = Answers()
        let recording = try Recording.make { realm, folder, users in
            if isStrict {
                _ = try realm.set([.audit(isStrict: true)], ofFolder: TestRealm.folder)
                try folder.folder.reload()
            }
            let user = users[0]
            for number in 1...40 {
                try user.makeDirectory("directory \(number)")
                answers.note(user)
                // Nobody asks for it, and the batch comes to the disk.
                if number % 8 == 0 { try waitForSync(of: user.recorder, since: answers.newestBoundary) }
            }
        }
        try examineCuts(of: recording, answers, isStrict: isStrict, "volume")
    }

    /// Cuts the power behind each answer: nothing is missing that a sync had covered or, in a strict folder, that was
    /// answered; what is missing is told by a gap.
    func examineCuts(
        of recording: Recording, _ answers: Answers, isStrict: Bool, _ name: String
    ) throws {
        #expect(JournalLimits().groupNanoseconds <= 50_000_000, "half of what may be lost is left for the sync itself")
        var cursor = DiskCursor(recording.log)
        var lossCount = 0
        var longest: UInt64 = 0
        for answer in answers.all {
            while cursor.count < answer.boundary, cursor.advance() {}
            try #require(cursor.count == answer.boundary)
            for fate in [PowerCut.Fate.lost, .mixed(seed: answer.sequence), .kept] {
                let found = try examine(cursor.disk(fate).disk, of: recording)
                // What was answered before the newest sync that has ended: that sync took it along.
                let synced = recording.log.operations[..<answer.boundary].lastIndex {
                    $0.isSync && recording.log.path(of: $0).hasSuffix("segment")
                }
                let covered = answers.all.last { $0.boundary <= synced ?? 0 }?.sequence ?? 0
                let promised = isStrict || fate == .kept ? answer.sequence : covered
                #expect(found.kept >= promised, "\(fate) after \(answer.boundary)")
                guard found.kept < answer.sequence else { continue }
                lossCount += 1
                #expect(found.gaps.contains { $0.first == found.kept + 1 }, "\(fate): \(found)")
                if let first = answers.all.first(where: { $0.sequence > found.kept }) {
                    longest = max(longest, answer.nanoseconds - first.nanoseconds)
                }
            }
        }
        #expect(isStrict ? lossCount == 0 : lossCount > 0)
        print("power cuts, \(name)\(isStrict ? ", strict" : ""): at most \(longest / 1_000) µs of answers were lost")
    }

    func waitForSync(of recorder: FileRecorder, since boundary: Int) throws {
        for _ in 0..<30_000 {
            let log = recorder.history
            if log.operations[boundary...].contains(where: { $0.isSync && log.path(of: $0).hasSuffix("segment") }) {
                return
            }
            usleep(1_000)
        }
        Issue.record("the batch never came to the disk")
    }

    /// Starts the machine again: the newest record that was left of the stream, and the gaps that are recorded.
    private func examine(_ disk: Disk, of recording: Recording) throws -> (kept: UInt64, gaps: [JournalGap]) {
        let scratch = ScratchDirectory()
        try disk.write(to: scratch.path)
        let testRealm = recording.realm.at(scratch.path)
        let boot = recording.boots + 1
        return try PretendedBoot.run(boot) {
            let realm = try testRealm.open()
            try OpenedFolder(realm, bootID: PretendedBoot.id(boot)).close()
            let report = try JournalVerifier(
                directory: try DirectoryHandle(path: scratch.path + "/journal"), keys: testRealm.auditKeys(realm),
                bootID: PretendedBoot.id(boot)
            ).verify()
            let streams = report.streams.filter { $0.folder != Realm.actsFolder }
            // The one that was written when the power went is the last but the examination's own.
            let left = try #require(streams.dropLast().last)
            return (left.lastSequence, report.gaps.filter { $0.stream == left.stream })
        }
    }
}
