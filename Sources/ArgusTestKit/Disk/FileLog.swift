/// One thing done to a directory tree, in the order in which it was issued.
package struct FileOperation: Sendable {
    package enum Change: Sendable {
        /// The node got a name in a directory: made there, or moved there from `from`.
        case link(directory: Int, name: String, from: (directory: Int, name: String)?)
        case unlink(directory: Int, name: String)
        case write(offset: UInt64, bytes: [UInt8])
        case truncate(size: UInt64)
        case extend(size: UInt64)
        case zero(Range<UInt64>)
        /// fsync(2) or fdatasync(2) of the node.
        case sync
        /// syncfs(2) through the node, a directory: all at or below it.
        case syncTree
        /// A moment that a test refers to.
        case mark
    }

    package var change: Change
    package var node: Int
    /// Of a sync: it reported an error.
    package var hasFailed = false
    /// A store into a mapping: found with others at once, so that their order is not known.
    package var isStore = false

    package var isSync: Bool {
        switch change {
        case .sync, .syncTree: true
        default: false
        }
    }
}

/// All that was done to a directory tree since a known state, from which the states after a power cut follow.
///
/// The disk promises as little as `DiskLog` says, for files, names and directories each by itself:
/// 1. A successful sync of a file keeps its content and size and not its name; of a directory, the names in it.
/// 2. syncfs(2) keeps everything at or below the directory it was called on: what lies elsewhere in the tree may be on
///    another disk.
/// 3. Anything else reached the disk or did not, whatever its order, writes in any subset of their 512-byte sectors.
///    A rename is one change.
/// 4. What a failed sync covered no later sync makes safe.
package struct FileLog: Sendable {
    package struct Node: Sendable {
        /// Where it was when it was first seen, relative to the root; empty for the root.
        package var path: String
        package var isDirectory: Bool
    }

    package internal(set) var nodes: [Node] = []
    package internal(set) var operations: [FileOperation] = []
    var start = DiskState()
    /// Operations that were issued before the one of that index, instead of at their own place.
    var hurried: [Int: [Int]] = [:]
    var isHurried: Set<Int> = []

    package func path(of operation: FileOperation) -> String { nodes[operation.node].path }

    /// The same history without the operations that `isLeftOut` names: a barrier that is not there. Boundaries keep
    /// their numbers.
    package func without(_ isLeftOut: (FileOperation, _ path: String) -> Bool) -> FileLog {
        var copy = self
        for index in copy.operations.indices where isLeftOut(operations[index], path(of: operations[index])) {
            copy.operations[index].change = .mark
        }
        return copy
    }

    /// The same history where each operation that `isHasty` names was issued right before the last one before it that
    /// `isAwaited` names: as if nobody had waited for that. Boundaries keep their numbers.
    package func hurrying(
        _ isHasty: (FileOperation, _ path: String) -> Bool,
        before isAwaited: (FileOperation, _ path: String) -> Bool
    ) -> FileLog {
        var copy = self
        var place: Int?
        for (index, operation) in operations.enumerated() {
            if isAwaited(operation, path(of: operation)) {
                place = index
            } else if let place, isHasty(operation, path(of: operation)) {
                copy.hurried[place, default: []].append(index)
                copy.isHurried.insert(index)
            }
        }
        return copy
    }
}

/// A directory tree as it could be found.
struct DiskState: Sendable {
    var entries: [Int: [String: Int]] = [0: [:]]
    var contents: [Int: SparseBytes] = [:]
}

