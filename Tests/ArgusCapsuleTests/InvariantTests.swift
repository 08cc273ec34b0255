import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@testable import ArgusCapsule

/// The numbers are those of docs/formats/capsule.md, "Writing". Each test fails when its rule is taken out.
@Suite("The rules by which capsules are written")
struct InvariantTests {
    private let store = FaultStore()
    private var bench: CapsuleBench { CapsuleBench(store) }

    /// Offsets of the writes since operation `start`, in pages, those of runs too.
    private func writtenPages(since start: Int) -> [Int] {
        store.operations[start...].flatMap { operation -> [Int] in
            guard case .write(let offset, let bytes) = operation.change else { return [] }
            return (0..<(bytes.count + 4095) / 4096).map { Int(offset) / 4096 + $0 }
        }
    }

    private func pages(_ count: Int, _ byte: UInt8) -> [UInt8] { Array(repeating: byte, count: count * 4096) }

    @Test("1: no page that the protected root or the last written one refers to is written")
    func pagesAreKept() throws {
        let capsule = try bench.create()
        var last: Set<Int> = []
        var protected: Set<Int> = []
        for round in 0..<30 as Range<UInt8> {
            let start = store.operationCount
            try capsule.write(pages(3, round), at: 0)
            // Again, within the same commit: those pages are free at once.
            try capsule.write(pages(1, round &+ 100), at: 4096)
            try capsule.commit()
            let written = Set(writtenPages(since: start).filter { $0 >= 2 })
            #expect(written.isDisjoint(with: last))
            #expect(written.isDisjoint(with: protected))
            last = Set(try capsule.usedPages(of: capsule.root).extents.flatMap { $0.start..<$0.end }.map(Int.init))
            #expect(last.count == 3 && last.isSubset(of: written))
            if round % 4 == 3 {
                try capsule.sync()
                protected = last
            }
        }
        // And yet pages are used again.
        #expect(try #require(store.memory.content(of: CapsuleBench.name)).size < 20 * 4096)
    }

    @Test("2: between two syncs one slot is written, not the protected root's")
    func oneSlot() throws {
        let capsule = try bench.create()
        var slots: Set<Int> = []
        for round in 0..<40 as Range<UInt8> {
            let start = store.operationCount
            try capsule.write([round], at: Int(round) * 50)
            try capsule.commit()
            slots.formUnion(writtenPages(since: start).filter { $0 < 2 })
            #expect(slots.count == 1)
            if round % 5 == 4 {
                try capsule.sync()
                let durable = slots
                slots = []
                try capsule.write([round], at: 3)
                let start = store.operationCount
                try capsule.commit()
                slots.formUnion(writtenPages(since: start).filter { $0 < 2 })
                #expect(slots.isDisjoint(with: durable))
            }
        }
    }

    @Test("3: the root found at open is made durable before anything is written")
    func startIsProtected() throws {
        let first = try bench.create()
        try first.write(pages(3, 1), at: 0)
        let info = try first.commit()
        let content = try #require(store.memory.content(of: CapsuleBench.name))
        for expecting in [OpenExpectation.exactly(info), .any] {
            let store = FaultStore([CapsuleBench.name: content])
            let capsule = try CapsuleBench(store).open(expecting).capsule
            #expect(capsule.durableCommit == 0)
            try capsule.write([9], at: 5000)
            guard case .syncObject? = store.operations.first?.change else {
                Issue.record("the first operation is \(store.operations.first.map { "\($0.change)" } ?? "none")")
                return
            }
            #expect(capsule.durableCommit == info.commit)
        }
    }

    @Test("4: a root of which a page was lost is passed over, the one before is taken")
    func recovery() throws {
        let capsule = try bench.create()
        try capsule.write(pages(3, 1), at: 0)
        let durable = try capsule.commit()
        try capsule.sync()
        let start = store.operationCount
        try capsule.write(pages(1, 2), at: 4096)
        let newest = try capsule.commit()
        let page = try #require(writtenPages(since: start).first { $0 >= 2 })
        let whole = try bench.open(.atLeast(durable))
        #expect(whole.capsule.info == newest)
        #expect(!whole.recovered)
        var image = try #require(store.memory.content(of: CapsuleBench.name))
        image.zero(UInt64(page) * 4096..<UInt64(page) * 4096 + 512)
        let torn = CapsuleBench(FaultStore([CapsuleBench.name: image]))
        for expecting in [OpenExpectation.atLeast(durable), .any] {
            let opened = try torn.open(expecting)
            #expect(opened.capsule.info == durable)
            #expect(opened.recovered)
            #expect(try CapsuleBench.content(of: opened.capsule) == pages(3, 1))
        }
    }

