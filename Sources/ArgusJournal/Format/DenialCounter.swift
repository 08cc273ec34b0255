internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// The count of a group of denials, in the stream's mapped `counters` file, survives `kill -9`: first sequence 8,
/// count 8, last seconds 8, last nanoseconds 4, uid 4, and HMAC-SHA256 32 over the slot's number 4 and these. Zeros where
/// there is no group, under the HMAC as well: no slot can be emptied by who has no key.
struct DenialCounter {
    static let byteCount = 64
    private static let contentByteCount = 32
    static let fileByteCount = DenialTable.slotCount * byteCount
    /// Streams of earlier versions have counters without HMACs.
    static let olderByteCount = 32
    static let olderFileByteCount = DenialTable.slotCount * olderByteCount

    var firstSequence: UInt64
    var count: UInt64
    var lastTime: Timestamp
    var uid: UInt32

    /// It allocates nothing.
    func store(_ file: UnsafeMutableRawBufferPointer, slot: Int, key: SecretBytes) {
        withUnsafeTemporaryAllocation(byteCount: 4 + Self.byteCount, alignment: 8) { scratch in
            scratch.storeBytes(of: UInt32(slot).littleEndian, toByteOffset: 0, as: UInt32.self)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[4...])
            bytes.storeBytes(of: firstSequence.littleEndian, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: count.littleEndian, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: lastTime.seconds.littleEndian, toByteOffset: 16, as: Int64.self)
            bytes.storeBytes(of: lastTime.nanoseconds.littleEndian, toByteOffset: 24, as: UInt32.self)
            bytes.storeBytes(of: uid.littleEndian, toByteOffset: 28, as: UInt32.self)
            HMAC.sha256(
                key: key, UnsafeRawBufferPointer(rebasing: scratch[..<(4 + Self.contentByteCount)]),
                into: UnsafeMutableRawBufferPointer(rebasing: bytes[Self.contentByteCount...]))
            let base = slot * Self.byteCount
            UnsafeMutableRawBufferPointer(rebasing: file[base..<base + Self.byteCount]).copyMemory(
                from: UnsafeRawBufferPointer(bytes))
        }
    }

    static func clear(_ file: UnsafeMutableRawBufferPointer, slot: Int, key: SecretBytes) {
        DenialCounter(firstSequence: 0, count: 0, lastTime: .epoch, uid: 0).store(file, slot: slot, key: key)
    }

    /// The counts, and whether all of the file is what its stream wrote. A slot that was torn is not.
    static func read(_ bytes: [UInt8], key: SecretBytes) -> (counters: [DenialCounter], isAuthentic: Bool) {
        var counters: [DenialCounter] = []
        var isAuthentic = bytes.count == fileByteCount
        for slot in 0..<min(DenialTable.slotCount, bytes.count / byteCount) {
            let content = bytes[slot * byteCount..<slot * byteCount + contentByteCount]
            let expected = HMAC.sha256(
                key: key, withUnsafeBytes(of: UInt32(slot).littleEndian) { Array($0) } + content)
            guard bytes[content.endIndex..<(slot + 1) * byteCount].elementsEqual(expected) else {
                isAuthentic = false
                continue
            }
            if let counter = DenialCounter(content) { counters.append(counter) }
        }
        return (counters, isAuthentic)
    }

    /// As earlier versions wrote them.
    static func readOlder(_ bytes: [UInt8]) -> [DenialCounter] {
        (0..<min(DenialTable.slotCount, bytes.count / olderByteCount)).compactMap {
            DenialCounter(bytes[$0 * olderByteCount..<($0 + 1) * olderByteCount])
        }
    }

    private init(firstSequence: UInt64, count: UInt64, lastTime: Timestamp, uid: UInt32) {
        self.firstSequence = firstSequence
        self.count = count
        self.lastTime = lastTime
        self.uid = uid
    }

    init(_ group: DenialTable.Group) {
        // That since the group began: a takeover subtracts what it finds recorded.
        self.init(
            firstSequence: group.firstSequence, count: group.recordedCount + group.count, lastTime: group.lastTime,
            uid: group.event.actor.uid)
    }

    /// Nil for an empty slot.
    private init?(_ content: ArraySlice<UInt8>) {
        let read = content.withUnsafeBytes { raw -> DenialCounter? in
            var reader = ByteReader(raw)
            guard let first = try? reader.integer(UInt64.self), let count = try? reader.integer(UInt64.self),
                let seconds = try? reader.integer(Int64.self), let nanoseconds = try? reader.integer(UInt32.self),
                let uid = try? reader.integer(UInt32.self), count > 0
            else { return nil }
            return DenialCounter(
                firstSequence: first, count: count,
                lastTime: Timestamp(seconds: seconds, nanoseconds: min(nanoseconds, 999_999_999)), uid: uid)
        }
        guard let read else { return nil }
        self = read
    }
}

extension StreamReader {
    /// The counts of a stream that did not end, and what is wrong with them.
    func counters() -> (counters: [DenialCounter], finding: JournalFinding?) {
        func finding(_ reason: JournalFinding.Reason) -> JournalFinding {
            JournalFinding(stream: stream, reason: reason)
        }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try directory.readFile(JournalFormat.countersName, maxByteCount: DenialCounter.fileByteCount)
        } catch {
            return ([], finding(error.errno == ENOENT ? .countersMissing : .countersUnauthentic))
        }
        // Whoever wrote no bounds of the spool wrote no HMACs either.
        if retention == nil, bytes.count == DenialCounter.olderFileByteCount {
            return (DenialCounter.readOlder(bytes), nil)
        }
        let (counters, isAuthentic) = DenialCounter.read(bytes, key: streamKeys.counters)
        return (counters, isAuthentic ? nil : finding(.countersUnauthentic))
    }
}
