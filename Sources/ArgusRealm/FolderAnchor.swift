internal import ArgusCapsule
internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// What a folder's index must be when it is opened: the plaintext of the sealed file `anchor`.
///
///     clean(commit, tag) ──open for writing──▶ open(boot, at least that commit) ──clean end──▶ clean(commit, tag)
///
/// 1. `open` is durable before anything of the index changes (`IndexPlace.noteOpen`).
/// 2. The commit is one that was durable at a clean end: it never moves while the folder is in use, so that it is on
///    disk whatever happens.
struct FolderAnchor: Hashable, Sendable {
    static let fileName = "anchor"
    private static let maxByteCount = 4096

    enum State: Hashable, Sendable {
        case clean
        /// In use since this boot of the machine (16 bytes), or left so by an unclean end.
        case open(bootID: [UInt8])
    }

    var state: State
    var commit: CommitNumber
    var rootTag: (high: UInt64, low: UInt64)

    static func == (left: Self, right: Self) -> Bool {
        left.state == right.state && left.commit == right.commit && left.rootTag == right.rootTag
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(state)
        hasher.combine(commit)
    }

    init(state: State, commit: CommitInfo) {
        self.state = state
        self.commit = commit.commit
        self.rootTag = (commit.rootTag.high, commit.rootTag.low)
    }

    /// Which root of the index may be taken in this boot of the machine.
    func expectation(bootID: [UInt8]) -> OpenExpectation {
        let tag = rootTag
        switch state {
        case .clean: return .clean(commit: commit, rootTag: Identifier(high: tag.high, low: tag.low))
        case .open(bootID): return .dirty(atLeast: commit, rootTag: Identifier(high: tag.high, low: tag.low))
        // After a power cut only roots whose commit waited for everything they refer to are to be trusted.
        case .open: return .ordered(atLeast: commit)
        }
    }

    // MARK: On disk

    static let damaged = RealmError(
        .indexDamaged, "the anchor of its index was altered or damaged; restore index and anchor from one backup")

    /// The number stands in clear: it tells nobody which of both it is.
    private static let unknownFormat = RealmError(
        .newerFormat,
        "the anchor of its index has a format that this version does not know: a later one wrote it, or it was altered; "
            + "install that version, or restore index and anchor from one backup")

    static func read(in directory: DirectoryHandle, secrets: FolderSecrets) throws(RealmError) -> FolderAnchor {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try directory.readFile(fileName, maxByteCount: maxByteCount)
        } catch {
            throw error.isAbsence ? damaged : RealmError(error)
        }
        let plaintext: [UInt8]
        do throws(RealmError) {
            plaintext = try SealedRecord.open(
                bytes, .anchor, realm: secrets.realm, folder: secrets.folder, key: secrets.record, damaged: damaged)
        } catch {
            throw error.kind == .newerFormat ? unknownFormat : error
        }
        guard let anchor = plaintext.withUnsafeBytes({ try? FolderAnchor(decoding: $0) }) else { throw damaged }
        return anchor
    }

    func write(in directory: DirectoryHandle, secrets: FolderSecrets) throws(RealmError) {
        var writer = ByteWriter()
        switch state {
        case .clean:
            writer.integer(UInt32(1))
            writer.append(repeatElement(0, count: 16))
        case .open(let bootID):
            writer.integer(UInt32(2))
            writer.append(bootID)
        }
        writer.integer(commit)
        writer.append(Identifier<FileIdentityKind>(high: rootTag.high, low: rootTag.low).bytes)
        let bytes = try SealedRecord.seal(
            writer.bytes, .anchor, realm: secrets.realm, folder: secrets.folder, key: secrets.record)
        try realmCall { () throws(SystemError) in try directory.replaceFile(Self.fileName, with: bytes) }
    }

    private init(decoding raw: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(raw)
        let kind = try reader.integer(UInt32.self)
        let bootID = try reader.bytes(16)
        switch kind {
        case 1: state = .clean
        case 2: state = .open(bootID: bootID)
        default: throw MalformedBytes()
        }
        commit = try reader.integer()
        let tag = try reader.identifier(FileID.self)
        rootTag = (tag.high, tag.low)
        guard reader.remaining == 0 else { throw MalformedBytes() }
    }
}

/// This boot of the machine (random(4), /proc/sys/kernel/random/boot_id): 16 bytes.
enum Boot {
    static func currentID() -> [UInt8] {
        let unknown = [UInt8](repeating: 0, count: 16)
        guard let kernel = try? DirectoryHandle(path: "/proc/sys/kernel/random"),
            let file = try? kernel.open("boot_id", flags: O_RDONLY)
        else { return unknown }
        var text = [UInt8](repeating: 0, count: 64)
        let count = text.withUnsafeMutableBytes { read(file.rawValue, $0.baseAddress, $0.count) }
        let digits = String(decoding: text.prefix(max(0, count)), as: UTF8.self).filter { $0.isHexDigit }
        guard let bytes = Hex.decode(digits), bytes.count == 16 else { return unknown }
        return bytes
    }
}
