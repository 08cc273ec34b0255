import ArgusCore
import ArgusJournal
import ArgusSystem
import Testing

/// Attacks on the files of a spool by someone who has no key.
@Suite("Tampering with a spool is found and named")
struct TamperTests {
    /// A closed stream of several segments and the frames in its first one.
    struct Closed {
        let spool: SpoolFixture
        let stream: StreamID
        let head: JournalHead
        let recordCount: UInt64

        init(records: Int = 1_200) throws {
            spool = try SpoolFixture()
            let journal = try spool.journal()
            for number in 1...records {
                try journal.append(.wrote(number))
                if number.isMultiple(of: 50) { try journal.sync() }
            }
            try journal.close()
            stream = journal.stream
            let end = journal.head()
            head = JournalHead(folder: SpoolFixture.folder, sequence: end.sequence, hash: end.hash)
            recordCount = end.sequence
        }

        func change(_ ordinal: Int, _ edit: (inout [UInt8]) throws -> Void) throws {
            let path = spool.segmentPath(stream, ordinal)
            var bytes = try readFile(path)
            try edit(&bytes)
            try writeFile(path, bytes)
        }
    }

    /// Where a frame lies in a segment, what kind it is, and how long it is with its padding.
    struct Frame {
        var kind: UInt8
        var range: Range<Int>
    }

