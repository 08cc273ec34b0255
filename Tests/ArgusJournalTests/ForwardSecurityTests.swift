import ArgusCore
import ArgusCrypto
import ArgusSystem
import Testing

@testable import ArgusJournal

/// A thief with a copy of all files and of the driver's memory at a moment T: the sealing and signing keys, the audit
/// public key, and the MAC key in force. He lacks the master key, and with it the genesis and audit private keys.
@Suite("A thief of all memory and files cannot rewrite what was committed before")
struct ForwardSecurityTests {
    struct Thief {
        let spool: SpoolFixture
        let stream: StreamID
        let reader: StreamReader
        let slot: (epoch: UInt64, key: SecretBytes)
        var plain: [(kind: FrameKind, bytes: [UInt8])]
        let path: String

        init(_ spool: SpoolFixture, _ stream: StreamID) throws {
            self.spool = spool
            self.stream = stream
            self.path = spool.segmentPath(stream, 1)
            var known = ReadingKeys(spool.keys)
            known.auditKey = nil
            reader = try StreamReader(
                directory: spool.directory.subdirectory(stream.hex), stream: stream, keys: known)
            try reader.readMore(isLive: false, mayBeTorn: false) { _ in true }
            slot = try #require(reader.slot)
            let bytes = try readFile(path)
            plain = []
            var offset = 4_096
            bytes.withUnsafeBytes { raw in
                while case .frame(let kind, let plain, let end) = FrameSealer.open(
                    raw, at: offset, stream: stream, ordinal: 1, key: reader.streamKeys.frames)
                {
                    self.plain.append((kind, plain))
                    offset = end
                }
            }
        }

        /// Writes the stream anew: every record chained and sealed rightly, every commit from batch `changed` on under
        /// the key that `key` gives for it.
        func rewrite(key: (UInt64, [UInt8]) -> [UInt8]?, edit: (inout [(kind: FrameKind, bytes: [UInt8])]) -> Void)
            throws
        {
            var frames = plain
            edit(&frames)
            var bytes = try readFile(path)
            for index in 4_096..<bytes.count { bytes[index] = 0 }
            var offset = 4_096
            var hash = reader.genesisHash
            var sequence: UInt64 = 0
            var epoch: UInt64 = 0
            for (kind, original) in frames {
                var plain = original
                if kind == .record {
                    sequence += 1
                    plain.replaceSubrange(8..<40, with: hash)
                    plain.replaceSubrange(56..<64, with: withUnsafeBytes(of: sequence.littleEndian) { Array($0) })
                    hash = SHA256.hash(plain)
                } else {
                    var commit = ByteWriter()
                    commit.append("ARGJCMT1".utf8)
                    commit.integer(epoch)
                    commit.integer(sequence)
                    commit.append(hash)
                    commit.append(plain[56..<72])
                    plain = commit.bytes + (key(epoch, commit.bytes) ?? Array(plain.suffix(32)))
                    epoch += 1
                }
                let nonce = (0..<12).map { _ in UInt8.random(in: 0...255) }
                try bytes.withUnsafeMutableBytes { target in
                    try plain.withUnsafeBytes { plain in
                        try nonce.withUnsafeBytes { nonce in
                            try FrameSealer.seal(
                                plain, kind: kind, stream: stream, ordinal: 1, offset: offset, nonce: nonce,
                                key: reader.streamKeys.frames, into: target)
                        }
                    }
                }
                offset += JournalFormat.frameByteCount(plain: plain.count)
            }
            try writeFile(path, bytes)
        }

        func mac(_ key: SecretBytes, _ commit: [UInt8]) -> [UInt8] { HMAC.sha256(key: key, stream.bytes + commit) }
    }

    /// A stream left open with `batches` commits of one record each.
    func robbed(batches: Int = 8) throws -> (SpoolFixture, Thief) {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        for number in 1...batches {
            try journal.append(.wrote(number))
            try journal.sync()
        }
        journal.abandon()
        #expect(spool.finding() == nil)
        return (spool, try Thief(spool, journal.stream))
    }

    static func changePath(_ frames: inout [(kind: FrameKind, bytes: [UInt8])], record: Int) {
        let index = frames.indices.filter { frames[$0].kind == .record }[record - 1]
        frames[index].bytes[frames[index].bytes.count - 20] ^= 1
    }

    @Test("the thief's tools work: rewriting without a change leaves a spool that verifies")
    func control() throws {
        let (spool, thief) = try robbed()
        try thief.rewrite(key: { _, _ in nil }, edit: { _ in })
        #expect(spool.finding() == nil)
    }

