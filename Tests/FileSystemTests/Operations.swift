/// A generator whose numbers follow from its seed alone (SplitMix64), so that a sequence can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// One call of one process, as the exerciser reads it.
struct FileOperation: Hashable, CustomStringConvertible {
    /// Which of the processes makes it.
    var actor: Int
    var line: String
    var description: String { "\(actor): \(line)" }
}

/// Makes sequences of operations on few names, so that they meet. It knows no state: a sequence stays meaningful when
/// some of its operations are taken out.
struct OperationGenerator {
    private var random: SeededGenerator
    private let actorCount: Int
    private let keepsSearch: Bool

    /// `keepsSearch` leaves owners the right to search their directories: without `default_permissions` the kernel asks
    /// nobody before it goes through a directory whose names it knows (docs/semantics.md).
    init(seed: UInt64, actorCount: Int, keepsSearch: Bool) {
        random = SeededGenerator(seed: seed)
        self.keepsSearch = keepsSearch
        self.actorCount = actorCount
    }

    /// Names in hexadecimal: three short ones, and one of 255 bytes that are no UTF-8.
    private static let names =
        ["61", "62", "63"] + [
            String(
                (0..<255).map { index in hex(UInt8(truncatingIfNeeded: 1 + (index * 7) % 46 + (index % 3) * 70)) }
                    .joined())
        ]

    private static func hex(_ byte: UInt8) -> String {
        let digits = Array("0123456789abcdef")
        return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
    }

    private static func hex(_ text: String) -> String { text.utf8.map { hex($0) }.joined() }

