internal import ArgusStore
internal import ArgusSystem
internal import Synchronization

/// What a store does as a whole, and from several threads.
extension BackingStoreConformance {
    static let storeChecks = [
        Check("syncing a name and syncing everything succeed and change nothing") { store in
            try store.syncAll()
            try store.create(name()).write([1, 2, 3])
            try store.syncName(name())
            try store.syncName(name())
            _ = try store.create(name(2))
            try store.remove(name(2))
            try store.syncAll()
            try store.syncAll()
            try expect(try store.open(name(), writable: false).bytes(9) == [1, 2, 3], "the content changed")
            try expect(!(try store.exists(name(2))), "a removed object came back")
        },
        Check("a location is one object's alone and stays the same") { store in
            let locations = (1...100).map { store.location(of: name($0)) }
            try expect(Set(locations).count == 100, "objects share a location")
            _ = try store.create(name(1))
            try expect(store.location(of: name(1)) == locations[0], "the location changed")
        },
        Check("the space is told without contradiction") { store in
            let space = try store.space()
            try expect(space.totalBytes > 0, "there is no room at all")
            try expect(space.freeBytes <= space.totalBytes, "more bytes are free than there are")
            try expect(space.availableBytes <= space.freeBytes, "more bytes are available than free")
            try expect(space.freeObjects <= space.totalObjects, "more objects are free than there are")
        },
        Check("a reserve is at most what was asked, can be changed, given back and made again") { store in
            let reserved = try store.reserve(1 << 20)
            try expect(reserved == 0 || reserved == 1 << 20, "\(reserved) bytes of a mebibyte are reserved")
            for byteCount: UInt64 in [1 << 20, 4 << 20, 1 << 19, 0, 1 << 20] {
                try expect(try store.reserve(byteCount) <= byteCount, "more than \(byteCount) bytes are reserved")
            }
            try store.releaseReserve()
            try store.releaseReserve()
            try expect(try store.reserve(1 << 20) == reserved, "it cannot be made again")
            var found = 0
            try store.forEachObject(
                { _ in
                    found += 1
                    return true
                }, stray: { _ in found += 1 })
            try expect(found == 0, "the reserve is listed")
            try store.releaseReserve()
        },
    ]

    static let threadChecks = [
        Check("of several threads that create a name one succeeds") { store in
            for round in 1...20 {
                let created = Atomic(0)
                let refused = Atomic(0)
                inParallel(4) { _ in
                    do throws(StoreError) {
                        _ = try store.create(name(UInt64(round)))
                        created.add(1, ordering: .relaxed)
                    } catch {
                        if error == .exists { refused.add(1, ordering: .relaxed) }
                    }
                }
                try expect(created.load(ordering: .relaxed) == 1, "not just one thread created the object")
                try expect(refused.load(ordering: .relaxed) == 3, "another error than .exists")
            }
        },
        Check("threads write and read their parts of an object at the same time") { store in
            let object = try store.create(name())
            let failures = Atomic(0)
            inParallel(4) { thread in
                // Neighbouring threads share pages: 1,000 bytes each, interleaved.
                for round in 0..<100 {
                    let offset = UInt64((round * 4 + thread) * 1_000)
                    let bytes = pattern(1_000, seed: UInt8(thread * 50))
                    do throws(StoreError) {
                        try object.write(bytes, at: offset)
                        if try object.bytes(1_000, at: offset) != bytes { failures.add(1, ordering: .relaxed) }
                    } catch {
                        failures.add(1, ordering: .relaxed)
                    }
                }
            }
            try expect(failures.load(ordering: .relaxed) == 0, "a thread did not read what it wrote")
            for part in 0..<400 {
                let bytes = try object.bytes(1_000, at: UInt64(part * 1_000))
                try expect(bytes == pattern(1_000, seed: UInt8(part % 4 * 50)), "part \(part) was lost")
            }
        },
        Check("threads create, list, sync and remove at the same time") { store in
            let failures = Atomic(0)
            inParallel(4) { thread in
                for round in 0..<40 {
                    let name = name(UInt64(thread * 1_000 + round + 1))
                    do throws(StoreError) {
                        try store.create(name).write([1])
                        try store.forEachObject({ _ in true }, stray: { _ in failures.add(1, ordering: .relaxed) })
                        if round % 10 == 0 { try store.syncName(name) }
                        if round % 20 == 0 { try store.syncAll() }
                        try store.remove(name)
                    } catch {
                        failures.add(1, ordering: .relaxed)
                    }
                }
            }
            try expect(failures.load(ordering: .relaxed) == 0, "an operation failed")
            try store.forEachObject({ _ in false }, stray: { _ in })
        },
    ]

    private static func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<count).map { number in Thread.start(name: "conformance") { body(number) } }
        for thread in threads { thread.join() }
    }
}
