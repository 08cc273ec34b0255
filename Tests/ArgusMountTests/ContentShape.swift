import ArgusMountKit
import Glibc

/// Content of every form that a capsule tells apart.
enum ContentShape: String, CaseIterable, Sendable {
    case empty, byte, inline
    case pageLess = "page-1"
    case page
    case pageMore = "page+1"
    case oneLevel, threeLevels, fiveLevels, holes

    var size: UInt64 {
        switch self {
        case .empty: 0
        case .byte: 1
        case .inline: 2_000
        case .pageLess: 4_095
        case .page: 4_096
        case .pageMore: 4_097
        case .oneLevel: 200_000
        case .threeLevels: 20 << 30
        case .fiveLevels: 1 << 44
        case .holes: 40_000_000
        }
    }

    /// What is written of it, in pages; the rest are holes.
    var runs: [Range<UInt64>] {
        switch self {
        case .empty: []
        case .byte, .inline, .pageLess, .page: [0..<1]
        case .pageMore: [0..<2]
        case .oneLevel: [0..<49]
        case .threeLevels: [0..<2, 150_000..<150_003, (5 << 20) - 2..<5 << 20]
        case .fiveLevels: [0..<1, (1 << 32) - 2..<1 << 32]
        case .holes: [5..<8, 7_000..<7_001]
        }
    }

    /// The pages that are read: those that are written, and holes beside them.
    var probes: [UInt64] {
        let end = (size + 4095) / 4096
        let near = runs.flatMap { [$0.upperBound, $0.upperBound + 1, $0.lowerBound &- 1] }
        return Set(runs.flatMap { Array($0) } + near + [end &- 1]).filter { $0 < end }.sorted()
    }
}

/// A file whose content is known, page by page, so that each page that is read can be judged.
struct KnownFile {
    enum Reading: Hashable {
        case right, wrong
        case failed(Int32)
    }

    let shape: ContentShape
    let path: String
    private var pages: [UInt64: [UInt8]] = [:]

    init(_ shape: ContentShape, path: String) {
        self.shape = shape
        self.path = path
    }

    /// Writes it in place, with new bytes where `renews`.
    mutating func write(renews: Bool = true) throws {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw KitError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        // A file that was cut to nothing has a capsule, other than one that never had content.
        if shape == .empty { pwrite(file, "content", 7, 0) }
        if renews { for run in shape.runs { for page in run { pages[page] = Self.random(4096) } } }
        guard write(to: file), ftruncate(file, off_t(shape.size)) == 0 else {
            throw KitError("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Writes every page as it is known. False where one is refused; the others are written all the same.
    func write(to file: Int32) -> Bool {
        pages.sorted { $0.key < $1.key }.map { number, bytes in
            let count = count(of: number)
            return pwrite(file, bytes, count, off_t(number * 4096)) == count
        }.allSatisfy { $0 }
    }

    /// Changes the first page that is written.
    mutating func change(in file: Int32) -> Bool {
        guard let page = shape.runs.first?.first else { return true }
        let bytes = Self.random(4096)
        pages[page] = bytes
        return pwrite(file, bytes, count(of: page), off_t(page * 4096)) == count(of: page)
    }

    /// Opens it, reads all its probes, and tells what came of each.
    func read() -> [UInt64: Reading] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            let cause = errno
            return Dictionary(uniqueKeysWithValues: shape.probes.map { ($0, .failed(cause)) })
        }
        defer { close(file) }
        return read(from: file)
    }

    func read(from file: Int32) -> [UInt64: Reading] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        return Dictionary(
            uniqueKeysWithValues: shape.probes.map { page in
                let got = pread(file, &buffer, buffer.count, off_t(page * 4096))
                if got < 0 { return (page, .failed(errno)) }
                let expected = pages[page] ?? Self.zeros
                return (page, got == count(of: page) && memcmp(buffer, expected, got) == 0 ? .right : .wrong)
            })
    }

    /// From here on the kernel asks the driver for each page that is read (open(2), `O_DIRECT`, which is a macro).
    static func passCache(_ file: Int32) -> Bool {
        #if arch(arm64)
            let direct: Int32 = 0o200000
        #else
            let direct: Int32 = 0o40000
        #endif
        return fcntl(file, F_SETFL, direct) == 0
    }

    private func count(of page: UInt64) -> Int { Int(min(4096, shape.size - page * 4096)) }

    private static let zeros = [UInt8](repeating: 0, count: 4096)

    static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        arc4random_buf(&bytes, count)
        return bytes
    }
}
