package import ArgusStore

/// One thing done to a simulated disk, in the order it was issued.
package struct DiskOperation: Sendable {
    package enum Change: Sendable {
        case create(ObjectName)
        case remove(ObjectName)
        case write(offset: UInt64, bytes: [UInt8])
        case truncate(size: UInt64)
        case punchHole(Range<UInt64>)
        case syncObject
        case syncName(ObjectName)
        case syncAll
    }

    package var change: Change
    /// The object it was done to, by its number: names are reused, numbers are not. Meaningless for `syncAll`.
    package var object: Int
    /// Set for a sync that reported an error.
    package var hasFailed = false

    /// The same sync with an error reported.
    func failed() -> Self {
        var copy = self
        copy.hasFailed = true
        return copy
    }
}

/// All that was done to a simulated disk since a known state, from which the states after a power cut follow.
///
/// What the model takes a disk to do, which is the least that POSIX and Linux promise:
/// 1. A successful sync of an object keeps its content and size, but not its name; a sync of a name keeps what was
///    done to that name, but no content; `syncAll` keeps everything.
/// 2. Anything else issued before the cut reached the disk or did not, each change by itself: later changes may be
///    there without earlier ones. A write may have reached it in any subset of its 512-byte sectors.
/// 3. After a sync that failed, what it covered is never known to be on the disk: a later sync that succeeds covers
///    only what was issued after the failure, as on Linux, which marks pages clean when writing them failed.
/// 4. Where two changes of the same bytes both reached the disk, the later one counts.
struct DiskLog: Sendable {
    static let sectorByteCount = 512

    struct State: Sendable {
        var names: [ObjectName: Int] = [:]
        var contents: [Int: SparseBytes] = [:]
    }

    let start: State
    private(set) var operations: [DiskOperation] = []

    init(start: State) { self.start = start }

    mutating func append(_ operation: DiskOperation) { operations.append(operation) }

    /// The disk as it could be found after `cut`.
    func state(after cut: PowerCut) -> State {
        let issued = operations.prefix(cut.operationCount)
        let isSafe = Self.safeOperations(issued)
        var state = start
        var disk = UncertainDisk(cut)
        for (operation, isSafe) in zip(issued, isSafe) {
            disk.apply(operation, isSafe: isSafe, to: &state)
        }
        return state
    }

    /// For each operation whether a later sync has made it durable.
    private static func safeOperations(_ operations: ArraySlice<DiskOperation>) -> [Bool] {
        var isSafe = [Bool](repeating: false, count: operations.count)
        var pendingContent: [Int: [Int]] = [:]
        var pendingNames: [ObjectName: [Int]] = [:]
        for (index, operation) in operations.enumerated() {
            var settled: [Int] = []
            switch operation.change {
            case .create(let name), .remove(let name):
                pendingNames[name, default: []].append(index)
            case .write, .truncate, .punchHole:
                pendingContent[operation.object, default: []].append(index)
            case .syncObject:
                settled = pendingContent.removeValue(forKey: operation.object) ?? []
            case .syncName(let name):
                settled = pendingNames.removeValue(forKey: name) ?? []
            case .syncAll:
                settled = Array(pendingContent.values.joined()) + Array(pendingNames.values.joined())
                pendingContent = [:]
                pendingNames = [:]
            }
            if !operation.hasFailed {
                for index in settled { isSafe[index] = true }
            }
        }
        return isSafe
    }
}

/// Decides what of each operation reached the disk.
private struct UncertainDisk {
    private let fate: PowerCut.Fate
    private var dice: PowerCut.Dice
    /// How many of a hundred unsynced changes arrive; drawn per cut, so that nearly-all and nearly-none come up too.
    private let arrivalPercent: UInt64

    init(_ cut: PowerCut) {
        fate = cut.fate
        guard case .mixed(let seed) = cut.fate else {
            dice = PowerCut.Dice(seed: 0)
            arrivalPercent = cut.fate == .kept ? 100 : 0
            return
        }
        dice = PowerCut.Dice(seed: seed ^ UInt64(cut.operationCount) << 32)
        arrivalPercent = [5, 25, 50, 75, 95][Int(dice.next() % 5)]
    }

    mutating func apply(_ operation: DiskOperation, isSafe: Bool, to state: inout DiskLog.State) {
        // One throw an operation, whatever becomes of it: another outcome early leaves the later throws alone.
        let arrives = dice.falls(percent: arrivalPercent) || isSafe
        let tears = dice.falls(percent: 30)
        switch operation.change {
        case .create(let name):
            // The object itself costs nothing: without its name nobody finds it.
            state.contents[operation.object] = state.contents[operation.object] ?? SparseBytes()
            if arrives { state.names[name] = operation.object }
        case .remove(let name):
            if arrives { state.names[name] = nil }
        case .write(let offset, let bytes):
            if isSafe || (arrives && (fate == .kept || !tears)) {
                bytes.withUnsafeBytes { state.contents[operation.object]?.write($0, at: offset) }
            } else if arrives {
                state.contents[operation.object]?.writeTorn(bytes, at: offset, dice: &dice)
            }
        case .truncate(let size):
            if arrives { state.contents[operation.object]?.truncate(to: size) }
        case .punchHole(let range):
            if arrives { state.contents[operation.object]?.zero(range) }
        case .syncObject, .syncName, .syncAll:
            break
        }
    }
}
