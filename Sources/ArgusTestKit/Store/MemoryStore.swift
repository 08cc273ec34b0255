package import ArgusStore
internal import Synchronization

/// A store in memory: the reference every other store is compared with.
///
/// It keeps no more than the protocol asks: objects that were removed live until their last handle is gone,
/// and with a `capacityBytes` it runs full like a disk, in pages of 4 KiB.
package final class MemoryStore: BackingStore {
    private let names = Mutex<[ObjectName: MemoryNode]>([:])
    private let account: MemoryAccount

    package init(capacityBytes: UInt64? = nil) {
        account = MemoryAccount(capacityBytes: capacityBytes)
    }

    package func create(_ name: ObjectName) throws(StoreError) -> any BackingObject {
        let node = MemoryNode(account: account)
        let isNew = names.withLock { names in
            guard names[name] == nil else { return false }
            names[name] = node
            return true
        }
        guard isNew else { throw .exists }
        return MemoryObject(node, writable: true)
    }

    package func open(_ name: ObjectName, writable: Bool) throws(StoreError) -> any BackingObject {
        guard let node = names.withLock({ $0[name] }) else { throw .missing }
        return MemoryObject(node, writable: writable)
    }

    package func remove(_ name: ObjectName) throws(StoreError) {
        guard names.withLock({ $0.removeValue(forKey: name) }) != nil else { throw .missing }
    }

    package func exists(_ name: ObjectName) throws(StoreError) -> Bool {
        names.withLock { $0[name] != nil }
    }

    package func forEachObject(_ body: (ObjectName) -> Bool, stray: (String) -> Void) throws(StoreError) {
        for name in names.withLock({ Array($0.keys) }) {
            guard body(name) else { return }
        }
    }

    package func syncName(_ name: ObjectName) throws(StoreError) {}
    package func syncAll() throws(StoreError) {}
    package func location(of name: ObjectName) -> String { "memory:\(name.hex)" }

    package func space() throws(StoreError) -> StoreSpace {
        let free = account.freeBytes
        let objects = UInt64(names.withLock { $0.count })
        return StoreSpace(
            totalBytes: account.capacityBytes, freeBytes: free, availableBytes: free,
            totalObjects: .max, freeObjects: .max - objects)
    }

    package func reserve(_ byteCount: UInt64) throws(StoreError) -> UInt64 { account.reserve(byteCount) }
    package func releaseReserve() throws(StoreError) { _ = account.reserve(0) }

    // MARK: What a test may look at and alter behind the store's user

    /// The content of an object as it lies in the store, or nil where there is none.
    package func content(of name: ObjectName) -> SparseBytes? {
        names.withLock { $0[name] }?.content
    }

    /// Puts `content` under `name` as an attacker would: no handle that is open notices.
    package func plant(_ content: SparseBytes, as name: ObjectName) {
        let node = MemoryNode(account: account, content: content)
        names.withLock { $0[name] = node }
    }

    /// Changes an object in place, under the eyes of whoever holds it open. Returns false where there is none.
    @discardableResult
    package func alter(_ name: ObjectName, _ change: (inout SparseBytes) -> Void) -> Bool {
        guard let node = names.withLock({ $0[name] }) else { return false }
        node.alter(change)
        return true
    }

    /// Everything in the store, by name.
    package var contents: [ObjectName: SparseBytes] {
        names.withLock { $0.mapValues(\.content) }
    }
}
