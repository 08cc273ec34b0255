internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// What a backup holds, in order: the plaintext of its last entry, which is sealed for the realm.
///
/// One line a file: SHA-256, size, name. Whoever has no key of the realm can neither change nor drop a file unseen.
struct BackupManifest: Hashable, Sendable {
    static let name = "manifest"
    private static let heading = "argus backup 1"

    struct Item: Hashable, Sendable {
        var name: String
        var size: UInt64
        var hash: [UInt8]
    }

    var items: [Item] = []

    var bytes: [UInt8] {
        Array(
            ([Self.heading] + items.map { "\(Hex.encode($0.hash)) \($0.size) \($0.name)" }).joined(separator: "\n").utf8
        )
    }

    init() {}

    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first == Self.heading[...] else { return nil }
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let hash = Hex.decode(parts[0]), let size = UInt64(parts[1]) else { return nil }
            items.append(Item(name: String(parts[2]), size: size, hash: hash))
        }
    }

    /// Whether a file of a backup may have that name: plain components below the realm's own directories, so that
    /// nothing is written anywhere else whoever made the archive.
    static func allows(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard name.utf8.count <= TarHeader.nameMaxByteCount, parts.count <= 5,
            parts.allSatisfy({ part in
                !part.isEmpty && !part.hasPrefix(".")
                    && part.utf8.allSatisfy {
                        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7a) || $0 == 0x2d || $0 == 0x2e
                    }
            })
        else { return false }
        switch parts[0] {
        case "realm.json": return parts.count == 1
        case PersonsRecord.fileName[...]: return parts.count == 1
        case Realm.journalName[...]: return parts.count == 2 || parts.count == 3
        case Realm.foldersName[...]: return parts.count >= 3 && FolderID(hex: parts[1]) != nil
        default: return false
        }
    }
}

/// Writes a backup, file after file.
final class BackupWriter {
    private let descriptor: OwnedDescriptor
    private var offset: UInt64 = 0
    private(set) var manifest = BackupManifest()
    private let progress: (UInt64) -> Void
    /// How often a file that changes while it is copied is copied again.
    private static let attemptMax = 20
    private static let attemptMilliseconds: UInt32 = 100

    init(_ descriptor: consuming OwnedDescriptor, progress: @escaping (UInt64) -> Void) {
        self.descriptor = descriptor
        self.progress = progress
    }

    func add(_ name: String, _ bytes: [UInt8]) throws(RealmError) {
        let start = offset
        try put(TarHeader(name: name, size: UInt64(bytes.count)).bytes)
        try put(bytes + [UInt8](repeating: 0, count: TarHeader.padding(UInt64(bytes.count))))
        manifest.items.append(.init(name: name, size: UInt64(bytes.count), hash: SHA256.hash(bytes)))
        progress(offset - start)
    }

