import ArgusCore
import Glibc
import Testing

@testable import ArgusFS
@testable import ArgusFUSE

@Suite("A request is answered exactly once")
struct ReplyTests {
    @Test("with its content")
    func content() throws {
        let pair = try SocketPair()
        [UInt8](1...5).withUnsafeBytes {
            Reply(descriptor: pair.driver, unique: 9, opcode: Opcode.read.rawValue).send($0)
        }
        #expect(try pair.received() == SocketPair.Message(error: 0, unique: 9, payload: [1, 2, 3, 4, 5]))
        #expect(try pair.received() == nil)
    }

    @Test("or with an error")
    func error() throws {
        let pair = try SocketPair()
        Reply(descriptor: pair.driver, unique: 10, opcode: Opcode.lookup.rawValue).fail(ENOENT)
        #expect(try pair.received() == SocketPair.Message(error: -ENOENT, unique: 10, payload: []))
        #expect(try pair.received() == nil)
    }

    @Test("with EIO where it was forgotten")
    func dropped() throws {
        let pair = try SocketPair()
        do { _ = Reply(descriptor: pair.driver, unique: 11, opcode: Opcode.lookup.rawValue) }
        #expect(try pair.received() == SocketPair.Message(error: -EIO, unique: 11, payload: []))
        #expect(try pair.received() == nil)
    }

    @Test("and not at all where the kernel waits for nothing")
    func omitted() throws {
        let pair = try SocketPair()
        Reply(descriptor: pair.driver, unique: 12, opcode: Opcode.forget.rawValue).omit()
        #expect(try pair.received() == nil)
    }
}

@Suite("Listings are written as the kernel reads them")
struct DirectoryWriterTests {
    private func item(_ name: String, _ inode: UInt64, _ cookie: UInt64) throws -> DirectoryItem {
        let time = Timestamp(seconds: -2, nanoseconds: 5)
        let attributes = FileAttributes(
            inode: InodeNumber(inode), kind: .file, permissions: 0o640, linkCount: 1, uid: 1, gid: 2, size: 77,
            accessed: time, modified: time, changed: time, created: time)
        return DirectoryItem(
            name: try FileName(name), inode: InodeNumber(inode), kind: .file, cookie: cookie, attributes: attributes)
    }

    private func append(to writer: inout DirectoryWriter, _ body: (inout DirectoryWriter) throws -> Bool) throws {
        let fits = try body(&writer)
        #expect(fits)
    }

    @Test("a record carries inode, cookie, type and name, and ends on eight bytes", arguments: [1, 7, 8, 9, 255])
    func plain(nameCount: Int) throws {
        let buffer = AnswerBuffer()
        var writer = DirectoryWriter(buffer.bytes, withAttributes: false)
        let name = String(repeating: "n", count: nameCount)
        try append(to: &writer) { $0.append(dots: 2, 44, cookie: 2) }
        #expect(writer.count == 32)
        try append(to: &writer) { $0.append(try item(name, 5, 3), as: .whole) }
        #expect(writer.count == 32 + (24 + nameCount + 7) / 8 * 8)
        let raw = UnsafeRawBufferPointer(buffer.bytes)
        #expect(raw.load(as: UInt64.self) == 44)
        #expect(raw.load(fromByteOffset: 8, as: UInt64.self) == 2)
        #expect(raw.load(fromByteOffset: 20, as: UInt32.self) == 4)
        #expect(Array(raw[24..<32]) == Array("..".utf8) + [0, 0, 0, 0, 0, 0])
        #expect(raw.load(fromByteOffset: 32, as: UInt64.self) == 5)
        #expect(raw.load(fromByteOffset: 40, as: UInt64.self) == 3)
        #expect(raw.load(fromByteOffset: 48, as: UInt32.self) == UInt32(nameCount))
        #expect(raw.load(fromByteOffset: 52, as: UInt32.self) == 8)
        #expect(Array(raw[56..<56 + nameCount]) == Array(name.utf8))
    }

    @Test("with attributes, a child comes with its entry, and `.` with none")
    func plus() throws {
        let buffer = AnswerBuffer()
        var writer = DirectoryWriter(buffer.bytes, withAttributes: true)
        try append(to: &writer) { $0.append(dots: 1, 1, cookie: 1) }
        #expect(writer.count == 128 + 32)
        try append(to: &writer) { $0.append(try item("a", 5, 3), as: .whole) }
        let raw = UnsafeRawBufferPointer(buffer.bytes)
        #expect(raw.load(as: UInt64.self) == 0)
        #expect(raw.load(fromByteOffset: 160, as: UInt64.self) == 5)
        // attr begins behind node id, generation and the two timeouts: ino, size, blocks, atime.
        #expect(raw.load(fromByteOffset: 160 + 16, as: UInt64.self) == 86_400)
        #expect(raw.load(fromByteOffset: 160 + 40, as: UInt64.self) == 5)
        #expect(raw.load(fromByteOffset: 160 + 48, as: UInt64.self) == 77)
        #expect(raw.load(fromByteOffset: 160 + 64, as: Int64.self) == -2)
        #expect(raw.load(fromByteOffset: 160 + 100, as: UInt32.self) == 0o100640)
    }

    @Test("what does not fit is refused and leaves no trace", arguments: [0, 31, 63])
    func full(room: Int) throws {
        let buffer = AnswerBuffer()
        var writer = DirectoryWriter(
            UnsafeMutableRawBufferPointer(rebasing: buffer.bytes.prefix(room)), withAttributes: false)
        var taken = 0
        let item = try item("abcdefgh", 5, 3)
        while writer.append(item, as: .whole) { taken += 1 }
        #expect(taken == room / 32)
        #expect(writer.count == taken * 32)
    }
}
