import ArgusCapsule
import ArgusCore
import ArgusStore
import ArgusTestKit
import Testing

@Suite("After a crash a capsule equals one of its commits, none older than its last sync")
struct CrashTests {
    /// What a scenario did, and which operation each commit and sync ended with.
    private struct History {
        /// Content by commit, with the operation after which its slot was issued.
        var commits: [(info: CommitInfo, content: [UInt8], operation: Int)] = []
        /// Operations after which a commit was known durable.
        var syncs: [(info: CommitInfo, operation: Int)] = []
    }

    @Test("a power cut after any operation, in any mixture", arguments: 0..<9 as Range<UInt64>)
    func powerCuts(seed: UInt64) throws {
        let store = FaultStore()
        let bench = CapsuleBench(store)
        let capsule = try bench.create()
        try store.syncName(CapsuleBench.name)
        var dice = PowerCut.Dice(seed: seed)
        var model = FileModel()
        var history = History()
        let sizeMax = [3_000, 30_000, 300_000][Int(seed % 3)]
        for step in 0..<14 {
            try change(capsule, &model, &dice, sizeMax: sizeMax)
            let info = try capsule.commit()
            history.commits.append((info, model.bytes, store.operationCount))
            if dice.below(3) == 0 {
                history.syncs.append((try capsule.sync(), store.operationCount))
            }
            if step % 5 == 4 {
                let info = try capsule.finish()
                history.commits.append((info, model.bytes, store.operationCount))
            }
        }
        try check(history, store, seeds: 4)
    }

