import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@Suite("A disk that fails and loses power does so as planned")
struct FaultStoreTests {
    private let name = ObjectName(Identifier(high: 1, low: 1))
    private let other = ObjectName(Identifier(high: 2, low: 2))

    private func page(_ value: UInt8, count: Int = 4096) -> [UInt8] { [UInt8](repeating: value, count: count) }

    private func content(_ store: FaultStore, _ name: ObjectName, after cut: PowerCut) -> [UInt8]? {
        store.contents(after: cut)[name]?.bytes
    }

    // MARK: Faults

    @Test("the chosen occurrence fails, and only that one")
    func occurrence() throws {
        let store = FaultStore()
        let object = try store.create(name)
        store.inject(StoreFault(.write, occurrence: 3, count: 2, error: .full))
        var failed: [Int] = []
        for step in 1...6 {
            do throws(StoreError) {
                try object.write([UInt8(step)], at: UInt64(step))
            } catch {
                #expect(error == .full)
                failed.append(step)
            }
        }
        #expect(failed == [3, 4])
        #expect(store.count(of: .write) == 6)
        #expect(try object.bytes(9) == [0, 1, 2, 0, 0, 5, 6])
    }

    @Test("every kind of operation can fail", arguments: StoreOperation.allCases)
    func everyKind(_ operation: StoreOperation) throws {
        let store = FaultStore()
        let object = try store.create(name)
        try object.write([1])
        store.inject(StoreFault(operation, count: .max, error: .failed(errno: 5)))
        #expect(throws: StoreError.failed(errno: 5)) {
            switch operation {
            case .create: _ = try store.create(other)
            case .open: _ = try store.open(name, writable: true)
            case .remove: try store.remove(name)
            case .exists: _ = try store.exists(name)
            case .list: try store.forEachObject({ _ in true }, stray: { _ in })
            case .syncName: try store.syncName(name)
            case .syncAll: try store.syncAll()
            case .space: _ = try store.space()
            case .reserve: _ = try store.reserve(1)
            case .releaseReserve: try store.releaseReserve()
            case .read: _ = try object.bytes(1)
            case .write: try object.write([2])
            case .truncate: try object.truncate(to: 0)
            case .punchHole: try object.punchHole(0..<1)
            case .sync: try object.sync()
            case .size: _ = try object.size()
            case .allocatedBytes: _ = try object.allocatedBytes()
            }
        }
        store.clearFaults()
        #expect(try object.bytes(9) == [1])
        #expect(try !store.exists(other))
        #expect(try store.exists(name))
    }

    @Test("a failed write stores what its effect says")
    func partialWrites() throws {
        let store = FaultStore()
        let object = try store.create(name)
        store.inject(StoreFault(.write, error: .full, effect: .prefix(byteCount: 1_000)))
        #expect(throws: StoreError.full) { try object.write(page(1)) }
        #expect(try object.bytes(5_000) == page(1, count: 1_000))

        store.inject(StoreFault(.write, error: .failed(errno: 5), effect: .everything))
        #expect(throws: StoreError.failed(errno: 5)) { try object.write(page(2)) }
        #expect(try object.bytes(5_000) == page(2))

        store.inject(StoreFault(.write, error: .failed(errno: 5), effect: .torn(seed: 1)))
        #expect(throws: StoreError.failed(errno: 5)) { try object.write(page(3)) }
        let torn = try object.bytes(5_000)
        #expect(torn.count == 4096 && torn.contains(2) && torn.contains(3))
        for sector in stride(from: 0, to: 4096, by: 512) {
            #expect(Set(torn[sector..<sector + 512]).count == 1, "a sector is torn")
        }
    }

    @Test("after the power is cut nothing works")
    func poweredOff() throws {
        let store = FaultStore()
        let object = try store.create(name)
        store.cutPower(after: 2)
        try object.write([1])
        #expect(throws: StoreError.unavailable) { try object.write([2]) }
        #expect(throws: StoreError.unavailable) { try object.bytes(1) }
        #expect(throws: StoreError.unavailable) { try store.open(name, writable: false) }
        #expect(store.operationCount == 2)
    }

    // MARK: Power cuts

    @Test("what was synced is there after every later cut, whatever the fate")
    func syncedStays() throws {
        let store = FaultStore()
        let object = try store.create(name)
        try object.write(page(1))
        try object.sync()
        try store.syncName(name)
        let durable = store.operationCount
        try object.write(page(2), at: 4096)
        try store.create(other).write(page(3))
        store.forEachPowerCut(in: durable...store.operationCount, seeds: 20) { cut, found in
            let bytes = found.memory.content(of: name)?.bytes ?? []
            #expect(Array(bytes.prefix(4096)) == page(1), "\(cut)")
        }
    }

    @Test("a name needs its own sync, and so does the content")
    func namesAndContents() throws {
        let store = FaultStore()
        let object = try store.create(name)
        try object.write(page(1))
        try object.sync()
        #expect(content(store, name, after: PowerCut(after: store.operationCount, .lost)) == nil)
        try store.syncName(name)
        #expect(content(store, name, after: PowerCut(after: store.operationCount, .lost)) == page(1))

        try store.create(other).write(page(2))
        try store.syncName(other)
        #expect(content(store, other, after: PowerCut(after: store.operationCount, .lost)) == [])
        try store.syncAll()
        #expect(content(store, other, after: PowerCut(after: store.operationCount, .lost)) == page(2))
    }

    @Test("a removal is durable after syncAll, and may be undone before")
    func removals() throws {
        let store = FaultStore([name: SparseBytes([1, 2, 3])])
        try store.remove(name)
        let cut = store.operationCount
        #expect(content(store, name, after: PowerCut(after: cut, .lost)) == [1, 2, 3])
        #expect(content(store, name, after: PowerCut(after: cut, .kept)) == nil)
        try store.syncAll()
        #expect(content(store, name, after: PowerCut(after: store.operationCount, .lost)) == nil)
    }

    @Test("all subsets of unsynced sectors come up, and nothing else")
    func tornAndReordered() throws {
        let store = FaultStore([name: SparseBytes(page(0, count: 1024))])
        let object = try store.open(name, writable: true)
        try object.write(page(1, count: 1024))
        try object.write(page(2, count: 512))
        var seen: Set<[UInt8]> = []
        for seed in 0..<400 {
            let bytes = content(store, name, after: PowerCut(after: 2, .mixed(seed: UInt64(seed)))) ?? []
            #expect(bytes.count == 1024)
            #expect(Set(bytes[..<512]).count == 1 && Set(bytes[512...]).count == 1, "a sector is torn")
            seen.insert([bytes[0], bytes[512]])
        }
        // First sector: old, first write, second write; second sector: old or first write. The second without
        // the first is what reordering makes.
        #expect(seen == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]])
    }

    @Test("the same seed gives the same disk, other seeds others")
    func repeatable() throws {
        let store = FaultStore()
        let object = try store.create(name)
        try store.syncName(name)
        for number in 0..<8 { try object.write(page(UInt8(number + 1)), at: UInt64(number) * 4096) }
        var disks: Set<[UInt8]> = []
        for seed in 0..<16 {
            let cut = PowerCut(after: store.operationCount, .mixed(seed: UInt64(seed)))
            let first = content(store, name, after: cut)
            #expect(first == content(store, name, after: cut))
            disks.insert(first ?? [])
        }
        #expect(disks.count > 8)
    }

    @Test("after a failed sync, a later success says nothing about what the failed one covered")
    func failedSync() throws {
        let store = FaultStore([name: SparseBytes(page(0))])
        let object = try store.open(name, writable: true)
        try object.write(page(1))
        store.inject(StoreFault(.sync, error: .failed(errno: 5)))
        #expect(throws: StoreError.failed(errno: 5)) { try object.sync() }
        try object.sync()
        let cut = store.operationCount
        #expect(content(store, name, after: PowerCut(after: cut, .lost)) == page(0))
        #expect(content(store, name, after: PowerCut(after: cut, .kept)) == page(1))
        // Written again, it is durable.
        try object.write(page(1))
        try object.sync()
        #expect(content(store, name, after: PowerCut(after: store.operationCount, .lost)) == page(1))
    }

    @Test("a cut keeps everything or nothing when told to")
    func extremes() throws {
        let store = FaultStore([other: SparseBytes(page(9))])
        let object = try store.create(name)
        try object.write(page(1))
        try object.truncate(to: 100)
        try object.punchHole(0..<50)
        try store.remove(other)
        let cut = store.operationCount
        let kept = store.contents(after: PowerCut(after: cut, .kept))
        #expect(kept == store.memory.contents)
        #expect(store.contents(after: PowerCut(after: cut, .lost)) == [other: SparseBytes(page(9))])
        #expect(store.contents(after: PowerCut(after: 0, .kept)) == [other: SparseBytes(page(9))])
    }

    @Test("a store found after a cut can lose power again")
    func resumed() throws {
        let store = FaultStore()
        let object = try store.create(name)
        try object.write(page(1))
        try store.syncAll()
        let found = store.store(after: PowerCut(after: store.operationCount, .lost))
        let again = try found.open(name, writable: true)
        try again.write(page(2))
        #expect(content(found, name, after: PowerCut(after: 1, .lost)) == page(1))
        try again.sync()
        #expect(content(found, name, after: PowerCut(after: 2, .lost)) == page(2))
    }
}
