internal import ArgusStore
internal import Glibc

/// What an object does with its bytes.
extension BackingStoreConformance {
    static let contentChecks = [
        Check("a new object is empty") { store in
            let object = try store.create(name())
            try expect(try object.size() == 0, "its size is not 0")
            try expect(try object.bytes(10).isEmpty, "it has bytes")
            try expect(try object.allocatedBytes() <= 4096, "it takes up room")
        },
        Check("a read fills the buffer, and returns fewer bytes only where the object ends") { store in
            let object = try store.create(name())
            let content = pattern(10_000)
            try object.write(content)
            let cases: [(offset: Int, count: Int)] = [
                (0, 10_000), (0, 1), (1, 4096), (4095, 2), (4096, 4096), (9_999, 1), (9_999, 50), (5_000, 20_000),
                (10_000, 1), (10_001, 1), (1 << 40, 4096), (3, 0),
            ]
            for (offset, count) in cases {
                let expected = [UInt8](content.dropFirst(offset).prefix(count))
                try expect(
                    try object.bytes(count, at: UInt64(offset)) == expected, "\(count) bytes at \(offset) differ")
            }
            try expect(try object.bytes(1, at: .max).isEmpty, "something lies at the last offset")
            try expect(try object.bytes(1, at: UInt64(Int64.max)).isEmpty, "something lies at the last file offset")
        },
        Check("a write stores all of the buffer, anywhere") { store in
            let object = try store.create(name())
            var expected: [UInt8] = []
            let cases: [(offset: Int, count: Int)] = [
                (0, 100), (50, 100), (4096, 4096), (4090, 12), (20_000, 5), (0, 1), (8191, 2), (3, 0),
                (100_000, 70_000),
            ]
            for (step, (offset, count)) in cases.enumerated() {
                let bytes = pattern(count, seed: UInt8(step))
                try object.write(bytes, at: UInt64(offset))
                if count > 0, expected.count < offset + count {
                    expected += repeatElement(0, count: offset + count - expected.count)
                }
                expected.replaceSubrange(offset..<offset + count, with: bytes)
                try expect(try object.size() == UInt64(expected.count), "the size is wrong after step \(step)")
                try expect(try object.bytes(expected.count + 1) == expected, "the content is wrong after step \(step)")
            }
        },
        Check("an empty write beyond the end changes nothing") { store in
            let object = try store.create(name())
            try object.write([], at: 1_000)
            try expect(try object.size() == 0, "the size changed")
        },
        Check("offsets that no file has are refused, and change nothing") { store in
            let object = try store.create(name())
            for offset in [UInt64(Int64.max), .max - 1, .max] {
                try expect(.failed(errno: EFBIG), "a write") { () throws(StoreError) in
                    try object.write([1, 2], at: offset)
                }
            }
            try expect(.failed(errno: EFBIG), "a cut") { () throws(StoreError) in try object.truncate(to: .max) }
            try expect(.failed(errno: EFBIG), "a hole") { () throws(StoreError) in
                try object.punchHole(1 << 63..<UInt64.max)
            }
            try expect(try object.size() == 0, "the size changed")
        },
        Check("truncate cuts, and extends with zeros") { store in
            let object = try store.create(name())
            let content = pattern(10_000)
            try object.write(content)
            try object.truncate(to: 5_001)
            try expect(try object.bytes(20_000) == Array(content.prefix(5_001)), "the rest changed when it was cut")
            try object.truncate(to: 12_000)
            let zeros = [UInt8](repeating: 0, count: 12_000 - 5_001)
            try expect(try object.bytes(20_000) == content.prefix(5_001) + zeros, "what was cut came back")
            try object.truncate(to: 0)
            try expect(try object.size() == 0, "the size is not 0")
            try object.write([9], at: 100)
            try expect(try object.bytes(200) == [UInt8](repeating: 0, count: 100) + [9], "a gap is not zeros")
        },
        Check("a hole reads as zeros, frees space and leaves the size") { store in
            let object = try store.create(name())
            let content = pattern(1 << 20)
            try object.write(content)
            try object.sync()
            let before = try object.allocatedBytes()
            let cases: [Range<Int>] = [
                65_536..<917_504, 10..<20, 4_000..<9_000, 1_048_570..<1_048_576, 5..<5, 1_048_000..<2_000_000,
            ]
            var expected = content
            for range in cases {
                try object.punchHole(UInt64(range.lowerBound)..<UInt64(range.upperBound))
                let inside = range.clamped(to: 0..<expected.count)
                expected.replaceSubrange(inside, with: repeatElement(0, count: inside.count))
                try expect(try object.size() == 1 << 20, "the hole \(range) changed the size")
                try expect(try object.bytes(1 << 21) == expected, "the hole \(range) is wrong")
            }
            try object.sync()
            try expect(try object.allocatedBytes() < before, "no space was freed")
        },
        Check("objects are sparse") { store in
            let object = try store.create(name())
            let far: UInt64 = 1 << 40
            try object.write([1], at: far)
            try object.sync()
            try expect(try object.size() == far + 1, "the size is wrong")
            try expect(try object.bytes(2, at: far) == [1], "the far byte is lost")
            try expect(try object.bytes(3, at: far / 2) == [0, 0, 0], "the gap is not zeros")
            try expect(try object.allocatedBytes() < 1 << 20, "the gap takes up room")
        },
        Check("allocated bytes tell what an object takes up") { store in
            let object = try store.create(name())
            try object.write(pattern(1 << 20))
            try object.sync()
            let allocated = try object.allocatedBytes()
            try expect(allocated >= 1 << 20, "\(allocated) bytes hold a mebibyte")
            try object.truncate(to: 0)
            try object.sync()
            try expect(try object.allocatedBytes() < 1 << 20, "nothing was freed")
        },
        Check("sync leaves the content as it is, also twice and with nothing to do") { store in
            let object = try store.create(name())
            try object.sync()
            try object.write(pattern(5_000))
            try object.sync()
            try object.sync()
            try expect(try object.bytes(9_000) == pattern(5_000), "the content changed")
            try store.open(name(), writable: false).sync()
        },
    ]
}
