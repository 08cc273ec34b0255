internal import ArgusStore
internal import Glibc
internal import Synchronization

/// The room that the objects of one memory store share.
final class MemoryAccount: Sendable {
    private struct Balance {
        var usedBytes: UInt64 = 0
        var reservedBytes: UInt64 = 0
    }

    let capacityBytes: UInt64
    private let balance = Mutex(Balance())

    init(capacityBytes: UInt64?) { self.capacityBytes = capacityBytes ?? .max }

    var freeBytes: UInt64 {
        balance.withLock { capacityBytes - min(capacityBytes, $0.usedBytes + $0.reservedBytes) }
    }

    func charge(_ byteCount: UInt64) throws(StoreError) {
        let fits = balance.withLock { balance in
            guard byteCount <= capacityBytes - min(capacityBytes, balance.usedBytes + balance.reservedBytes) else {
                return false
            }
            balance.usedBytes += byteCount
            return true
        }
        guard fits else { throw .full }
    }

    /// Counts what is there already, whether it fits or not.
    func adopt(_ byteCount: UInt64) {
        balance.withLock { $0.usedBytes += byteCount }
    }

    func refund(_ byteCount: UInt64) {
        balance.withLock { $0.usedBytes -= byteCount }
    }

    func reserve(_ byteCount: UInt64) -> UInt64 {
        balance.withLock {
            $0.reservedBytes = min(byteCount, capacityBytes - min(capacityBytes, $0.usedBytes))
            return $0.reservedBytes
        }
    }
}

/// The content behind a name, shared by the handles that are open. Lock order: content, then account.
final class MemoryNode: Sendable {
    private let bytes: Mutex<SparseBytes>
    private let account: MemoryAccount

    init(account: MemoryAccount, content: SparseBytes = SparseBytes()) {
        self.account = account
        bytes = Mutex(content)
        account.adopt(content.allocatedByteCount)
    }

    deinit { account.refund(content.allocatedByteCount) }

    /// A snapshot.
    var content: SparseBytes { bytes.withLock { $0 } }
    var size: UInt64 { bytes.withLock { $0.size } }
    var allocatedByteCount: UInt64 { bytes.withLock { $0.allocatedByteCount } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        bytes.withLock { $0.read(into: buffer, at: offset) }
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError) {
        try bytes.withLock { content throws(StoreError) in
            let end = offset + UInt64(buffer.count)
            try account.charge(content.missingPageCount(in: offset..<end) * UInt64(SparseBytes.pageByteCount))
            content.write(buffer, at: offset)
        }
    }

    /// Changes the content, and accounts for it whether it fits or not.
    func alter(_ change: (inout SparseBytes) -> Void) {
        bytes.withLock { content in
            let before = content.allocatedByteCount
            change(&content)
            let after = content.allocatedByteCount
            if after >= before { account.adopt(after - before) } else { account.refund(before - after) }
        }
    }
}

/// One handle on a node.
final class MemoryObject: BackingObject {
    /// No object is longer: what a Linux file can hold (off_t).
    static let maxByteCount = UInt64(Int64.max)

    private let node: MemoryNode
    private let isWritable: Bool

    init(_ node: MemoryNode, writable: Bool) {
        self.node = node
        self.isWritable = writable
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StoreError) -> Int {
        node.read(into: buffer, at: offset)
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError) {
        try checkWritable(upTo: offset, count: UInt64(buffer.count))
        try node.write(buffer, at: offset)
    }

    func truncate(to size: UInt64) throws(StoreError) {
        try checkWritable(upTo: size)
        node.alter { $0.truncate(to: size) }
    }

    func punchHole(_ range: Range<UInt64>) throws(StoreError) {
        try checkWritable(upTo: range.upperBound)
        node.alter { $0.zero(range) }
    }

    func sync() throws(StoreError) {}
    func size() throws(StoreError) -> UInt64 { node.size }
    func allocatedBytes() throws(StoreError) -> UInt64 { node.allocatedByteCount }

    private func checkWritable(upTo offset: UInt64, count: UInt64 = 0) throws(StoreError) {
        guard isWritable else { throw .readOnly }
        guard offset <= Self.maxByteCount, count <= Self.maxByteCount - offset else { throw .failed(errno: EFBIG) }
    }
}
