import ArgusCore
import ArgusJournal
import Testing

@testable import ArgusCommands

@Suite("Times, spans and tables as text")
struct TextTests {
    @Test(
        "a time is printed in RFC 3339 and read back",
        arguments: [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400, 5, "2000-02-29T00:00:00.000000005Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (1_795_405_225, 123_456_789, "2026-11-23T03:40:25.123456789Z"),
            (4_102_444_800, 0, "2100-01-01T00:00:00.000000000Z"),
        ] as [(Int64, UInt32, String)])
    func timestamps(seconds: Int64, nanoseconds: UInt32, text: String) {
        let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
        #expect(time.rfc3339 == text)
        #expect(Timestamp(text: text) == time)
    }

    @Test(
        "times are read as people write them",
        arguments: [
            ("2026-11-23", 1_795_392_000), ("2026-11-23T03:40", 1_795_405_200), ("2026-11-23 03:40:25", 1_795_405_225),
            ("2026-11-23T04:40:25+01:00", 1_795_405_225), ("2026-11-22t22:40:25.5-05:00", 1_795_405_225),
        ] as [(String, Int64)])
    func readTimes(text: String, seconds: Int64) {
        #expect(Timestamp(text: text)?.seconds == seconds)
    }

    @Test(
        "what is no time is refused",
        arguments: ["", "2026", "2026-13-01", "2026-11-23T25:00", "2026-11-23T03:40:25.Z", "2026-11-23Zx", "yesterday"])
    func refusedTimes(text: String) {
        #expect(Timestamp(text: text) == nil)
    }

    @Test(
        "a span of time takes units",
        arguments: [("90", 90), ("90s", 90), ("15m", 900), ("8h", 28_800), ("2d", 172_800), ("1h30m", 5400)]
            as [(String, UInt32)])
    func spans(text: String, seconds: UInt32) {
        #expect(TimeSpan(text: text)?.seconds == seconds)
    }

    @Test("what is no span is refused", arguments: ["", "0", "h", "1x", "-5", "99999999999", "1h m", "٣"])
    func refusedSpans(text: String) {
        #expect(TimeSpan(text: text) == nil)
    }

    @Test("columns are as wide as their widest cell, and no cell drives the terminal")
    func table() {
        var table = Table("NAME", "SIZE")
        table.add("a\u{1b}[31m", "1")
        table.add("longer", "22")
        #expect(table.text == "NAME    SIZE\na?[31m  1\nlonger  22\n")
    }

    @Test(
        "byte counts are short",
        arguments: [
            (0, "0"), (1023, "1023"), (1024, "1 KiB"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"),
            ((1 << 20) - 1, "1 MiB"), (UInt64.max, "16 EiB"),
        ] as [(UInt64, String)])
    func byteCounts(count: UInt64, text: String) {
        #expect(byteCountText(count) == text)
    }

    @Test(
        "paths in a folder are made plain",
        arguments: [("", "/"), ("/", "/"), ("a", "/a"), ("/a//b/", "/a/b"), ("./a/.", "/a"), ("/a/../b", "/a/../b")])
    func virtualPaths(text: String, plain: String) {
        #expect(VirtualPath.normalized(text) == Array(plain.utf8))
    }

    @Test("a mapping row keeps a path that is no UTF-8, and has its nulls")
    func mappingRow() throws {
        let row = MappingRow(
            path: [0x2f, 0xff], fileID: FileID(high: 0, low: 1), inode: InodeNumber(7), kind: "file", size: 3,
            capsule: nil,
            location: nil, owner: "anna", protection: "private", keyVersion: nil, modified: .epoch)
        let text = try JSONOutput.text(row)
        #expect(
            text == """
                {"capsule":null,"fileId":"00000000000000000000000000000001","inode":7,"keyVersion":null,"kind":"file",\
                "location":null,"modified":"1970-01-01T00:00:00.000000000Z","owner":"anna","path":"/\u{fffd}",\
                "pathHex":"2fff","protection":"private","size":3}
                """)
    }
}