    @Test("5: no root below the durable one, and none of its number with another tag")
    func rollback() throws {
        let capsule = try bench.create()
        try capsule.write(pages(1, 1), at: 0)
        let first = try capsule.commit()
        try capsule.sync()
        let old = try #require(store.memory.content(of: CapsuleBench.name))
        try capsule.write(pages(1, 2), at: 0)
        let second = try capsule.commit()
        try capsule.sync()
        // Another second commit, made from a copy of the first.
        let fork = FaultStore([CapsuleBench.name: old])
        let other = try CapsuleBench(fork).open(.exactly(first)).capsule
        try other.write(pages(1, 3), at: 0)
        #expect(try other.commit().commit == second.commit)
        try other.sync()
        for expecting in [OpenExpectation.exactly(second), .atLeast(second)] {
            let older = CapsuleBench(FaultStore([CapsuleBench.name: old]))
            let rolledBack = CapsuleFinding.rolledBack(found: first.commit, expected: second.commit)
            #expect(throws: CapsuleError.unauthentic(rolledBack)) { try older.open(expecting) }
            let unexpected = CapsuleFinding.unexpectedRoot(found: second.commit, expected: second.commit)
            #expect(throws: CapsuleError.unauthentic(unexpected)) { try CapsuleBench(fork).open(expecting) }
        }
    }

    @Test("6: a number that a failed write may have left is not used again")
    func numbersAfterFailure() throws {
        let capsule = try bench.create()
        try capsule.write([1], at: 0)
        let first = try capsule.commit()
        store.inject(StoreFault(.write, error: .failed(errno: 5), effect: .everything))
        try capsule.write([2], at: 0)
        #expect(throws: CapsuleError.store(.failed(errno: 5))) { try capsule.commit() }
        let lost = try bench.open().capsule.info
        #expect(lost.commit == first.commit + 1)
        #expect(try capsule.commit().commit > lost.commit)
    }

    @Test("6: whoever opens a capsule that may have had other commits skips numbers, by chance")
    func numbersAfterOpening() throws {
        let capsule = try bench.create()
        try capsule.write([1], at: 0)
        let info = try capsule.commit()
        let content = try #require(store.memory.content(of: CapsuleBench.name))
        func next(_ expecting: OpenExpectation) throws -> CommitNumber {
            let opened = try CapsuleBench(FaultStore([CapsuleBench.name: content])).open(expecting).capsule
            try opened.write([2], at: 0)
            return try opened.commit().commit
        }
        #expect(try next(.exactly(info)) == info.commit + 1)
        for expecting in [OpenExpectation.atLeast(info), .any] {
            let numbers = try (0..<4).map { _ in try next(expecting) }
            #expect(numbers.allSatisfy { $0 >= info.commit + 1 << 32 && $0 <= info.commit + 1 << 33 })
            #expect(Set(numbers).count > 1)
        }
    }

    @Test("7: after a failed sync nothing is written or synced until the capsule is opened anew")
    func failedSync() throws {
        let capsule = try bench.create()
        try capsule.write(pages(2, 1), at: 0)
        let info = try capsule.commit()
        store.inject(StoreFault(.sync, error: .failed(errno: 5)))
        #expect(throws: CapsuleError.store(.failed(errno: 5))) { try capsule.sync() }
        let count = store.operationCount
        #expect(throws: CapsuleError.poisoned) { try capsule.sync() }
        #expect(throws: CapsuleError.poisoned) { try capsule.write([1], at: 0) }
        #expect(throws: CapsuleError.poisoned) { try capsule.commit() }
        #expect(throws: CapsuleError.poisoned) { try capsule.finish() }
        #expect(!capsule.noteDurable(info.commit))
        #expect(store.operationCount == count)
        let reopened = try bench.open().capsule
        try reopened.write([7], at: 0)
        try reopened.commit()
        try reopened.sync()
    }

