import ArgusCore
import Testing

@Suite("Bytes of formats")
struct BytesTests {
    @Test(
        "hexadecimal digits",
        arguments: [([], ""), ([0], "00"), ([0x0f, 0xf0, 0xab], "0ff0ab")] as [([UInt8], String)])
    func hex(bytes: [UInt8], text: String) {
        #expect(Hex.encode(bytes) == text)
        #expect(Hex.decode(text) == bytes)
    }

    @Test("every byte has digits of its own")
    func everyByte() {
        let bytes = [UInt8](0...255)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }

    @Test("what hexadecimal does not write is not read", arguments: ["0", "0g", "AB", "0x00", " 00", "é0"])
    func notHex(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test("an identifier is 16 bytes or 32 digits, and comes back the same")
    func identifier() throws {
        let bytes = [UInt8](0xf0...0xff)
        let folder = try #require(FolderID(bytes: bytes))
        #expect(folder.bytes == bytes)
        #expect(FolderID(hex: folder.hex) == folder)
        #expect(folder.high == 0xf0f1_f2f3_f4f5_f6f7)
        for count in [0, 15, 17] { #expect(FolderID(bytes: [UInt8](repeating: 1, count: count)) == nil) }
        #expect(FolderID(hex: "00") == nil)
        #expect(FolderID.random() != FolderID.random())
    }

    @Test("fields are read as they were written, little-endian")
    func fields() throws {
        var writer = ByteWriter()
        writer.integer(UInt8(1))
        writer.integer(UInt32(0x0403_0201))
        writer.integer(Int64(-2))
        let folder = FolderID.random()
        writer.identifier(folder)
        writer.append([9, 8])
        writer.pad(to: 40)
        #expect(Array(writer.bytes[..<5]) == [1, 1, 2, 3, 4])
        #expect(writer.bytes.count == 40)
        try writer.bytes.withUnsafeBytes { bytes throws in
            var reader = ByteReader(bytes)
            let fields = (
                try reader.integer(UInt8.self), try reader.integer(UInt32.self), try reader.integer(Int64.self),
                try reader.identifier(FolderID.self)
            )
            #expect(fields == (1, 0x0403_0201, -2, folder))
            let tail = try reader.bytes(2)
            #expect(tail == [9, 8])
            #expect(reader.offset == 31)
            let padding = try reader.bytes(reader.remaining)
            #expect(padding == [UInt8](repeating: 0, count: 9))
            #expect(reader.remaining == 0)
        }
    }

    @Test("no field reaches past the end, and a refused one moves nothing", arguments: 0..<8)
    func bounds(count: Int) {
        [UInt8](repeating: 1, count: count).withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            #expect(throws: MalformedBytes.self) { try reader.integer(UInt64.self) }
            #expect(throws: MalformedBytes.self) { try reader.bytes(count + 1) }
            #expect(throws: MalformedBytes.self) { try reader.bytes(Int.max) }
            #expect(throws: MalformedBytes.self) { try reader.bytes(-1) }
            #expect(throws: MalformedBytes.self) { try reader.identifier(FolderID.self) }
            #expect(reader.offset == 0)
            #expect((try? reader.bytes(count)) == bytes.map { $0 })
            #expect(throws: MalformedBytes.self) { try reader.integer(UInt8.self) }
            #expect((try? reader.bytes(0)) == [])
        }
    }
}