    private mutating func pick<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }

    private mutating func path() -> String {
        let depth = pick([1, 1, 1, 2, 2, 3])
        return (0..<depth).map { _ in
            random.next() % 16 == 0 ? Self.names[3] : Self.names[Int(random.next() % 3)]
        }.joined(separator: "2f")
    }

    private mutating func offset() -> UInt64 {
        pick([0, 0, 1, 511, 4095, 4096, 4097, 10_000, 65_536, 300_001, 1_048_576])
    }

    private mutating func count() -> UInt64 { pick([0, 1, 7, 512, 4096, 4097, 20_000, 100_000]) }

    private mutating func mode() -> String {
        let mode: UInt32 = pick([
            0o644, 0o600, 0o666, 0o755, 0o777, 0o400, 0o040, 0o004, 0, 0o2755, 0o4755, 0o6711, 0o1777, 0o750, 0o2644,
        ])
        return "0" + String(keepsSearch ? mode | 0o100 : mode, radix: 8)
    }

    private mutating func slot() -> UInt64 { random.next() % 4 }

    private mutating func flags() -> UInt64 {
        // Flags of open(2) on Linux for x86-64 and arm64.
        let access: UInt64 = pick([0, 1, 2, 2])
        var flags = access
        if random.next() % 2 == 0 { flags |= 0o100 }
        if random.next() % 5 == 0 { flags |= 0o200 }
        if random.next() % 4 == 0 { flags |= 0o1000 }
        if random.next() % 4 == 0 { flags |= 0o2000 }
        return flags | 0o4000
    }

    private mutating func access() -> String {
        // An access list of owner, a user, owning group, a group, mask and others.
        func entry(_ tag: UInt8, _ permissions: UInt8, _ id: UInt32) -> String {
            let bytes: [UInt8] = [
                tag, 0, permissions, 0, UInt8(truncatingIfNeeded: id), UInt8(truncatingIfNeeded: id >> 8),
                UInt8(truncatingIfNeeded: id >> 16), UInt8(truncatingIfNeeded: id >> 24),
            ]
            return bytes.map { Self.hex($0) }.joined()
        }
        let none = UInt32.max
        var permissions: [UInt8] = (0..<6).map { _ in UInt8(random.next() % 8) }
        if keepsSearch { permissions[0] |= 1 }
        guard random.next() % 4 != 0 else {
            return "02000000" + entry(1, permissions[0], none) + entry(4, permissions[2], none)
                + entry(0x20, permissions[5], none)
        }
        return "02000000" + entry(1, permissions[0], none) + entry(2, permissions[1], pick([1000, 1001, 5]))
            + entry(4, permissions[2], none) + entry(8, permissions[3], pick([2000, 1001, 5]))
            + entry(0x10, permissions[4], none) + entry(0x20, permissions[5], none)
    }

    mutating func next() -> FileOperation {
        let actor = Int(random.next() % UInt64(actorCount))
        return FileOperation(actor: actor, line: line())
    }

    private mutating func line() -> String {
        switch random.next() % 100 {
        case 0..<14: return "open \(path()) \(slot()) \(flags()) \(mode())"
        case 14..<16: return "close \(slot())"
        case 16..<24: return "pwrite \(slot()) \(offset()) \(count()) \(random.next() % 1000)"
        case 24..<28: return "write \(slot()) \(count()) \(random.next() % 1000)"
        case 28..<33: return "pread \(slot()) \(offset()) \(count())"
        case 33..<35: return "map \(slot()) \(offset()) \(count())"
        case 35..<37: return "mapwrite \(slot()) \(offset()) \(count()) \(random.next() % 1000)"
        case 37..<39: return "ftruncate \(slot()) \(offset())"
        case 39..<42: return "fallocate \(slot()) \(pick([0, 1, 3, 16, 17, 2])) \(offset()) \(count())"
        case 42..<44: return "copy \(slot()) \(offset()) \(slot()) \(offset()) \(count())"
        case 44..<45: return "seek \(slot()) \(offset()) \(pick([0, 1]))"
        case 45..<46: return "\(pick(["fsync", "fdatasync"])) \(slot())"
        case 46..<48: return "fstat \(slot())"
        case 48..<49: return "fchmod \(slot()) \(mode())"
        case 49..<50: return "flock \(slot()) \(pick([1, 2, 8]))"
        case 50..<52: return "lock \(slot()) \(pick([0, 1])) \(pick([0, 1, 2])) \(offset()) \(count())"
        case 52..<53: return "tmpfile \(path()) \(slot()) \(mode())"
        case 53..<54: return "linkslot \(slot()) \(path())"
        case 54..<55: return "umask \(pick(["022", "077", "0", "027"]))"
        case 55..<61: return "mkdir \(path()) \(mode())"
        case 61..<63: return "rmdir \(path())"
        case 63..<66: return "unlink \(path())"
        case 66..<73:
            let flags = keepsSearch ? pick([0, 0, 1, 2, 3]) : pick([0, 0, 0, 1, 2, 4, 5, 3])
            return "rename \(path()) \(path()) \(flags)"
        case 73..<76: return "link \(path()) \(path())"
        case 76..<77: return "symlink \(path()) \(Self.names[Int(random.next() % 3)])"
        case 77..<78:
            // Special files are opened by the kernel alone, which checks nothing without `default_permissions`.
            let kind = keepsSearch ? "0100644" : pick(["010644", "0140600", "0100644", "020600", "060600"])
            return "mknod \(path()) \(kind) 0x103"
        case 78..<82: return "chmod \(path()) \(mode())"
        case 82..<85:
            // Not -1 twice: the driver cannot tell that from a write that takes the set-id bits (docs/semantics.md).
            return "chown \(path()) "
                + pick(["-1 0", "-1 1000", "-1 2000", "0 -1", "1000 -1", "1001 0", "1000 1000", "0 2000"])
        case 85..<87: return "truncate \(path()) \(offset())"
        case 87..<89:
            let time = { (random: inout SeededGenerator) in
                switch random.next() % 4 {
                // UTIME_NOW and UTIME_OMIT of utimensat(2).
                case 0: "0 1073741823"
                case 1: "0 1073741822"
                case 2: "\(random.next() % 10_000_000_000) \(random.next() % 1_000_000_000)"
                default: "-\(random.next() % 1_000_000_000) 5"
                }
            }
            return "utimens \(path()) \(time(&random)) \(time(&random))"
        case 89..<91:
            let name = Self.hex(pick(["user.a", "user.b", "trusted.a", "security.x", "user."]))
            return "setxattr \(path()) \(name) \(pick(["6161", "62", "."])) \(pick([0, 0, 1, 2]))"
        case 91..<92:
            return "removexattr \(path()) "
                + Self.hex(
                    pick(["user.a", "user.b", "trusted.a", "system.posix_acl_access", "system.posix_acl_default"]))
        case 92..<93:
            return "getxattr \(path()) "
                + Self.hex(
                    pick([
                        "user.a", "user.b", "trusted.a", "system.posix_acl_access", "system.posix_acl_default",
                        "user.c",
                    ]))
        case 93..<96:
            let name = pick(["system.posix_acl_access", "system.posix_acl_access", "system.posix_acl_default"])
            return "setxattr \(path()) \(Self.hex(name)) \(access()) 0"
        case 96..<97: return "readlink \(path())"
        case 97..<98: return "access \(path()) \(pick([0, 1, 2, 4, 6]))"
        case 98..<99: return "list \(path())"
        default: return "stat \(path())"
        }
    }
}
