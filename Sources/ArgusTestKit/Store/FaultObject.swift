internal import ArgusStore

/// One handle on an object of a `FaultStore`.
final class FaultObject: BackingObject {
    private let object: any BackingObject
    private let number: Int
    private let store: FaultStore

    init(_ object: any BackingObject, number: Int, of store: FaultStore) {
        self.object = object
        self.number = number
        self.store = store
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StoreError) -> Int {
        try store.perform(.read) { _ throws(StoreError) in try object.read(into: buffer, at: offset) }
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError) {
        try store.perform(
            .write,
            { state throws(StoreError) in try write(buffer, at: offset, recordingIn: &state) },
            onFailure: { state, effect in
                // The part that still fits is stored; of the rest nothing is said.
                switch effect {
                case .prefix(let byteCount):
                    let part = UnsafeRawBufferPointer(rebasing: buffer.prefix(byteCount))
                    try? write(part, at: offset, recordingIn: &state)
                case .torn(let seed):
                    var dice = PowerCut.Dice(seed: seed)
                    for sector in SparseBytes.sectors(of: buffer, at: offset) where dice.falls(percent: 50) {
                        try? write(sector.bytes, at: sector.offset, recordingIn: &state)
                    }
                case .nothing, .everything:
                    break
                }
            })
    }

    func truncate(to size: UInt64) throws(StoreError) {
        try store.perform(.truncate) { state throws(StoreError) in
            try object.truncate(to: size)
            state.log.append(DiskOperation(change: .truncate(size: size), object: number))
        }
    }

    func punchHole(_ range: Range<UInt64>) throws(StoreError) {
        try store.perform(.punchHole) { state throws(StoreError) in
            try object.punchHole(range)
            state.log.append(DiskOperation(change: .punchHole(range), object: number))
        }
    }

    func sync() throws(StoreError) {
        let record = DiskOperation(change: .syncObject, object: number)
        try store.perform(
            .sync, { state in state.log.append(record) },
            onFailure: { state, _ in state.log.append(record.failed()) })
    }

    func size() throws(StoreError) -> UInt64 {
        try store.perform(.size) { _ throws(StoreError) in try object.size() }
    }

    func allocatedBytes() throws(StoreError) -> UInt64 {
        try store.perform(.allocatedBytes) { _ throws(StoreError) in try object.allocatedBytes() }
    }

    private func write(
        _ buffer: UnsafeRawBufferPointer, at offset: UInt64, recordingIn state: inout FaultStore.State
    ) throws(StoreError) {
        try object.write(buffer, at: offset)
        state.log.append(DiskOperation(change: .write(offset: offset, bytes: [UInt8](buffer)), object: number))
    }
}

extension SparseBytes {
    /// `buffer` cut at the borders of 512-byte sectors, each part with its offset.
    static func sectors(
        of buffer: UnsafeRawBufferPointer, at offset: UInt64
    ) -> [(offset: UInt64, bytes: UnsafeRawBufferPointer)] {
        let sector = UInt64(DiskLog.sectorByteCount)
        let end = offset + UInt64(buffer.count)
        var parts: [(offset: UInt64, bytes: UnsafeRawBufferPointer)] = []
        var start = offset
        while start < end {
            let stop = min(end, (start / sector + 1) * sector)
            let part = UnsafeRawBufferPointer(rebasing: buffer[Int(start - offset)..<Int(stop - offset)])
            parts.append((start, part))
            start = stop
        }
        return parts
    }

    /// Writes some of the 512-byte sectors that `bytes` touches.
    mutating func writeTorn(_ bytes: [UInt8], at offset: UInt64, dice: inout PowerCut.Dice) {
        bytes.withUnsafeBytes { buffer in
            for sector in Self.sectors(of: buffer, at: offset) where dice.falls(percent: 50) {
                write(sector.bytes, at: sector.offset)
            }
        }
    }
}
