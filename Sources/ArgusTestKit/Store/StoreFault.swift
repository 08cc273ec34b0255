package import ArgusStore

/// What can be asked of a store or of one of its objects, as a fault plan counts it.
package enum StoreOperation: Hashable, Sendable, CaseIterable {
    case create, open, remove, exists, list, syncName, syncAll, space, reserve, releaseReserve
    case read, write, truncate, punchHole, sync, size, allocatedBytes
}

/// One planned failure: which operation, from which occurrence on, how often, with what error and what effect.
package struct StoreFault: Sendable {
    /// How much of the operation happens although it fails.
    package enum Effect: Sendable {
        case nothing
        /// A write stores its first bytes only.
        case prefix(byteCount: Int)
        /// A write stores some of its 512-byte sectors, chosen by the seed.
        case torn(seed: UInt64)
        /// All of it happens: only the answer is wrong, as over a network.
        case everything
    }

    package var operation: StoreOperation
    /// 1 is the next operation of its kind after the fault was injected.
    package var occurrence: Int
    /// How many in a row fail; `.max` for all from then on.
    package var count: Int
    package var error: StoreError
    package var effect: Effect

    package init(
        _ operation: StoreOperation, occurrence: Int = 1, count: Int = 1, error: StoreError, effect: Effect = .nothing
    ) {
        precondition(occurrence >= 1 && count >= 1, "a fault has to happen")
        self.operation = operation
        self.occurrence = occurrence
        self.count = count
        self.error = error
        self.effect = effect
    }

    /// Counts one operation of the fault's kind; true when it is to fail.
    mutating func strikes() -> Bool {
        if occurrence > 1 {
            occurrence -= 1
            return false
        }
        guard count > 0 else { return false }
        if count < .max { count -= 1 }
        return true
    }
}
