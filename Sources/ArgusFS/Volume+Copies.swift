internal import ArgusCapsule
package import ArgusCore
internal import ArgusCrypto
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusSystem
internal import Synchronization

/// Copies that an app makes itself, by reading one file and writing another: the filesystem sees both ends.
///
/// A copy is inferred where one process opened the source for reading and closes a destination that it wrote, of equal
/// size and equal sampled content. What it reads from the kernel's cache never reaches the driver, so bytes read say
/// nothing; and a compiler that reads 500 headers copies none of them.
extension Volume {
    /// Looked at: the first page, the middle one and the last; a file of up to three pages as a whole.
    private static let sampleByteCount = 4096

    /// Records that the file of a handle which is being closed is a copy, where it is one.
    func recordInferredCopy(to handle: Handle, _ content: FileContent) {
        let size = content.size
        let written = handle.bytesWritten.load(ordering: .relaxed)
        // What copy_file_range(2) wrote has its exact record.
        guard written > 0, size > 0, handle.bytesCopied.load(ordering: .relaxed) < size else { return }
        let candidates = reads.files(of: handle.actor.pid, size: size)
        let elsewhere = neighbours?.reads(by: handle.actor.pid, size: size) ?? []
        guard !candidates.isEmpty || !elsewhere.isEmpty, let copied = Samples(of: content, size: size) else { return }
        for inode in candidates where inode != handle.inode {
            guard let source = sample(inode, size: size), source.samples == copied else { continue }
            var event = AuditEvent(
                activity: .copy, status: .success, actor: handle.actor, fileID: source.fileID,
                place: place(of: inode), secondPlace: knownPlace(of: handle.inode) ?? handle.place, byteCount: size)
            event.copy = .inferred
            try? parts.journal.append(event)
            return
        }
        recordCopy(of: copied, size: size, from: elsewhere, to: handle)
    }

    /// The same for a source in another folder, whose driver compares and records its end.
    private func recordCopy(of copied: Samples, size: UInt64, from files: [NeighbourFile], to handle: Handle) {
        guard let neighbours, !files.isEmpty else { return }
        let destination = knownPlace(of: handle.inode) ?? handle.place
        let claim = CopyClaim(
            actor: handle.actor, size: size, digest: copied.digest(under: neighbours.key), folder: parts.folder,
            path: destination.path)
        for file in files {
            guard let source = neighbours.confirm(claim, of: file) else { continue }
            var event = AuditEvent(
                activity: .copy, status: .success, actor: handle.actor, fileID: source.fileID,
                place: AuditPlace(source.path), secondPlace: destination, byteCount: size)
            event.copy = .inferred
            event.sourceFolder = file.folder
            try? parts.journal.append(event)
            return
        }
    }

    /// Whether a file here is what a process wrote into another folder; the copy is recorded where it is.
    ///
    /// Only a driver of the realm that has the content can make a claim that holds: the digest is made under a key of the
    /// realm's.
    package func confirm(_ claim: CopyClaim, of inode: InodeNumber) -> CopySource? {
        guard let neighbours, claim.size > 0, let source = sample(inode, size: claim.size),
            source.samples.digest(under: neighbours.key) == claim.digest
        else { return nil }
        let place = place(of: inode)
        var event = AuditEvent(
            activity: .copy, status: .success, actor: claim.actor, fileID: source.fileID, place: place,
            secondPlace: AuditPlace(claim.path), byteCount: claim.size)
        event.copy = .inferred
        event.destinationFolder = claim.folder
        guard (try? parts.journal.append(event)) != nil else { return nil }
        return CopySource(fileID: source.fileID, path: place.path)
    }

    /// Remembers that a process opened a file for reading, here and where other folders see it.
    func noteRead(by process: UInt32, of inode: InodeNumber, size: UInt64) {
        reads.note(process: process, inode: inode, size: size)
        if process != 0, size > 0 { neighbours?.noteRead(process: process, inode: inode, size: size) }
    }

    /// Nil where the file is another size by now, is gone, or cannot be read.
    private func sample(_ inode: InodeNumber, size: UInt64) -> (fileID: FileID, samples: Samples)? {
        let found = try? transact { () throws(Missing) -> (FileID, FileContent)? in
            let node = try node(inode)
            guard node.row.attributes.kind == .file, !node.isRemoved || node.openCount > 0,
                node.content?.size ?? node.row.attributes.size == size
            else { return nil }
            return (node.row.fileID, retainContent(of: node))
        }
        guard let (fileID, content) = found ?? nil else { return nil }
        defer { releaseContent(of: inode) }
        guard (try? load(inode, content)) != nil, let samples = Samples(of: content, size: size) else { return nil }
        return (fileID, samples)
    }

    /// Bytes of a file to compare with another's; wiped when dropped.
    private final class Samples: Equatable {
        private let bytes: UnsafeMutableRawBufferPointer

        init?(of content: FileContent, size: UInt64) {
            let part = UInt64(Volume.sampleByteCount)
            let offsets = size <= 3 * part ? [0] : [0, (size / 2) / part * part, size - part]
            bytes = .allocate(byteCount: Int(size <= 3 * part ? size : 3 * part), alignment: 16)
            let each = bytes.count / offsets.count
            for (place, offset) in offsets.enumerated() {
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[place * each..<(place + 1) * each])
                guard (try? content.read(at: offset, into: target)) == each else { return nil }
            }
        }

        deinit {
            wipe(bytes)
            bytes.deallocate()
        }

        func digest(under key: SecretBytes) -> [UInt8] { HMAC.sha256(key: key, UnsafeRawBufferPointer(bytes)) }

        static func == (left: Samples, right: Samples) -> Bool {
            left.bytes.count == right.bytes.count && left.bytes.elementsEqual(right.bytes)
        }
    }
}
