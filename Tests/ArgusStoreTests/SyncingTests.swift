import ArgusSystem
import Synchronization
import Testing

@testable import ArgusStore

@Suite("Syncing tells errors to all they concern, and forgets no directory")
struct SyncingTests {
    @Test("a failed sync fails for those who waited meanwhile too, and for nobody later")
    func barrier() throws {
        let barrier = SyncBarrier()
        let isFirstInside = Atomic(false)
        let mayFail = Atomic(false)
        let firstFailed = Atomic(false)
        let first = Thread.start(name: "first") {
            do throws(StoreError) {
                try barrier.pass { () throws(StoreError) in
                    isFirstInside.store(true, ordering: .sequentiallyConsistent)
                    while !mayFail.load(ordering: .sequentiallyConsistent) {}
                    throw .failed(errno: 5)
                }
            } catch {
                firstFailed.store(error == .failed(errno: 5), ordering: .sequentiallyConsistent)
            }
        }
        while !isFirstInside.load(ordering: .sequentiallyConsistent) {}
        // The second arrives while the first is inside: it counts the failures before the first has failed.
        #expect(throws: StoreError.failed(errno: 5)) {
            try barrier.pass(whileWaiting: { mayFail.store(true, ordering: .sequentiallyConsistent) }) {}
        }
        first.join()
        let hasFirstFailed = firstFailed.load(ordering: .sequentiallyConsistent)
        #expect(hasFirstFailed)
        try barrier.pass {}
    }

    @Test("a shard made after a sync began is not taken for durable")
    func ledger() throws {
        let ledger = ShardLedger()
        let atOpening = ledger.made
        #expect(!ledger.isDurable(atOpening), "what was found may be as young as the store's last process")
        ledger.noteDurable(atOpening)
        #expect(ledger.isDurable(ledger.made))

        let beforeSync = ledger.made
        try ledger.making {}
        ledger.noteDurable(beforeSync)
        #expect(!ledger.isDurable(ledger.made))
        ledger.noteDurable(ledger.made)
        ledger.noteDurable(beforeSync)
        #expect(ledger.isDurable(ledger.made))

        let made = ledger.made
        #expect(throws: StoreError.exists) { try ledger.making { () throws(StoreError) in throw .exists } }
        #expect(ledger.made == made)
    }
}
