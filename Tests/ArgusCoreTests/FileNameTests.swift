import ArgusCore
import Testing

@Suite("File names")
struct FileNameTests {
    private func name(_ bytes: [UInt8]) throws -> FileName { try bytes.withUnsafeBytes { try FileName($0) } }

    @Test(
        "a name is any bytes that are one component",
        arguments: ["a", "...", "..a", ".a", "a.", "Grüße", String(repeating: "x", count: 255), " ", "\n"])
    func accepted(text: String) throws {
        #expect(try FileName(text).bytes == Array(text.utf8))
        #expect(try FileName(text).text == text)
    }

    @Test("what is no component is refused", arguments: ["", ".", "..", "/", "a/b", "a\0", "\0"])
    func refused(text: String) {
        #expect(throws: FileSystemError.invalidArgument) { try FileName(text) }
    }

    @Test("a name of 256 bytes is too long, whatever it holds", arguments: ["x", "/"])
    func tooLong(character: String) {
        #expect(throws: FileSystemError.nameTooLong) { try FileName(String(repeating: character, count: 256)) }
    }

    @Test("a name that is no UTF-8 keeps its bytes")
    func notText() throws {
        let name = try name([0xff, 0x61])
        #expect(name.bytes == [0xff, 0x61])
        #expect(name.text == "\u{fffd}a")
    }

    @Test("names are equal by their bytes: two forms of a letter are two names")
    func normalization() throws {
        #expect(try FileName("\u{e9}") != FileName("e\u{301}"))
    }

    @Test("printing a name in any way tells its length alone")
    func redacted() throws {
        let name = try FileName("diagnosis.pdf")
        for text in ["\(name)", String(reflecting: name), "\([name])", "\(Optional(name) as Any)"] {
            #expect(!text.contains("diagnosis"))
            #expect(text.contains("13 bytes"))
        }
    }
}
