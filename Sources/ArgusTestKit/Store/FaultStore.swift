package import ArgusStore
internal import Synchronization

/// A store in memory whose disk can fail, and lose what was not synced.
///
/// It does three things, all of them repeatable:
/// - `inject` makes chosen operations fail, wholly or half done;
/// - `cutPower` makes every operation fail after a given number, so that its user stops there;
/// - `store(after:)` gives the store as it could be found after a power cut at any of the recorded operations;
///   `forEachPowerCut` walks through all of them. `DiskLog` tells what a disk may keep and lose.
package final class FaultStore: BackingStore {
    struct State: Sendable {
        var log: DiskLog
        var faults: [StoreFault] = []
        var counts: [StoreOperation: Int] = [:]
        var numbers: [ObjectName: Int]
        var nextNumber: Int
        var lastOperation = Int.max
    }

    /// What processes see now, synced or not. A test may alter it behind the store's user; power cuts know
    /// nothing of that.
    package let memory: MemoryStore
    private let state: Mutex<State>

    /// Starts from a copy of `contents`, all of it durable.
    package init(_ contents: [ObjectName: SparseBytes] = [:], capacityBytes: UInt64? = nil) {
        memory = MemoryStore(capacityBytes: capacityBytes)
        var start = DiskLog.State()
        for (number, (name, content)) in contents.enumerated() {
            start.names[name] = number
            start.contents[number] = content
            memory.plant(content, as: name)
        }
        state = Mutex(State(log: DiskLog(start: start), numbers: start.names, nextNumber: contents.count))
    }

    // MARK: Faults

    /// Adds a fault; its occurrence counts from now.
    package func inject(_ fault: StoreFault) { state.withLock { $0.faults.append(fault) } }

    package func clearFaults() { state.withLock { $0.faults = [] } }

    /// How often the operation was asked for, failed ones included.
    package func count(of operation: StoreOperation) -> Int { state.withLock { $0.counts[operation] ?? 0 } }

    /// How many changes and syncs were recorded: the boundaries of power cuts are 0 to this number.
    package var operationCount: Int { state.withLock { $0.log.operations.count } }

    /// The recorded changes and syncs.
    package var operations: [DiskOperation] { state.withLock { $0.log.operations } }

    // MARK: Power cuts

    /// From the `operationCount`-th recorded operation on, everything fails with `.unavailable`.
    package func cutPower(after operationCount: Int) { state.withLock { $0.lastOperation = operationCount } }

    /// The contents that could be found after `cut`.
    package func contents(after cut: PowerCut) -> [ObjectName: SparseBytes] {
        let found = state.withLock { $0.log }.state(after: cut)
        return found.names.compactMapValues { found.contents[$0] }
    }

    /// A store on the disk as it could be found after `cut`, which can fail and lose power in its turn.
    package func store(after cut: PowerCut) -> FaultStore { FaultStore(contents(after: cut)) }

    /// Calls `body` with a store for each boundary in `range` (all, when nil): with everything unsynced lost, with
    /// everything kept, and with `seeds` mixtures.
    package func forEachPowerCut<E: Error>(
        in range: ClosedRange<Int>? = nil, seeds: UInt64 = 4,
        _ body: (PowerCut, FaultStore) throws(E) -> Void
    ) throws(E) {
        for boundary in range ?? 0...operationCount {
            for fate in [.lost, .kept] + (0..<seeds).map(PowerCut.Fate.mixed(seed:)) {
                let cut = PowerCut(after: boundary, fate)
                try body(cut, store(after: cut))
            }
        }
    }

    // MARK: The store

    package func create(_ name: ObjectName) throws(StoreError) -> any BackingObject {
        try perform(.create) { state throws(StoreError) in
            let object = try memory.create(name)
            let number = state.nextNumber
            state.nextNumber += 1
            state.numbers[name] = number
            state.log.append(DiskOperation(change: .create(name), object: number))
            return FaultObject(object, number: number, of: self)
        }
    }

    package func open(_ name: ObjectName, writable: Bool) throws(StoreError) -> any BackingObject {
        try perform(.open) { state throws(StoreError) in
            let object = try memory.open(name, writable: writable)
            guard let number = state.numbers[name] else { throw .missing }
            return FaultObject(object, number: number, of: self)
        }
    }

    package func remove(_ name: ObjectName) throws(StoreError) {
        try perform(.remove) { state throws(StoreError) in
            try memory.remove(name)
            let number = state.numbers.removeValue(forKey: name) ?? -1
            state.log.append(DiskOperation(change: .remove(name), object: number))
        }
    }

    package func exists(_ name: ObjectName) throws(StoreError) -> Bool {
        try perform(.exists) { _ throws(StoreError) in try memory.exists(name) }
    }

    package func forEachObject(_ body: (ObjectName) -> Bool, stray: (String) -> Void) throws(StoreError) {
        // Not under the lock: `body` may use the store.
        try perform(.list) { _ in }
        try memory.forEachObject(body, stray: stray)
    }

    package func syncName(_ name: ObjectName) throws(StoreError) {
        try performSync(.syncName, DiskOperation(change: .syncName(name), object: -1))
    }

    package func syncAll() throws(StoreError) {
        try performSync(.syncAll, DiskOperation(change: .syncAll, object: -1))
    }

    package func location(of name: ObjectName) -> String { memory.location(of: name) }

    package func space() throws(StoreError) -> StoreSpace {
        try perform(.space) { _ throws(StoreError) in try memory.space() }
    }

    package func reserve(_ byteCount: UInt64) throws(StoreError) -> UInt64 {
        try perform(.reserve) { _ throws(StoreError) in try memory.reserve(byteCount) }
    }

    package func releaseReserve() throws(StoreError) {
        try perform(.releaseReserve) { _ throws(StoreError) in try memory.releaseReserve() }
    }

    private func performSync(_ operation: StoreOperation, _ record: DiskOperation) throws(StoreError) {
        try perform(
            operation, { state in state.log.append(record) },
            onFailure: { state, _ in state.log.append(record.failed()) })
    }

    // MARK: Counting, failing, recording

    /// Does `body` and its record as one step; where a fault strikes, `onFailure` instead, with what is to happen
    /// nevertheless.
    func perform<Result: Sendable>(
        _ operation: StoreOperation, _ body: (inout State) throws(StoreError) -> Result,
        onFailure: (inout State, StoreFault.Effect) -> Void = { _, _ in }
    ) throws(StoreError) -> Result {
        try state.withLock { state throws(StoreError) in
            state.counts[operation, default: 0] += 1
            guard state.log.operations.count < state.lastOperation else { throw .unavailable }
            guard let fault = state.strikingFault(operation) else { return try body(&state) }
            if case .everything = fault.effect { _ = try body(&state) } else { onFailure(&state, fault.effect) }
            throw fault.error
        }
    }
}

extension FaultStore.State {
    /// Counts the operation in every fault of its kind; the first that strikes decides.
    fileprivate mutating func strikingFault(_ operation: StoreOperation) -> StoreFault? {
        var striking: StoreFault?
        for index in faults.indices where faults[index].operation == operation {
            if faults[index].strikes(), striking == nil { striking = faults[index] }
        }
        faults.removeAll { $0.count == 0 }
        return striking
    }
}
