import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusStore
import ArgusTestKit
import Testing

@Suite("An index opens what is an index, and nothing else")
struct OpeningTests {
    private func capsule(in home: CapsuleIndexHome, page: [UInt8]?) throws -> Capsule {
        let object = try home.store.create(home.name)
        let capsule = try Capsule.create(in: object, identity: home.identity, keys: home.keys, now: IndexRows.time)
        guard let page else { return capsule }
        try capsule.setSize(UInt64(page.count))
        try page.withUnsafeBytes { bytes in
            try capsule.writePages([(index: 0, plaintext: UnsafeRawBufferPointer(rebasing: bytes[..<4096]))])
        }
        _ = try capsule.commit(times: capsule.times, label: nil)
        return capsule
    }

    @Test("what is no database, or cut, or empty, is corrupt")
    func noDatabase() throws {
        let pages: [[UInt8]?] = [nil, Array(repeating: 0, count: 4096), Array(repeating: 0x41, count: 4096)]
        for page in pages {
            let capsule = try capsule(in: CapsuleIndexHome(), page: page)
            #expect(throws: IndexError.self) { try SQLiteIndex(capsule: capsule, mode: .open) }
            do throws(IndexError) {
                _ = try SQLiteIndex(capsule: capsule, mode: .open)
            } catch {
                guard case .corrupt = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    @Test("a new index is not made over something else")
    func occupied() throws {
        let capsule = try capsule(in: CapsuleIndexHome(), page: Array(repeating: 0, count: 4096))
        #expect(throws: IndexError.corrupt(reason: "the capsule for a new index is not empty")) {
            try SQLiteIndex(capsule: capsule, mode: .create)
        }
    }

    @Test("the version and the application's mark in the file's header are checked")
    func header() throws {
        let home = CapsuleIndexHome()
        let index = try home.create()
        try index.apply(IndexRows.create("a", 10, size: 1))
        try index.commit(.process)
        try index.close()
        // Offsets of user_version and application_id in the header (https://sqlite.org/fileformat2.html, section 1.3).
        let cases: [(offset: Int, value: UInt32, error: IndexError)] = [
            (60, 2, .newerFormat(found: 2, supported: 1)), (60, .max, .corrupt(reason: "the database is no index")),
            (60, 0, .corrupt(reason: "the database is no index")),
            (68, 1, .corrupt(reason: "the database is no index")),
        ]
        for (offset, value, expected) in cases {
            let opened = try home.open().capsule
            var page = [UInt8](repeating: 0, count: 4096)
            try page.withUnsafeMutableBytes { bytes in
                _ = try opened.read(into: bytes, at: 0)
                bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
                try opened.writePages([(index: 0, plaintext: UnsafeRawBufferPointer(bytes))])
            }
            #expect(throws: expected) { try SQLiteIndex(capsule: opened, mode: .open) }
        }
    }

    @Test("other tables than the format's are corrupt")
    func otherTables() throws {
        let home = CapsuleIndexHome()
        let index = try home.create()
        try index.commit(.process)
        try index.close()
        let opened = try home.open().capsule
        var page = [UInt8](repeating: 0, count: 4096)
        try page.withUnsafeMutableBytes { bytes in
            _ = try opened.read(into: bytes, at: 0)
            // A column's name within the text of CREATE TABLE.
            let text = Array("root_tag".utf8)
            let place = try #require(
                (0..<4088).first { start in (0..<8).allSatisfy { bytes[start + $0] == text[$0] } })
            bytes[place] = UInt8(ascii: "b")
            try opened.writePages([(index: 0, plaintext: UnsafeRawBufferPointer(bytes))])
        }
        #expect(throws: IndexError.corrupt(reason: "the tables are not those of format 1")) {
            try SQLiteIndex(capsule: opened, mode: .open)
        }
    }

    @Test("an index opened for reading refuses changes")
    func readOnly() throws {
        let home = CapsuleIndexHome()
        let index = try home.create()
        try index.apply(IndexRows.create("a", 10, size: 1))
        try index.commit(.process)
        try index.close()
        let reader = try home.open(readOnly: true)
        #expect(throws: IndexError.readOnly) { try reader.apply([.removeInode(.root)]) }
        #expect(throws: IndexError.readOnly) { try reader.commit(.process) }
        #expect(try reader.inodeCount() == 2)
        #expect(try reader.verify() == [])
    }

    /// In a process of its own, since the count is the process's: damaged databases elsewhere make SQLite look for more.
    @Test("SQLite opens no file beside the capsule")
    func noOtherFile() async {
        await #expect(processExitsWith: .success) {
            let home = CapsuleIndexHome()
            let index = try home.create()
            for batch in 0..<20 {
                try index.apply(IndexWorkload.batch(seed: UInt64(batch), count: 300))
                try index.commit(.process)
            }
            _ = try index.verify()
            precondition(SQLiteIndex.refusedFileCount == 0)
        }
    }
}
