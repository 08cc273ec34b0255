internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// The mapping index in plain collections: the reference that other indexes are compared with, and the index of tests
/// that need no storage.
///
/// `@unchecked`: all state is touched under `lock`.
package final class MemoryIndex: MappingIndex, @unchecked Sendable {
    struct State {
        var inodes: [InodeNumber: InodeRow] = [:]
        var entries: [InodeNumber: [DirectoryCookie: EntryRow]] = [:]
        var attributes: [InodeNumber: [[UInt8]: [UInt8]]] = [:]
        var garbage: Set<FileID> = []
        var meta: [MetaKey: [UInt8]] = [:]
    }

    private let lock = Lock()
    private var current: State
    private var committed: State
    private var failure: IndexError?
    private var isClosed = false

    package init() {
        current = State()
        committed = State()
    }

    private init(_ state: State) {
        current = state
        committed = state
    }

    /// An index that holds what this one has committed, as after a restart.
    package func reopened() -> MemoryIndex { lock.withLock { MemoryIndex(committed) } }

    func read<R>(_ body: (State) throws(IndexError) -> R) throws(IndexError) -> R {
        try lock.withLock { () throws(IndexError) in
            guard !isClosed else { throw .storage(errno: EBADF) }
            return try body(current)
        }
    }

    package func apply(_ changes: borrowing [IndexChange]) throws(IndexError) {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed else { throw .storage(errno: EBADF) }
        if let failure { throw failure }
        do throws(IndexError) {
            for index in changes.indices { try current.apply(changes[index]) }
        } catch {
            failure = error
            throw error
        }
    }

    package func commit(_ durability: CommitDurability) throws(IndexError) {
        try lock.withLock { () throws(IndexError) in
            guard !isClosed else { throw .storage(errno: EBADF) }
            if let failure { throw failure }
            committed = current
        }
    }

    package func close() throws(IndexError) {
        lock.withLock { isClosed = true }
    }
}

extension MemoryIndex.State {
    mutating func apply(_ change: IndexChange) throws(IndexError) {
        switch change {
        case .putInode(let row):
            try check(row.attributes.inode.rawValue, row.parent.rawValue, row.cookie)
            inodes[row.attributes.inode] = row
        case .removeInode(let number): inodes[number] = nil
        case .putEntry(let row):
            try check(row.parent.rawValue, row.inode.rawValue, row.cookie)
            remove(row.name, from: row.parent)
            entries[row.parent, default: [:]][row.cookie] = row
        case .removeEntry(let parent, let name): remove(name, from: parent)
        case .putAttribute(let inode, let name, let value): attributes[inode, default: [:]][name] = value
        case .removeAttribute(let inode, let name): attributes[inode]?[name] = nil
        case .removeAllAttributes(let inode): attributes[inode] = nil
        case .putGarbage(let file): garbage.insert(file)
        case .removeGarbage(let file): garbage.remove(file)
        case .putMeta(let key, let value): meta[key] = value
        }
    }

    private mutating func remove(_ name: FileName, from parent: InodeNumber) {
        if let cookie = entry(parent: parent, name: name)?.cookie { entries[parent]?[cookie] = nil }
    }

    private func check(_ numbers: UInt64...) throws(IndexError) {
        guard numbers.allSatisfy({ $0 <= UInt64(Int64.max) }) else {
            throw .corrupt(reason: IndexFinding.numberTooHigh)
        }
    }

    func entry(parent: InodeNumber, name: FileName) -> EntryRow? {
        entries[parent]?.values.first { $0.name == name }
    }
}