    @Test(
        "an older record that is changed, with chain, seals and later batches made to fit, is named",
        arguments: [1, 4, 8])
    func forged(record: Int) throws {
        let (spool, thief) = try robbed()
        // The stolen key of the open batch, used for all.
        try thief.rewrite(
            key: { _, commit in thief.mac(thief.slot.key, commit) },
            edit: { Self.changePath(&$0, record: record) })
        let finding = try #require(spool.finding())
        #expect(finding.reason == .macMismatch(epoch: 0))
        // Only the batches from the changed one on written anew.
        try thief.rewrite(
            key: { epoch, commit in epoch + 1 < UInt64(record) ? nil : thief.mac(thief.slot.key, commit) },
            edit: { Self.changePath(&$0, record: record) })
        let named = try #require(spool.finding())
        #expect(named.reason == .macMismatch(epoch: UInt64(record - 1)))
        #expect(named.sequence == UInt64(record))
    }

    @Test("a newer key for an older record does not verify, whichever newer key", arguments: [0, 1, 5])
    func newerKey(steps: Int) throws {
        let (spool, thief) = try robbed()
        let key = (0..<steps).reduce(thief.slot.key) { key, _ in MACKey.next(after: key) }
        try thief.rewrite(
            key: { epoch, commit in epoch == 3 ? thief.mac(key, commit) : nil },
            edit: { Self.changePath(&$0, record: 4) })
        #expect(try #require(spool.finding()).reason == .macMismatch(epoch: 3))
    }

    @Test(
        "truncated and then continued with the stolen key: the batch at the cut does not verify",
        arguments: [0, 3, 7])
    func truncateThenContinue(kept: Int) throws {
        let (spool, thief) = try robbed()
        try thief.rewrite(
            key: { epoch, commit in
                epoch < UInt64(kept) ? nil : thief.mac(thief.slot.key, commit)
            },
            edit: { frames in
                let cut = 2 * kept
                let template = frames[2 * kept]
                frames.removeSubrange(cut...)
                for _ in kept..<9 {
                    var record = template
                    record.bytes[record.bytes.count - 20] ^= 1
                    frames.append(record)
                    frames.append(thief.plain[1])
                }
            })
        let finding = try #require(spool.finding())
        #expect(finding.reason == .macMismatch(epoch: UInt64(kept)))
        #expect(finding.sequence == UInt64(kept + 1))
    }

    @Test("truncated alone: the key in the header is that of a later batch; forging the header does not help")
    func truncated() throws {
        let (spool, thief) = try robbed()
        try thief.rewrite(key: { _, _ in nil }, edit: { $0.removeSubrange(6...) })
        #expect(try #require(spool.finding()).reason == .endCut(batches: 3, keyEpoch: 8))
        var bytes = try readFile(thief.path)
        let slot = try KeySlot.encode(
            thief.slot.key, epoch: 3, sealedWith: thief.reader.streamKeys.slots, ordinal: 1)
        for offset in JournalFormat.slotOffsets {
            for index in offset..<offset + 72 { bytes[index] = 0 }
        }
        bytes.replaceSubrange(KeySlot.offset(epoch: 3)..<KeySlot.offset(epoch: 3) + 72, with: slot)
        try writeFile(thief.path, bytes)
        #expect(try #require(spool.finding()).reason == .keySlotMismatch)
        // Nor does a writer who starts on the cut stream launder it.
        let next = try spool.journal()
        try next.close()
        #expect(spool.finding() != nil)
    }

    /// What a removal that the thief makes up says of itself.
    /// Times from now on, in seconds; `statedAt`: what time the thief says that it is.
    static let excuses: [(name: String, lastTime: Int64?, byteCount: UInt64?, statedAt: Int64)] = [
        ("nothing", nil, nil, 0),
        ("that they were older than the folder is", -91 * 86_400, 1, 0),
        ("that they were, at a time before it was made", -91 * 86_400, 1, -1),
        ("that they were as old as they were", 0, nil, 0),
        ("that they were, at a time that has not come yet", 0, nil, 91 * 86_400),
        ("that the spool was full", 0, 2 << 30, 0),
    ]