    @Test("a power cut while a recovered or reopened capsule is changed", arguments: 0..<5 as Range<UInt64>)
    func powerCutsAfterReopening(seed: UInt64) throws {
        let before = FaultStore()
        let first = CapsuleBench(before)
        let capsule = try first.create()
        try before.syncName(CapsuleBench.name)
        var dice = PowerCut.Dice(seed: seed)
        var model = FileModel()
        var synced: CommitInfo?
        for _ in 0..<4 {
            try change(capsule, &model, &dice, sizeMax: 60_000)
            try capsule.commit()
            if synced == nil { synced = try capsule.sync() }
        }
        // The second power cut finds whatever the first one left.
        let store = before.store(after: PowerCut(after: before.operationCount, .mixed(seed: seed)))
        let bench = CapsuleBench(store)
        let reopened = try bench.open(.atLeast(try #require(synced))).capsule
        let found = FileModel(bytes: try CapsuleBench.content(of: reopened))
        model = found
        var history = History()
        history.commits.append((reopened.info, found.bytes, 0))
        history.syncs.append((reopened.info, 0))
        for _ in 0..<6 {
            try change(reopened, &model, &dice, sizeMax: 60_000)
            history.commits.append((try reopened.commit(), model.bytes, store.operationCount))
            if dice.below(3) == 0 { history.syncs.append((try reopened.sync(), store.operationCount)) }
        }
        history.commits.append((try reopened.finish(), model.bytes, store.operationCount))
        try check(history, store, seeds: 3)
    }

    @Test("a process that ends after any write finds its last commit")
    func killed() throws {
        let store = FaultStore()
        let bench = CapsuleBench(store)
        let capsule = try bench.create()
        var dice = PowerCut.Dice(seed: 7)
        var model = FileModel()
        var history: [(content: [UInt8], operation: Int)] = []
        for _ in 0..<12 {
            try change(capsule, &model, &dice, sizeMax: 200_000)
            try capsule.commit()
            history.append((model.bytes, store.operationCount))
        }
        for boundary in 1...store.operationCount {
            let after = CapsuleBench(store.store(after: PowerCut(after: boundary, .kept)))
            guard let expected = history.last(where: { $0.operation <= boundary }) else { continue }
            let opened = try after.open()
            #expect(try CapsuleBench.content(of: opened.capsule) == expected.content)
        }
    }

    @Test("a capsule that was never synced and is torn opens for nobody, and can be made anew")
    func neverSynced() throws {
        let store = FaultStore()
        let bench = CapsuleBench(store)
        let capsule = try bench.create()
        try store.syncName(CapsuleBench.name)
        try capsule.write(Array(repeating: 9, count: 20_000), at: 0)
        try capsule.commit()
        var tornCount = 0
        for seed in 0..<30 as Range<UInt64> {
            let after = store.store(after: PowerCut(after: store.operationCount, .mixed(seed: seed)))
            let bench = CapsuleBench(after)
            do {
                let opened = try bench.open(.dirty(atLeast: 0, rootTag: .init(high: 0, low: 0)))
                #expect(try CapsuleBench.content(of: opened.capsule) == Array(repeating: 9, count: 20_000))
            } catch CapsuleError.unauthentic {
                tornCount += 1
                let object = try after.open(CapsuleBench.name, writable: true)
                let anew = try Capsule.create(
                    in: object, identity: bench.identity, keys: bench.keys, now: CapsuleBench.time)
                try anew.write([1, 2, 3], at: 0)
                try anew.commit()
                let info = try anew.finish()
                #expect(try bench.verify(.exactly(info)).isEmpty)
            }
        }
        #expect(tornCount > 0)
    }

    @Test("only an ordered root is taken where order matters, whatever was written and synced after it")
    func ordered() throws {
        let store = FaultStore()
        let bench = CapsuleBench(store)
        let capsule = try bench.create()
        try store.syncName(CapsuleBench.name)
        var dice = PowerCut.Dice(seed: 3)
        var model = FileModel()
        try change(capsule, &model, &dice, sizeMax: 100_000)
        let orderedInfo = try capsule.commit(isOrdered: true)
        try capsule.sync()
        let orderedContent = model.bytes
        let start = store.operationCount
        for _ in 0..<5 {
            try change(capsule, &model, &dice, sizeMax: 100_000)
            try capsule.commit()
            try capsule.sync()
        }
        let reopened = try bench.open().capsule
        #expect(try CapsuleBench.content(of: reopened) == model.bytes)
        for _ in 0..<5 {
            try change(reopened, &model, &dice, sizeMax: 100_000)
            try reopened.commit()
        }
        try store.forEachPowerCut(in: start...store.operationCount, seeds: 3) { cut, after in
            let opened = try CapsuleBench(after).open(.ordered(atLeast: orderedInfo.commit)).capsule
            #expect(opened.info == orderedInfo)
            #expect(try CapsuleBench.content(of: opened) == orderedContent, "\(cut)")
        }
    }

    // MARK: Doing and checking

    private func change(
        _ capsule: Capsule, _ model: inout FileModel, _ dice: inout PowerCut.Dice, sizeMax: Int
    ) throws {
        for _ in 0...dice.below(3) {
            switch dice.below(6) {
            case 0:
                let size = dice.below(sizeMax)
                try capsule.setSize(UInt64(size))
                model.setSize(size)
            case 1:
                let first = dice.below(model.bytes.count / 4096 + 1)
                try capsule.punch(pages: UInt64(first)..<UInt64(first + 3))
                model.punch(first..<first + 3)
            default:
                let bytes = dice.bytes(1 + dice.below(min(sizeMax, 30_000)))
                let offset = dice.below(sizeMax)
                try capsule.write(bytes, at: offset)
                model.write(bytes, at: offset)
            }
        }
    }

    private func check(_ history: History, _ store: FaultStore, seeds: UInt64) throws {
        var contents: [CommitNumber: [UInt8]] = [:]
        for commit in history.commits { contents[commit.info.commit] = commit.content }
        var outcomes: Set<CommitNumber> = []
        try store.forEachPowerCut(seeds: seeds) { cut, after in
            let durable = history.syncs.last { $0.operation <= cut.operationCount }?.info
            let bench = CapsuleBench(after)
            guard let durable else {
                // Nothing was promised; what opens must be whole.
                guard let opened = try? bench.open(.dirty(atLeast: 0, rootTag: .init(high: 0, low: 0))) else { return }
                let content = try CapsuleBench.content(of: opened.capsule)
                #expect(content == contents[opened.capsule.info.commit], "\(cut)")
                return
            }
            let opened = try bench.open(.atLeast(durable)).capsule
            let found = opened.info.commit
            outcomes.insert(found)
            try #require(found >= durable.commit, "\(cut)")
            try #require(try CapsuleBench.content(of: opened) == contents[found], "\(cut)")
            // And it can be used, closed and checked.
            var bytes = try #require(contents[found])
            if cut.operationCount % 3 == 0 {
                try opened.write([1, 2, 3], at: bytes.count)
                bytes += [1, 2, 3]
                let next = try opened.commit()
                try #require(contents[next.commit] == nil && next.commit > found, "numbers are not reused")
            }
            let info = try opened.finish()
            let findings = try bench.verify(.exactly(info))
            try #require(findings.isEmpty, "\(cut): \(findings)")
            let again = try bench.open(.exactly(info)).capsule
            try #require(try CapsuleBench.content(of: again) == bytes, "\(cut)")
        }
        #expect(history.syncs.isEmpty || outcomes.count > 1, "the cuts met more than one commit")
    }
}
