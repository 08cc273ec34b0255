internal import ArgusCore
internal import ArgusIndex

/// The changes of the namespace that are not in the index yet, in the order in which they happened.
///
/// A struct guarded by the namespace lock. Each operation adds its steps and then closes a change with `seal`;
/// the writer takes whole changes only, so that the index is always a prefix of what happened.
struct ChangeQueue {
    private(set) var steps: [IndexChange] = []
    /// Number of the newest change; 0 before the first.
    private(set) var newest: UInt64 = 0
    /// Number of the batch being filled; a batch's steps are in one transaction.
    private(set) var batch: UInt64 = 1
    /// Renamed files whose data is not durable: their new names must not become durable first.
    private(set) var dependencies: Set<InodeNumber> = []

    var isEmpty: Bool { steps.isEmpty }

    /// Number that the change being made will have.
    var current: UInt64 { newest + 1 }

    mutating func add(_ step: IndexChange) {
        steps.append(step)
    }

    /// Adds the row, or replaces it where this batch has it already: only its last state counts. The row of a removed
    /// inode, which someone may still hold by number, is not added again.
    mutating func put(_ node: Node) {
        node.hasUnqueuedTimes = false
        guard !node.hasNoRow else { return }
        node.changeNumber = current
        if node.queuedBatch == batch {
            steps[node.queuedPlace] = .putInode(node.row)
        } else {
            node.queuedBatch = batch
            node.queuedPlace = steps.count
            steps.append(.putInode(node.row))
        }
    }

    mutating func addDependency(_ inode: InodeNumber) {
        dependencies.insert(inode)
    }

    /// Closes the change being made and returns its number.
    @discardableResult
    mutating func seal() -> UInt64 {
        newest += 1
        return newest
    }

    /// What was queued, and the number of the last change in it. The queue is empty afterwards.
    mutating func take() -> (steps: [IndexChange], through: UInt64, dependencies: Set<InodeNumber>) {
        defer {
            steps = []
            dependencies = []
            batch += 1
        }
        return (steps, newest, dependencies)
    }
}