    static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var offset = 4_096
        while offset + 8 <= bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
            if length == 0 { break }
            let end = offset + (length + 7) / 8 * 8
            frames.append(Frame(kind: bytes[offset + 4], range: offset..<end))
            offset = end
        }
        return frames
    }

    @Test("the untouched spool verifies")
    func untouched() throws {
        let closed = try Closed()
        #expect(closed.spool.finding(expecting: [closed.head]) == nil)
    }

    @Test("a flipped bit anywhere in a segment of an ended stream is found", arguments: [1, 2])
    func flippedBit(ordinal: Int) throws {
        let closed = try Closed(records: 700)
        let path = closed.spool.segmentPath(closed.stream, ordinal)
        let original = try readFile(path)
        // Every byte of the fields and the first frame, and bytes all over the rest.
        let positions =
            Array(0..<530) + Array(stride(from: 530, to: 4_090, by: 37))
            + Array(4_090..<4_400) + Array(stride(from: 4_400, to: original.count, by: 1_009))
        for position in positions {
            var bytes = original
            bytes[position] ^= 1 << UInt8(position % 8)
            try writeFileInPlace(path, bytes, at: position)
            if closed.spool.finding() == nil { Issue.record("byte \(position) of segment \(ordinal) may be changed") }
            try writeFileInPlace(path, original, at: position)
        }
        #expect(closed.spool.finding() == nil)
    }

    @Test("a changed record is named", arguments: [1, 7, 60, 150])
    func changed(index: Int) throws {
        let closed = try Closed()
        var expected: UInt64 = 0
        try closed.change(1) { bytes in
            let frames = Self.frames(bytes)
            let records = frames.filter { $0.kind == 1 }
            expected = UInt64(index)
            bytes[records[index - 1].range.lowerBound + 40] ^= 1
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.stream == closed.stream)
        #expect(finding.segment == 1)
        #expect(finding.sequence == expected)
        #expect(finding.reason == .frameUnauthentic)
    }

    @Test("a removed record is named, whatever closes up behind it")
    func removed() throws {
        let closed = try Closed()
        try closed.change(1) { bytes in
            let frame = Self.frames(bytes).filter { $0.kind == 1 }[9]
            let count = bytes.count
            bytes.removeSubrange(frame.range)
            bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.sequence == 10)
        #expect(finding.reason == .frameUnauthentic)
    }

    @Test("two swapped records of equal length are named")
    func swapped() throws {
        let closed = try Closed()
        try closed.change(1) { bytes in
            let records = Self.frames(bytes).filter { $0.kind == 1 }
            let (first, second) = (records[20].range, records[21].range)
            #expect(first.count == second.count)
            let kept = Array(bytes[first])
            bytes.replaceSubrange(first, with: Array(bytes[second]))
            bytes.replaceSubrange(second, with: kept)
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.sequence == 21)
        #expect(finding.reason == .frameUnauthentic)
    }

    @Test("an inserted copy of a record is named")
    func inserted() throws {
        let closed = try Closed()
        try closed.change(1) { bytes in
            let frame = Self.frames(bytes).filter { $0.kind == 1 }[4].range
            bytes.insert(contentsOf: Array(bytes[frame]), at: frame.upperBound)
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.reason == .headerMismatch || finding.sequence == 6)
    }

    @Test("a record put in the place of the one at the same position of another stream does not open")
    func foreignRecord() throws {
        let closed = try Closed(records: 20)
        let other = try closed.spool.journal()
        for number in 1...20 { try other.append(.wrote(number)) }
        try other.close()
        let source = try readFile(closed.spool.segmentPath(other.stream, 1))
        try closed.change(1) { bytes in
            let frame = Self.frames(bytes)[2].range
            bytes.replaceSubrange(frame, with: source[frame])
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.reason == .frameUnauthentic)
        #expect(finding.sequence == 3)
    }

    @Test("a cut end of an ended stream is found without the index", arguments: [1, 2, 5, 40])
    func cutEnd(frameCount: Int) throws {
        let closed = try Closed(records: 60)
        try closed.change(1) { bytes in
            let frames = Self.frames(bytes)
            bytes.removeSubrange(frames[frames.count - frameCount].range.lowerBound...)
        }
        let finding = try #require(closed.spool.finding())
        #expect(finding.reason == .keySlotMissing)
    }

    @Test("the newest record cut off a stream that was left is found by its key, and by the index")
    func cutLiveEnd() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        for number in 1...30 {
            try journal.append(.wrote(number))
            try journal.sync()
        }
        let end = journal.head()
        journal.abandon()
        #expect(spool.finding() == nil)
        let path = spool.segmentPath(journal.stream, 1)
        var bytes = try readFile(path)
        let records = Self.frames(bytes).filter { $0.kind == 1 }
        for index in records[28].range.lowerBound..<bytes.count { bytes[index] = 0 }
        try writeFile(path, bytes)
        let finding = try #require(spool.finding())
        #expect(finding.reason == .endCut(batches: 28, keyEpoch: 30))
        #expect(finding.sequence == 29)
        let head = JournalHead(folder: SpoolFixture.folder, sequence: end.sequence, hash: end.hash)
        #expect(spool.finding(expecting: [head]) != nil)
    }

    @Test("a removed segment is named, the first, a middle one and the last", arguments: [1, 2, 99])
    func removedSegment(ordinal: Int) throws {
        let closed = try Closed(records: 1_500)
        let names = try closed.spool.directory.subdirectory(closed.stream.hex).names().sorted()
        #expect(names.count >= 3)
        let ordinal = ordinal == 99 ? names.count : ordinal
        run("rm", closed.spool.segmentPath(closed.stream, ordinal))
        let finding = try #require(closed.spool.finding())
        switch ordinal {
        case 1: #expect(finding.reason == .removalNotRecorded)
        case names.count: #expect(finding.reason == .segmentMissing(UInt32(ordinal)))
        default: #expect(finding.reason == .segmentMissing(2))
        }
    }

    @Test("swapped segments are found")
    func swappedSegments() throws {
        let closed = try Closed()
        let first = closed.spool.segmentPath(closed.stream, 1)
        let second = closed.spool.segmentPath(closed.stream, 2)
        run("mv", first, first + ".x")
        run("mv", second, first)
        run("mv", first + ".x", second)
        #expect(try #require(closed.spool.finding()).reason == .malformedHeader)
    }

    @Test("a whole removed stream is found by the stream after it; the newest one by the index")
    func removedStream() throws {
        let spool = try SpoolFixture()
        var heads: [JournalHead] = []
        var streams: [StreamID] = []
        for number in 1...3 {
            let journal = try spool.journal()
            try journal.append(.opened(number))
            let head = journal.head()
            heads.append(JournalHead(folder: SpoolFixture.folder, sequence: head.sequence, hash: head.hash))
            streams.append(journal.stream)
            try journal.close()
        }
        #expect(spool.finding(expecting: [heads[2]]) == nil)
        run("mv", spool.path + "/" + streams[2].hex, spool.path + "/away")
        let newest = try #require(spool.finding(expecting: [heads[2]]))
        #expect(newest.reason == .expectedHeadMissing(.folder))
        run("mv", spool.path + "/away", spool.path + "/" + streams[2].hex)
        run("mv", spool.path + "/" + streams[1].hex, spool.path + "/away")
        let middle = try #require(spool.finding(expecting: [heads[2]]))
        #expect(middle.reason == .streamMissing)
        #expect(middle.stream == streams[1])
    }

    @Test("an older copy of the whole spool is found by the index")
    func replay() throws {
        let spool = try SpoolFixture()
        let journal = try spool.journal()
        try journal.append(.opened(1))
        try journal.sync()
        let older = spool.path + "-older"
        spool.copy(to: older)
        defer { run("rm", "-rf", older) }
        try journal.append(.opened(2))
        try journal.sync()
        let end = journal.head()
        try journal.close()
        let head = JournalHead(folder: SpoolFixture.folder, sequence: end.sequence, hash: end.hash)
        #expect(spool.finding(expecting: [head]) == nil)
        let replayed = JournalVerifier(
            directory: try DirectoryHandle(path: older), keys: spool.auditKeys, bootID: SpoolFixture.bootA)
        _ = try replayed.verify()
        #expect(throws: JournalFinding(folder: SpoolFixture.folder, sequence: 2, reason: .expectedHeadMissing(.folder)))
        {
            _ = try replayed.verify(expecting: [head])
        }
    }

    @Test("a stream of another realm, put into the spool, is not taken for one of this realm")
    func insertedStream() throws {
        let spool = try SpoolFixture()
        let foreign = JournalKeys.derive(masterKey: .random(count: 32), realm: SpoolFixture.realm)
        let journal = try Journal(
            directory: spool.directory, keys: foreign, folder: SpoolFixture.folder, device: SpoolFixture.device,
            limits: .small, clock: SystemClock())
        try journal.append(.opened(1))
        try journal.close()
        let finding = try #require(spool.finding())
        #expect(finding.reason == .foreignGenesis)
        #expect(finding.stream == journal.stream)
    }
}

/// Writes one byte into an existing file.
func writeFileInPlace(_ path: String, _ bytes: [UInt8], at position: Int) throws {
    let slash = try #require(path.lastIndex(of: "/"))
    let directory = try DirectoryHandle(path: String(path[..<slash]))
    let file = try directory.open(String(path[path.index(after: slash)...]), flags: 1)
    try #require(pwriteByte(file.rawValue, bytes[position], position))
}