    /// Adds a regular file of `directory`. False where there is none any more.
    ///
    /// `isCapsule`: the file may be written meanwhile. Its first two pages tell: as long as they are the same, every page
    /// that the root in them refers to is in place (docs/formats/capsule.md, rule 1); otherwise it is copied again.
    func add(_ name: String, from file: String, in directory: DirectoryHandle, isCapsule: Bool) throws(RealmError)
        -> Bool
    {
        let start = offset
        for _ in 0..<Self.attemptMax {
            let opened: Int32
            do throws(SystemError) {
                opened = try directory.open(file, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY).release()
            } catch {
                if error.isAbsence { return false }
                throw RealmError(error)
            }
            let source = OwnedDescriptor(owning: opened)
            var status = stat()
            guard fstat(source.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
            let size = UInt64(status.st_size)
            let before = isCapsule ? Self.slots(source) : []
            try put(TarHeader(name: name, size: size).bytes)
            let hash = try copy(source, size: size)
            try put([UInt8](repeating: 0, count: TarHeader.padding(size)))
            if !isCapsule || before == Self.slots(source) {
                manifest.items.append(.init(name: name, size: size, hash: hash))
                progress(offset - start)
                return true
            }
            offset = start
            guard lseek(descriptor.rawValue, off_t(start), SEEK_SET) == off_t(start),
                ftruncate(descriptor.rawValue, off_t(start)) == 0
            else { throw Self.failure(errno) }
            usleep(Self.attemptMilliseconds * 1000)
        }
        throw RealmError(
            .failed, "is written too fast to be copied; try again when less is written, or unmount it first")
    }

    /// Ends the archive with its manifest, and makes it durable.
    func finish(key: SecretBytes, realm: RealmID) throws(RealmError) {
        let sealed = try SealedRecord.seal(manifest.bytes, .backup, realm: realm, folder: nil, key: key)
        try put(TarHeader(name: BackupManifest.name, size: UInt64(sealed.count)).bytes)
        try put(sealed + [UInt8](repeating: 0, count: TarHeader.padding(UInt64(sealed.count))))
        try put([UInt8](repeating: 0, count: 2 * TarHeader.byteCount))
        guard fsync(descriptor.rawValue) == 0 else { throw Self.failure(errno) }
    }

    private static func slots(_ file: borrowing OwnedDescriptor) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = bytes.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, $0.count, 0) }
        return Array(bytes.prefix(max(0, count)))
    }

    /// Copies exactly `size` bytes; a file that became shorter is filled up with zeros.
    private func copy(_ source: borrowing OwnedDescriptor, size: UInt64) throws(RealmError) -> [UInt8] {
        var position: UInt64 = 0
        var failure: RealmError?
        let input = source.rawValue
        let hash = SHA256.hash(reading: { buffer in
            let wanted = Int(min(UInt64(buffer.count), size - position))
            guard wanted > 0 else { return 0 }
            var count = pread(input, buffer.baseAddress, wanted, off_t(position))
            if count < 0 {
                failure = RealmError(SystemError(errno: errno, call: "pread(2)"))
                return -1
            }
            if count == 0 {
                for place in 0..<wanted { buffer[place] = 0 }
                count = wanted
            }
            position += UInt64(count)
            do throws(RealmError) {
                try self.put(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
            } catch {
                failure = error
                return -1
            }
            return count
        })
        guard let hash else { throw failure ?? Self.failure(EIO) }
        return hash
    }

    private func put(_ bytes: [UInt8]) throws(RealmError) {
        let result = bytes.withUnsafeBytes { bytes in Result { () throws(RealmError) in try put(bytes) } }
        try result.get()
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws(RealmError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor.rawValue, rest.baseAddress, rest.count)
            let cause = errno
            if count < 0, cause == EINTR { continue }
            guard count > 0 else { throw Self.failure(count < 0 ? cause : ENOSPC) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        offset += UInt64(bytes.count)
    }

    private static func failure(_ cause: Int32) -> RealmError {
        if cause == ENOSPC || cause == EDQUOT || cause == EFBIG {
            return RealmError(.full, "there is no room for the backup; choose another place for it")
        }
        return RealmError(
            .failed, "the backup cannot be written (\(SystemError(errno: cause, call: "write(2)").description))")
    }
}

/// Reads a backup, file after file.
final class BackupReader {
    private let descriptor: OwnedDescriptor
    private var rest: UInt64 = 0
    private var padding = 0

    static let damaged = RealmError(.damaged, "is no backup of a realm, or was altered or cut; use another copy")

    init(path: String) throws(RealmError) {
        do throws(SystemError) {
            descriptor = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY)
        } catch {
            throw RealmError(.failed, "cannot be opened (\(error.description)); give the path of a backup")
        }
    }

    /// The next file; what is left of the one before is passed over.
    func next() throws(RealmError) -> TarHeader {
        var skipped = [UInt8](repeating: 0, count: 1 << 16)
        while rest > 0 {
            let count = try skipped.withUnsafeMutableBytes { buffer in
                Result { () throws(RealmError) in try read(into: buffer) }
            }.get()
            guard count > 0 else { throw Self.damaged }
        }
        guard try take(padding).allSatisfy({ $0 == 0 }) else { throw Self.damaged }
        guard let header = TarHeader(try take(TarHeader.byteCount)) else { throw Self.damaged }
        rest = header.size
        padding = TarHeader.padding(header.size)
        return header
    }

    /// Reads on in the current file; 0 at its end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RealmError) -> Int {
        let wanted = Int(min(UInt64(buffer.count), rest))
        guard wanted > 0 else { return 0 }
        while true {
            let count = Glibc.read(descriptor.rawValue, buffer.baseAddress, wanted)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.damaged }
            rest -= UInt64(count)
            return count
        }
    }

    /// The whole content of a short file.
    func content(_ header: TarHeader, maxByteCount: Int) throws(RealmError) -> [UInt8] {
        guard header.size <= UInt64(maxByteCount), rest == header.size else { throw Self.damaged }
        rest = 0
        return try take(Int(header.size))
    }

    private func take(_ count: Int) throws(RealmError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor.rawValue, $0.baseAddress! + done, count - done)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw Self.damaged }
            done += got
        }
        return bytes
    }
}