    @Test("older streams that are removed behind a checkpoint in the open batch are missed", arguments: excuses.indices)
    func removedBehindACheckpoint(_ index: Int) throws {
        let excuse = Self.excuses[index]
        let spool = try SpoolFixture()
        let clock = StillClock()
        let victim = try spool.journal(clock: clock)
        for number in 1...5 { try victim.append(.opened(number)) }
        try victim.close()
        let end = try #require(try spool.verify().streams.first)
        let robbed = try spool.journal(clock: clock)
        try robbed.append(.wrote(1))
        try robbed.sync()
        // What the driver holds: its keys make the record, as it would.
        let last = excuse.lastTime.map { Timestamp(seconds: clock.now().seconds + $0, nanoseconds: 5) }
        let removal = JournalRemoval(
            stream: victim.stream, throughOrdinal: 1, sequence: end.lastSequence, hash: end.headHash, isWhole: true,
            lastTime: last, byteCount: excuse.byteCount)
        let made = clock.now()
        clock.advance(excuse.statedAt)
        robbed.lock.lock()
        try robbed.appendCheckpoint(.removal, removals: [removal])
        robbed.lock.unlock()
        clock.advance(-excuse.statedAt)
        try robbed.sync()
        let list = RemovalList(entries: [
            .init(removal: removal, statedBy: robbed.stream, statedAt: robbed.head().sequence)
        ])
        let key = try #require(robbed.readingKeys.folderKey(SpoolFixture.folder))
        try writeFile(
            spool.path + "/" + SpoolFixture.folder.hex + ".removed",
            try list.encode(signingKey: robbed.signingKey, folderKey: key))
        run("rm", "-r", spool.path + "/" + victim.stream.hex)
        try robbed.close()
        let verifier = JournalVerifier(directory: spool.directory, keys: spool.auditKeys, bootID: SpoolFixture.bootA)
        // The next writer does not launder it: it says when the thief's stream had ended.
        try spool.journal(clock: clock).close()
        let report = try verifier.examine(made: [SpoolFixture.folder: made])
        #expect(report.findings.map(\.reason) == [.removalUnjustified], "\(excuse.name)")
        #expect(report.removals.map(\.removal.stream) == [victim.stream])
    }

    @Test("a stream made up from its beginning needs the genesis key, which the driver does not hold")
    func newStream() throws {
        let (spool, thief) = try robbed()
        let forger = JournalKeys(
            sealingKey: spool.keys.sealingKey, signingKey: spool.keys.signingKey,
            genesisKey: .random(count: 32), auditPublicKey: spool.keys.auditPublicKey)
        run("rm", "-rf", spool.path + "/" + thief.stream.hex)
        let forged = try Journal(
            directory: spool.directory, keys: forger, folder: SpoolFixture.folder, device: SpoolFixture.device,
            limits: .small, clock: SystemClock(), bootID: SpoolFixture.bootA)
        try forged.append(.wrote(1))
        try forged.close()
        #expect(try #require(spool.finding()).reason == .foreignGenesis)
    }

    @Test("the MAC keys of closed batches lie nowhere in the files, not even sealed")
    func noPastKeys() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal(limits: .slow)
        var seen: [[UInt8]] = []
        for number in 1...5 {
            try journal.append(.wrote(number))
            try journal.sync()
            let bytes = try readFile(spool.segmentPath(journal.stream, 1))
            let slots = JournalFormat.slotOffsets.map { Array(bytes[$0..<$0 + 72]) }
            #expect(slots.filter { $0.contains { $0 != 0 } }.count == 1)
            for old in seen { #expect(!bytes.contains(old)) }
            seen.append(slots.first { $0.contains { $0 != 0 } } ?? [])
        }
        try journal.close()
        let bytes = try readFile(spool.segmentPath(journal.stream, 1))
        #expect(bytes[256..<512].allSatisfy { $0 == 0 })
    }

    @Test("the keys that a driver has of one folder's journal open no other folder's")
    func otherFolder() throws {
        let spool = try SpoolFixture()
        let own = try spool.journal()
        let other = try spool.journal(folder: SpoolFixture.otherFolder)
        try own.append(.opened(1))
        try other.append(.opened(1))
        #expect(own.readingKeys.folderKey(SpoolFixture.folder) != nil)
        #expect(own.readingKeys.folderKey(SpoolFixture.otherFolder) == nil)
        func reading(_ stream: StreamID) throws -> Int {
            let reader = try StreamReader(
                directory: spool.directory.subdirectory(stream.hex), stream: stream, keys: own.readingKeys)
            var count = 0
            try reader.readMore(isLive: true, mayBeTorn: false) { _ in
                count += 1
                return true
            }
            return count
        }
        #expect(try reading(own.stream) == 1)
        #expect(throws: JournalFinding.self) { _ = try reading(other.stream) }
        // Nor does the folder's own key open a frame of the other's stream, whatever its header says.
        let key = try #require(own.readingKeys.folderKey(SpoolFixture.folder))
        let bytes = try readFile(spool.segmentPath(other.stream, 1))
        let frames = StreamKeys(key, stream: other.stream, device: SpoolFixture.device).frames
        let found = bytes.withUnsafeBytes {
            FrameSealer.open($0, at: 4_096, stream: other.stream, ordinal: 1, key: frames)
        }
        guard case .unauthentic = found else {
            Issue.record("a frame of another folder opens")
            return
        }
        try own.close()
        try other.close()
    }

    @Test("a running journal holds no key that could vouch for a stream or open a first MAC key")
    func heldKeys() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        #expect(journal.readingKeys.genesisKey == nil)
        #expect(journal.readingKeys.auditKey == nil)
        try journal.close()
    }
}
