import ArgusMountKit
import Glibc

/// What somebody who holds the storage does to one capsule there.
enum StorageAttack: Hashable, Sendable, CustomStringConvertible {
    /// A page behind the slots, by its place among them.
    enum Place: String, CaseIterable, Sendable {
        case first, second, middle, nextToLast, last

        /// Its number in a capsule of `count` pages.
        func page(of count: Int) -> Int? {
            let page =
                switch self {
                case .first: 2
                case .second: 3
                case .middle: (count + 2) / 2
                case .nextToLast: count - 2
                case .last: count - 1
                }
            return page >= 2 && page < count ? page : nil
        }
    }

    enum Change: String, CaseIterable, Sendable { case flipped, zeroed, random, older, anothers }
    enum Length: String, CaseIterable, Sendable {
        case nothing, byte, pageLess, page, pageMore, half, lastPage, lastByte, moreByte, morePage
    }
    enum Replacement: String, CaseIterable, Sendable {
        case older, anothers, symlink, hardLink, directory, fifo, device, deleted
    }

    /// A bit of a slot.
    case slot(Int, byte: Int)
    case page(Place, Change)
    case swapped(Place, Place)
    case length(Length)
    case object(Replacement)

    /// Bytes of a slot, one for each field of the header, of the root, and of what the root holds.
    private static let slotBytes = [
        0, 8, 10, 12, 13, 14, 16, 32, 48, 52, 54, 56, 64, 68, 72, 90, 120, 140, 170, 176, 200, 600, 800, 2_000, 3_000,
        4_079, 4_080, 4_090, 4_095,
    ]
    private static let someSlotBytes = [12, 140, 600, 4_090]

    /// What is tried on a shape. The fields of header and root are the same in all of them: every one is tried on some.
    static func all(on shape: ContentShape) -> [StorageAttack] {
        let bytes = [.inline, .oneLevel].contains(shape) ? slotBytes : someSlotBytes
        return [0, 1].flatMap { slot in bytes.map { .slot(slot, byte: $0) } } + all(onPagesOf: shape)
            + Length.allCases.map { .length($0) } + Replacement.allCases.map { .object($0) }
    }

    private static func all(onPagesOf shape: ContentShape) -> [StorageAttack] {
        let places: [Place]
        switch shape {
        case .empty, .byte, .inline: return []
        case .pageLess, .page, .pageMore: places = [.first, .last]
        case .oneLevel, .threeLevels, .fiveLevels, .holes: places = Place.allCases
        }
        return places.flatMap { place in Change.allCases.map { .page(place, $0) } }
            + [.swapped(.first, .last), .swapped(.nextToLast, .last)]
    }

    var description: String {
        switch self {
        case .slot(let slot, let byte): "slot \(slot) byte \(byte)"
        case .page(let place, let change): "page \(place) \(change)"
        case .swapped(let one, let other): "pages \(one) and \(other) swapped"
        case .length(let length): "length \(length)"
        case .object(let replacement): "object \(replacement)"
        }
    }

    /// One of the many bytes that are tried on a few shapes only.
    var isOneOfManyBytes: Bool {
        guard case .slot(_, let byte) = self else { return false }
        return !Self.someSlotBytes.contains(byte)
    }

    /// The page that is altered, where it is one.
    func page(of capsule: String) -> Int? {
        guard case .page(let place, _) = self else { return nil }
        return place.page(of: StoredFile(path: capsule).size / 4096)
    }