    @Test("8: while the newest root's slot may be torn no sync succeeds")
    func failedSlot() throws {
        let capsule = try bench.create()
        try capsule.write([1], at: 0)
        let info = try capsule.commit()
        store.inject(StoreFault(.write, error: .full, effect: .torn(seed: 3)))
        try capsule.write([2], at: 0)
        #expect(throws: CapsuleError.store(.full)) { try capsule.commit() }
        #expect(throws: CapsuleError.store(.full)) { try capsule.sync() }
        #expect(!capsule.noteDurable(info.commit))
        #expect(capsule.durableCommit == 0)
        let next = try capsule.commit()
        #expect(try capsule.sync() == next)
        #expect(try bench.open(.atLeast(next)).capsule.info == next)
    }

    @Test("9: once an ordered root is protected, only an ordered one takes its place")
    func ordered() throws {
        let capsule = try bench.create()
        try capsule.write(pages(2, 1), at: 0)
        let first = try capsule.commit(isOrdered: true)
        try capsule.sync()
        for round in 2..<6 as Range<UInt8> {
            try capsule.write(pages(2, round), at: 0)
            try capsule.commit()
            try capsule.sync()
            let found = try bench.open(.ordered(atLeast: first.commit)).capsule
            #expect(found.info == first)
            #expect(try CapsuleBench.content(of: found) == pages(2, 1))
        }
        let next = try capsule.commit(isOrdered: true)
        try capsule.sync()
        #expect(try bench.open(.ordered(atLeast: first.commit)).capsule.info == next)
    }

    @Test("10: at rest both roots are whole and all else is zero", arguments: [false, true])
    func atRest(isSynced: Bool) throws {
        let capsule = try bench.create()
        try capsule.write(pages(3, 1), at: 0)
        try capsule.commit()
        try capsule.sync()
        let before = try #require(store.memory.content(of: CapsuleBench.name))
        try capsule.write(pages(1, 2), at: 4096)
        try capsule.commit()
        if isSynced { try capsule.sync() }
        let info = try capsule.finish()
        #expect(try bench.verify(.exactly(info)).isEmpty)
        // Page 3 held what was replaced: kept, until the newest root is durable; then zeros.
        let image = try #require(store.memory.content(of: CapsuleBench.name))
        var altered = image
        if isSynced {
            var page = [UInt8](repeating: 0, count: 4096)
            page.withUnsafeMutableBytes { _ = before.read(into: $0, at: 3 * 4096) }
            page.withUnsafeBytes { altered.write($0, at: 3 * 4096) }
        } else {
            altered.zero(3 * 4096..<4 * 4096)
        }
        #expect(altered != image)
        let found = try CapsuleBench(FaultStore([CapsuleBench.name: altered])).verify(.exactly(info))
        #expect(found == [isSynced ? .freePage(page: 3) : .keptPage(page: 3)])
    }

    @Test("11: a commit too large to verify at once syncs its pages first, and says so")
    func largeCommit() throws {
        let capsule = try bench.create()
        capsule.unsyncedPageMax = 4
        try capsule.write(pages(3, 1), at: 0)
        try capsule.commit()
        #expect(store.count(of: .sync) == 0)
        try capsule.write(pages(6, 2), at: 0)
        let info = try capsule.commit()
        #expect(store.count(of: .sync) == 1)
        #expect(capsule.root.flags.contains(.pagesSynced))
        // What is damaged now was durable: it is told page by page, and does not cost the whole commit.
        var image = try #require(store.memory.content(of: CapsuleBench.name))
        let page = try #require(writtenPages(since: 0).filter { $0 >= 2 }.last)
        image.zero(UInt64(page) * 4096..<UInt64(page) * 4096 + 512)
        let opened = try CapsuleBench(FaultStore([CapsuleBench.name: image])).open()
        #expect(opened.capsule.info == info)
        #expect(throws: CapsuleError.self) { try CapsuleBench.content(of: opened.capsule) }
    }