/// Walks through a log, one operation at a time, and gives the disks that a power cut here could leave.
package struct DiskCursor {
    private let log: FileLog
    /// Operations issued so far.
    package private(set) var count = 0

    /// What is on the disk for certain, with everything before the operations below.
    private var base: DiskState
    /// Operations on each content, and on the names of each directory, that may be on the disk or not: and those that
    /// are, behind one that may not be.
    private var contentChanges: [Int: [Int]] = [:]
    private var nameChanges: [Int: [Int]] = [:]
    private var isSafe: [Bool]
    private var isDoomed: [Bool]
    /// Tells disks apart: made of the operations that are in `base`.
    private var baseMark: UInt64 = 0

    package init(_ log: FileLog) {
        self.log = log
        base = log.start
        isSafe = [Bool](repeating: false, count: log.operations.count)
        isDoomed = isSafe
    }

    /// Whether this is a moment that was: not one amid stores of which the order is not known.
    package var isMoment: Bool { count == 0 || !log.operations[count - 1].isStore }

    /// False at the end.
    package mutating func advance() -> Bool {
        guard count < log.operations.count else { return false }
        for index in log.hurried[count] ?? [] { issue(index) }
        if !log.isHurried.contains(count) { issue(count) }
        count += 1
        return true
    }

    private mutating func issue(_ index: Int) {
        let operation = log.operations[index]
        switch operation.change {
        case .link(let directory, _, _), .unlink(let directory, _):
            nameChanges[directory, default: []].append(index)
        case .write, .truncate, .extend, .zero:
            contentChanges[operation.node, default: []].append(index)
        case .sync:
            settle(operation.node, hasFailed: operation.hasFailed)
        case .syncTree:
            let path = log.nodes[operation.node].path
            let touched = Set(contentChanges.keys).union(nameChanges.keys)
            for node in touched where Self.isBelow(log.nodes[node].path, path) {
                settle(node, hasFailed: operation.hasFailed)
            }
        case .mark:
            break
        }
    }

    private static func isBelow(_ path: String, _ directory: String) -> Bool {
        directory.isEmpty || path == directory || path.hasPrefix(directory + "/")
    }

    private mutating func settle(_ node: Int, hasFailed: Bool) {
        for index in (contentChanges[node] ?? []) + (nameChanges[node] ?? []) where !isDoomed[index] {
            if hasFailed { isDoomed[index] = true } else { isSafe[index] = true }
        }
        contentChanges[node] = fold(contentChanges[node] ?? [])
        nameChanges[node] = fold(nameChanges[node] ?? [])
    }

    /// Moves what is safe, up to the first that is not, into the base.
    private mutating func fold(_ indices: [Int]) -> [Int]? {
        let rest = indices.drop { isSafe[$0] }
        for index in indices[..<rest.startIndex] {
            log.operations[index].apply(to: &base)
            baseMark ^= Self.mix(UInt64(index), 1)
        }
        return rest.isEmpty ? nil : Array(rest)
    }

    /// The disk as it could be found, and a number that tells it from others of this log.
    package func disk(_ fate: PowerCut.Fate) -> (disk: Disk, mark: UInt64) {
        var state = base
        var mark = baseMark
        var seed: UInt64 = 0
        var arrivalPercent: UInt64 = fate == .kept ? 100 : 0
        if case .mixed(let number) = fate {
            seed = Self.mix(number, UInt64(count) &+ 1)
            arrivalPercent = [5, 25, 50, 75, 95][Int(seed % 5)]
        }
        // In the order in which they were issued: a file's name may go from one directory to another.
        let pending = [contentChanges, nameChanges].flatMap { $0.values.joined() }.sorted()
        for index in pending {
            let operation = log.operations[index]
            var dice = PowerCut.Dice(seed: Self.mix(seed, UInt64(index)))
            let arrives = dice.falls(percent: arrivalPercent) || isSafe[index]
            guard arrives else { continue }
            if case .write(let offset, let bytes) = operation.change, !isSafe[index], fate != .kept,
                dice.falls(percent: 30)
            {
                mark ^= Self.mix(UInt64(index), dice.next() | 1)
                state.contents[operation.node]?.writeTorn(bytes, at: offset, dice: &dice)
            } else {
                mark ^= Self.mix(UInt64(index), 1)
                operation.apply(to: &state)
            }
        }
        return (Disk(state: state, nodes: log.nodes), mark)
    }

    private static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
        var dice = PowerCut.Dice(seed: first &* 0x9E37_79B9 &+ second << 32)
        return dice.next() ^ second
    }
}

extension FileOperation {
    fileprivate func apply(to state: inout DiskState) {
        switch change {
        case .link(let directory, let name, let from):
            if let from, state.entries[from.directory]?[from.name] == node {
                state.entries[from.directory]?[from.name] = nil
            }
            state.entries[directory, default: [:]][name] = node
        case .unlink(let directory, let name):
            if state.entries[directory]?[name] == node { state.entries[directory]?[name] = nil }
        case .write(let offset, let bytes):
            bytes.withUnsafeBytes { state.contents[node]?.write($0, at: offset) }
        case .truncate(let size):
            state.contents[node]?.truncate(to: size)
        case .extend(let size):
            if let content = state.contents[node], content.size < size { state.contents[node]?.truncate(to: size) }
        case .zero(let range):
            state.contents[node]?.zero(range)
        case .sync, .syncTree, .mark:
            break
        }
    }
}
