internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// A file of fixed size, allocated in advance and mapped: what is stored in it survives the end of this process.
///
/// `@unchecked`: the mapping lives as long as the object; who writes where is the owner's concern.
final class MappedFile: @unchecked Sendable {
    let descriptor: OwnedDescriptor
    let bytes: UnsafeMutableRawBufferPointer

    /// Makes the file `name`, or opens it where `isNew` is false.
    init(_ directory: DirectoryHandle, name: String, byteCount: Int, isNew: Bool = true) throws(SystemError) {
        let file = try directory.open(name, flags: isNew ? O_RDWR | O_CREAT | O_EXCL : O_RDWR)
        if isNew {
            // Real blocks: a store into a hole of a full disk would end this process with SIGBUS.
            let refused = posix_fallocate(file.rawValue, 0, off_t(byteCount))
            guard refused == 0 else {
                try? directory.remove(name)
                throw SystemError(errno: refused, call: "posix_fallocate(3)")
            }
        }
        let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0)
        guard let mapped, mapped != MAP_FAILED else {
            let cause = errno
            if isNew { try? directory.remove(name) }
            throw SystemError(errno: cause, call: "mmap(2)")
        }
        self.descriptor = file
        self.bytes = UnsafeMutableRawBufferPointer(start: mapped, count: byteCount)
    }

    deinit {
        munmap(bytes.baseAddress, bytes.count)
    }

    /// Makes the pages writable ahead of use, so that no append waits for a page fault.
    ///
    /// Advice only (MADV_POPULATE_WRITE, Linux 5.14): where it is not known, the faults come one by one.
    func populate() {
        _ = madvise(bytes.baseAddress, bytes.count, 23)
    }

    /// Makes everything stored so far durable. fdatasync(2) covers stores into a shared mapping.
    func sync() throws(SystemError) {
        guard fdatasync(descriptor.rawValue) == 0 else { throw SystemError(errno: errno, call: "fdatasync(2)") }
    }

    /// Gives back the room behind `byteCount`. Nothing may be stored there afterwards.
    func truncate(to byteCount: Int) throws(SystemError) {
        guard ftruncate(descriptor.rawValue, off_t(byteCount)) == 0 else {
            throw SystemError(errno: errno, call: "ftruncate(2)")
        }
    }
}

/// A segment that is being written.
final class WritableSegment: Sendable {
    let ordinal: UInt32
    let file: MappedFile

    init(ordinal: UInt32, file: MappedFile) {
        self.ordinal = ordinal
        self.file = file
    }

    /// Makes the segment's file with the header of a spare. It has its name only once it is whole and on disk.
    static func make(
        _ directory: DirectoryHandle, ordinal: UInt32, byteCount: Int, stream: StreamID, genesis: [UInt8]
    ) throws(SystemError) -> WritableSegment {
        let name = JournalFormat.unfinishedName
        if try directory.exists(name) { try directory.remove(name) }
        let file = try MappedFile(directory, name: name, byteCount: byteCount)
        file.populate()
        let header = SegmentHeader(
            ordinal: ordinal, state: .spare, segmentByteCount: UInt32(byteCount), stream: stream, firstSequence: 0,
            previousHash: [UInt8](repeating: 0, count: 32), commitsBefore: 0, genesis: genesis)
        header.encode().withUnsafeBytes { file.bytes.copyMemory(from: $0) }
        do throws(SystemError) {
            try file.sync()
            try directory.rename(name, to: JournalFormat.segmentName(ordinal))
            try directory.sync()
        } catch {
            try? directory.remove(name)
            throw error
        }
        return WritableSegment(ordinal: ordinal, file: file)
    }

    /// Puts the segment in use. The key slot must be there already.
    func begin(firstSequence: UInt64, previousHash: UnsafeRawBufferPointer, commitsBefore: UInt64) {
        let bytes = file.bytes
        bytes.storeBytes(of: firstSequence.littleEndian, toByteOffset: 40, as: UInt64.self)
        UnsafeMutableRawBufferPointer(rebasing: bytes[48..<80]).copyMemory(from: previousHash)
        bytes.storeBytes(of: commitsBefore.littleEndian, toByteOffset: 80, as: UInt64.self)
        bytes.storeBytes(of: SegmentHeader.State.used.rawValue.littleEndian, toByteOffset: 16, as: UInt32.self)
    }

    /// Puts a MAC key into its slot and wipes the other one.
    func store(slot: [UInt8], epoch: UInt64) {
        let offset = KeySlot.offset(epoch: epoch)
        slot.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: file.bytes[offset..<offset + JournalFormat.slotByteCount])
                .copyMemory(from: $0)
        }
        wipeSlot(at: KeySlot.offset(epoch: epoch &+ 1))
    }

    func wipeSlots() {
        for offset in JournalFormat.slotOffsets { wipeSlot(at: offset) }
    }

    private func wipeSlot(at offset: Int) {
        wipe(UnsafeMutableRawBufferPointer(rebasing: file.bytes[offset..<offset + JournalFormat.slotByteCount]))
    }
}