    @Test("12: with the last seal of a key a capsule takes no change")
    func lastSeal() throws {
        let capsule = try bench.create()
        try capsule.write(pages(1, 1), at: 0)
        let info = try capsule.commit()
        capsule.sealCount = CapsuleFormat.sealCountMax - 1
        let count = store.operationCount
        #expect(throws: CapsuleError.fileTooLarge) { try capsule.write(pages(2, 2), at: 0) }
        #expect(store.operationCount == count)
        #expect(try CapsuleBench.content(of: bench.open(.exactly(info)).capsule) == pages(1, 1))
    }

    @Test("12: with the last number a capsule can be read, and takes no commit")
    func lastNumber() throws {
        let capsule = try bench.create()
        try capsule.write([1, 2, 3], at: 0)
        try capsule.commit()
        var image = try #require(store.memory.content(of: CapsuleBench.name))
        var slot = try Slot(
            Array(image.bytes.prefix(4096)), number: 0, identity: CapsuleBench.identity, keys: CapsuleBench.keys)
        slot.root.commit = .max - 5
        let sealed = try Slot.seal(slot.root, header: slot.header, key: slot.cipher.key)
        sealed.page.withUnsafeBytes { image.write($0, at: 0) }
        let last = try CapsuleBench(FaultStore([CapsuleBench.name: image])).open().capsule
        #expect(try CapsuleBench.content(of: last) == [1, 2, 3])
        #expect(throws: CapsuleError.fileTooLarge) { try last.write([4], at: 0) }
        #expect(throws: CapsuleError.fileTooLarge) { try last.commit() }
    }

    @Test("13: a failed commit leaves the changes to be committed again")
    func failedCommit() throws {
        let capsule = try bench.create()
        try capsule.write(pages(40, 1), at: 0)
        try capsule.commit()
        try capsule.sync()
        capsule.rewrap(keys: CapsuleBench.someKeys(generation: 2))
        try capsule.write(pages(3, 2), at: 8192)
        var content = pages(40, 1)
        content.replaceSubrange(8192..<8192 + 3 * 4096, with: pages(3, 2))
        for occurrence in 1...2 {
            // First the map page, then the slot.
            store.inject(StoreFault(.write, occurrence: occurrence, error: .full, effect: .prefix(byteCount: 700)))
            #expect(throws: CapsuleError.store(.full)) { try capsule.commit() }
            #expect(try CapsuleBench.content(of: capsule) == content)
        }
        #expect(try capsule.commit().keyGeneration == 2)
        #expect(try CapsuleBench.content(of: capsule) == content)
    }

    @Test("14: what a later version wrote is kept; a rewrap replaces the folder's stanza alone")
    func unknownIsKept() throws {
        let capsule = try bench.create()
        try capsule.write([1, 2, 3], at: 0)
        try capsule.commit()
        var image = try #require(store.memory.content(of: CapsuleBench.name))
        var slot = try Slot(
            Array(image.bytes.prefix(4096)), number: 0, identity: CapsuleBench.identity, keys: CapsuleBench.keys)
        let strange = Array<UInt8>(0..<200)
        slot.header.stanzas.append(Stanza(type: 9, body: strange))
        slot.root.extensions = [1, 0, 3, 0, 7, 8, 9]
        let sealed = try Slot.seal(slot.root, header: slot.header, key: slot.cipher.key)
        sealed.page.withUnsafeBytes { image.write($0, at: 0) }
        let later = FaultStore([CapsuleBench.name: image])
        let opened = try CapsuleBench(later).open().capsule
        let keys = CapsuleBench.someKeys(generation: 2)
        opened.rewrap(keys: keys)
        try opened.write([4], at: 3)
        try opened.commit()
        let bytes = try #require(later.memory.content(of: CapsuleBench.name)).bytes
        let next = try Slot(
            Array(bytes[4096..<8192]), number: 1, identity: CapsuleBench.identity, keys: keys)
        #expect(next.header.stanzas.map(\.type) == [1, 9])
        #expect(next.header.stanzas.last?.body == strange)
        #expect(next.root.extensions == [1, 0, 3, 0, 7, 8, 9])
        #expect(next.holder == 2)
    }
}
