internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// The kernel's id of this boot (random(4), /proc/sys/kernel/random/boot_id), as 16 bytes.
enum BootID {
    static func current() -> [UInt8] {
        var text = [UInt8](repeating: 0, count: 36)
        guard let file = try? OwnedDescriptor.open("/proc/sys/kernel/random/boot_id", flags: O_RDONLY) else {
            return [UInt8](repeating: 0, count: 16)
        }
        let count = text.withUnsafeMutableBytes { read(file.rawValue, $0.baseAddress, $0.count) }
        let digits = String(decoding: text.prefix(max(0, count)), as: UTF8.self).filter { $0 != "-" }
        guard let bytes = Hex.decode(digits), bytes.count == 16 else { return [UInt8](repeating: 0, count: 16) }
        return bytes
    }
}

/// A new stream on disk: directory, first segment, counters.
struct StreamStart {
    var stream: StreamID
    var directory: DirectoryHandle
    var keys: StreamKeys
    var genesis: [UInt8]
    var genesisHash: [UInt8]
    var segment: WritableSegment
    var counters: MappedFile
    var macKey: SecretBytes

    /// Makes the stream under a temporary name, locks it, and gives it its own name once everything is durable: a
    /// directory named by a stream id always holds a stream.
    static func make(
        in spool: DirectoryHandle, keys: JournalKeys, folder: FolderID, device: DeviceID, mode: JournalMode,
        limits: JournalLimits, clock: any Clock, bootID: [UInt8], parents: [JournalParent]
    ) throws(JournalError) -> StreamStart {
        precondition(
            JournalFormat.segmentByteCounts.contains(limits.segmentByteCount)
                && limits.segmentByteCount.isMultiple(of: 4_096), "a segment's size is out of bounds")
        let stream = StreamID.random()
        let streamKeys = StreamKeys(
            FolderJournalKey(sealingKey: keys.sealingKey, folder: folder), stream: stream, device: device)
        let macKey = SecretBytes.random(count: MACKey.byteCount)
        let genesis: [UInt8]
        let slot: [UInt8]
        do throws(CryptoError) {
            genesis = JournalGenesis(
                stream: stream, device: device, folder: folder, time: clock.now(),
                monotonicNanoseconds: clock.monotonicNanoseconds(), bootID: bootID, isStrict: mode == .strict,
                segmentByteCount: UInt32(limits.segmentByteCount),
                signingPublicKey: keys.signingKey.publicKey,
                keyBox: try MACKey.seal(macKey, to: keys.auditPublicKey, stream: stream), parents: parents
            ).encode(genesisKey: keys.genesisKey)
            slot = try KeySlot.encode(macKey, epoch: 0, sealedWith: streamKeys.slots, ordinal: 1)
        } catch {
            throw .unauthentic(reason: "the stream's first key could not be sealed")
        }
        let genesisHash = SHA256.hash(genesis)
        do throws(SystemError) {
            let temporary = Spool.temporaryPrefix + stream.hex
            let directory = try spool.subdirectory(temporary, create: true)
            guard flock(directory.descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw SystemError(errno: errno, call: "flock(2)")
            }
            let segment = try WritableSegment.make(
                directory, ordinal: 1, byteCount: limits.segmentByteCount, stream: stream, genesis: genesis)
            let counters = try MappedFile(
                directory, name: JournalFormat.countersName, byteCount: DenialCounter.fileByteCount)
            for slot in 0..<DenialTable.slotCount {
                DenialCounter.clear(counters.bytes, slot: slot, key: streamKeys.counters)
            }
            segment.store(slot: slot, epoch: 0)
            genesisHash.withUnsafeBytes { segment.begin(firstSequence: 1, previousHash: $0, commitsBefore: 0) }
            try segment.file.sync()
            try counters.sync()
            try directory.sync()
            try spool.rename(temporary, to: stream.hex)
            try spool.sync()
            return StreamStart(
                stream: stream, directory: directory, keys: streamKeys, genesis: genesis, genesisHash: genesisHash,
                segment: segment, counters: counters, macKey: macKey)
        } catch {
            throw error.meansFull ? .full : .storage(errno: error.errno)
        }
    }
}