    /// Does it. `older` is a copy of the same capsule as it was before, `another` one of another file of that shape.
    /// False where it changes nothing.
    func perform(on path: String, older: String, another: String) throws -> Bool {
        let capsule = StoredFile(path: path)
        let size = capsule.size
        switch self {
        case .slot(let slot, let byte):
            let place = slot * 4096 + byte
            guard place < size else { return false }
            let bit = UInt8(1) << UInt8(place % 8)
            return try capsule.write([capsule.read(1, at: place)[0] ^ bit], at: place)
        case .page(let place, let change):
            guard let page = place.page(of: size / 4096) else { return false }
            return try alter(capsule, page: page, change, older: older, another: another)
        case .swapped(let one, let other):
            guard let one = one.page(of: size / 4096), let other = other.page(of: size / 4096) else { return false }
            let (first, second) = (capsule.read(4096, at: one * 4096), capsule.read(4096, at: other * 4096))
            guard try capsule.write(second, at: one * 4096) else { return false }
            return try capsule.write(first, at: other * 4096)
        case .length(let length):
            let target =
                switch length {
                case .nothing: 0
                case .byte: 1
                case .pageLess: 4_095
                case .page: 4_096
                case .pageMore: 4_097
                case .half: size / 8192 * 4096
                case .lastPage: size - 4_096
                case .lastByte: size - 1
                case .moreByte: size + 1
                case .morePage: size + 4_096
                }
            guard target != size, target < size || target > 4_097 else { return false }
            return truncate(path, off_t(target)) == 0
        case .object(let replacement):
            try replace(path, replacement, older: older, another: another)
            return true
        }
    }

    private func alter(_ capsule: StoredFile, page: Int, _ change: Change, older: String, another: String) throws
        -> Bool
    {
        let bytes: [UInt8]
        switch change {
        case .flipped:
            let place = page * 4096 + 1_234
            return try capsule.write([capsule.read(1, at: place)[0] ^ 16], at: place)
        case .zeroed: bytes = [UInt8](repeating: 0, count: 4096)
        case .random: bytes = KnownFile.random(4096)
        case .older: bytes = StoredFile(path: older).read(4096, at: page * 4096)
        case .anothers: bytes = StoredFile(path: another).read(4096, at: page * 4096)
        }
        return try capsule.write(bytes, at: page * 4096)
    }

    private func replace(_ path: String, _ replacement: Replacement, older: String, another: String) throws {
        // Outside the storage.
        let kept = older + ".kept"
        switch replacement {
        case .older: try StoredFile(path: path).replace(with: older)
        case .anothers: try StoredFile(path: path).replace(with: another)
        // The right bytes, but not in a file of the store's own.
        case .symlink:
            try Program(["sh", "-c", "mv -f \"$1\" \"$2\"; ln -s \"$2\" \"$1\"", "sh", path, kept]).required()
        case .hardLink: try Program(["ln", "-f", path, kept]).required()
        case .directory: try Program(["sh", "-c", "rm \"$1\"; mkdir \"$1\"", "sh", path]).required()
        case .fifo: try Program(["sh", "-c", "rm \"$1\"; mkfifo \"$1\"", "sh", path]).required()
        case .device:
            try Program(["sh", "-c", "rm \"$1\"; mknod \"$1\" c 1 5; chmod 666 \"$1\"", "sh", path], as: .root)
                .required()
        case .deleted: unlink(path)
        }
    }
}

/// A file on storage, changed in place.
struct StoredFile {
    let path: String

    var size: Int {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Up to `count` bytes.
    func read(_ count: Int, at offset: Int) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(file, &bytes, count, off_t(offset))
        return Array(bytes.prefix(max(0, got)))
    }

    /// False where those bytes were there already.
    func write(_ bytes: [UInt8], at offset: Int) throws -> Bool {
        guard !bytes.isEmpty, read(bytes.count, at: offset) != bytes else { return false }
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw KitError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        guard pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count else {
            throw KitError("\(path) cannot be written")
        }
        return true
    }

    /// Gives the same file another's bytes, as whoever has it open sees too.
    func replace(with other: String) throws {
        guard truncate(path, 0) == 0 else { throw KitError("\(path) cannot be cut") }
        _ = try write(StoredFile(path: other).read(StoredFile(path: other).size, at: 0), at: 0)
    }
}

extension Program {
    @discardableResult
    func required() throws -> Finished { try wait().required() }
}
