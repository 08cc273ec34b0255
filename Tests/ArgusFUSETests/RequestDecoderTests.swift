import ArgusCore
import ArgusFS
import ArgusFUSE
import Testing

@Suite("Requests of the kernel are decoded")
struct RequestDecoderTests {
    static let requests: [(RequestBytes, String)] = [
        (RequestBytes(.lookup).string("a"), "lookup a"),
        (RequestBytes(.lookup).string("."), "lookup itself"),
        (RequestBytes(.lookup).string(".."), "lookup parent"),
        (RequestBytes(.forget, node: 9).u64(3), "forget 9x3"),
        (RequestBytes(.batchForget).u32(2, 0).u64(5, 1, 6, 2), "forget 5x1 6x2"),
        (RequestBytes(.getattr).u32(0, 0).u64(8), "getAttributes(handle: nil)"),
        (RequestBytes(.getattr).u32(1, 0).u64(8), "getAttributes(handle: Optional(8))"),
        (RequestBytes(.readlink), "readLink"),
        (RequestBytes(.symlink).string("l").string("../t"), "symlink l -> ../t"),
        (RequestBytes(.mknod).u32(0o010644, 7, 0o22, 0).string("p"), "mknod p 10644 22 7"),
        (RequestBytes(.mkdir).u32(0o041755, 0o22).string("d"), "mkdir d 1755 22"),
        (RequestBytes(.unlink).string("a"), "unlink a"),
        (RequestBytes(.rmdir).string("a"), "rmdir a"),
        (RequestBytes(.rename).u64(5).string("a").string("b"), "rename a to b in 5 0"),
        (RequestBytes(.rename2).u64(5).u32(2, 0).string("a").string("b"), "rename a to b in 5 2"),
        (RequestBytes(.rename2).u64(5).u32(5, 0).string("a").string("b"), "rename a to b in 5 5"),
        (RequestBytes(.tmpfile).u32(0o2, 0o100600, 0o22, 0).string("/"), "tmpfile 600 22 2"),
        (RequestBytes(.link).u64(12).string("a"), "link 12 as a"),
        (RequestBytes(.create).u32(0o102, 0o100644, 0o22, 0).string("a"), "create a 644 22 66"),
        (RequestBytes(.open).u32(0o1001, 1), "open 513 kills true"),
        (RequestBytes(.open).u32(0, 0), "open 0 kills false"),
        (
            RequestBytes(.read).u64(4, 4096).u32(1 << 20, 0).u64(0).u32(0, 0),
            "read(4, offset: 4096, count: 1048576, isDirect: false)"
        ),
        (
            RequestBytes(.read).u64(4, 4096).u32(1 << 20, 2).u64(0).u32(0, 0),
            "read(4, offset: 4096, count: 1048576, isDirect: true)"
        ),
        (
            RequestBytes(.write).u64(4, 5).u32(3, 4).u64(0).u32(1, 0).raw([7, 8, 9]),
            "write 4 at 5: [7, 8, 9] kills true"
        ),
        (RequestBytes(.write).u64(4, 5).u32(0, 0).u64(0).u32(1, 0), "write 4 at 5: [] kills false"),
        (RequestBytes(.write).u64(4, 5).u32(0, 1).u64(0).u32(1, 0), "write 4 at 5: [] kills false back"),
        (RequestBytes(.statfs), "statistics"),
        (RequestBytes(.release).u64(4).u32(2, 0).u64(0), "release(4, wrote: true)"),
        (RequestBytes(.release).u64(4).u32(0, 1).u64(0), "release(4, wrote: false)"),
        (RequestBytes(.fsync).u64(4).u32(1, 0), "synchronize(4, dataOnly: true)"),
        (RequestBytes(.flush).u64(4).u32(0, 0).u64(0), "flush(4)"),
        (
            RequestBytes(.setxattr).u32(2, 1, 1, 0).string("user.x").raw([1, 2]),
            "setXattr user.x = [1, 2] 1 clears true"
        ),
        (RequestBytes(.setxattr).u32(0, 0, 0, 0).string("user.x"), "setXattr user.x = [] 0 clears false"),
        (RequestBytes(.getxattr).u32(64, 0).string("user.x"), "getXattr user.x 64"),
        (RequestBytes(.listxattr).u32(64, 0), "listXattrs(capacity: 64)"),
        (RequestBytes(.removexattr).string("user.x"), "removeXattr user.x"),
        (RequestBytes(.opendir).u32(0, 0), "openDirectory"),
        (RequestBytes(.releasedir).u64(4).u32(0, 0).u64(0), "releaseDirectory(4)"),
        (RequestBytes(.fsyncdir).u64(4).u32(0, 0), "synchronizeDirectory(4)"),
        (RequestBytes(.access).u32(4, 0), "access(mask: 4)"),
        (RequestBytes(.fallocate).u64(4, 100, 50).u32(3, 0), "allocate 4 3 100 50"),
        (RequestBytes(.syncfs).u64(0), "synchronizeAll"),
        (RequestBytes(.interrupt).u64(9), "interrupt"),
        (RequestBytes(.destroy), "destroy"),
        (
            RequestBytes(.copyFileRange).u64(1, 2, 3, 4, 5, 6, 0),
            "copy 1@2 to 4@5 6 wide false"
        ),
        (
            RequestBytes(.copyFileRange64).u64(1, 2, 3, 4, 5, 6, 0),
            "copy 1@2 to 4@5 6 wide true"
        ),
        // With INIT_EXT (bit 30) the second word of flags counts, otherwise it is noise.
        (
            RequestBytes(.initialize).u32(7, 45, 131072, 1 << 30, 1).raw([UInt8](repeating: 0, count: 44)),
            "init 7.45 131072 \(UInt64(1) << 32 | 1 << 30)"
        ),
        (RequestBytes(.initialize).u32(7, 35, 131072, 8, 1), "init 7.35 131072 8"),
        (RequestBytes(.initialize).u32(7, 5), "init 7.5 0 0"),
    ]

    @Test("each with its arguments", arguments: requests)
    func arguments(request: RequestBytes, text: String) {
        #expect(request.decoded() == text)
    }

    static let malformed: [RequestBytes] = [
        RequestBytes(.lookup),
        RequestBytes(.lookup).raw([65]),
        RequestBytes(.lookup).string("a").raw([0]),
        RequestBytes(.symlink).string("a"),
        RequestBytes(.batchForget).u32(2, 0).u64(5, 1),
        RequestBytes(.batchForget).u32(.max, 0).u64(5, 1),
        RequestBytes(.write).u64(4, 5).u32(4, 0).u64(0).u32(1, 0).raw([7, 8, 9]),
        RequestBytes(.write).u64(4, 5).u32(2, 0).u64(0).u32(1, 0).raw([7, 8, 9]),
        RequestBytes(.setxattr).u32(3, 0, 0, 0).string("user.x").raw([1, 2]),
        RequestBytes(.rename).u64(5).string("a"),
        RequestBytes(.read).u64(4, 4096),
        RequestBytes(.statfs).u32(0),
    ]

    @Test("none whose lengths do not add up", arguments: malformed)
    func lengths(request: RequestBytes) {
        #expect(request.decoded() == "malformed")
    }

    @Test("none whose header lies about its length", arguments: [0, 39, 40, 43, UInt32.max])
    func claimedLength(length: UInt32) {
        var request = RequestBytes(.access).u32(4, 0)
        request.claimedLength = length
        #expect(request.decoded() == "malformed")
    }

    @Test("extensions behind the arguments are left out, and may not be longer than the request")
    func extensions() {
        var request = RequestBytes(.unlink).string("a").u64(1, 2)
        request.extensionWords = 2
        #expect(request.decoded() == "unlink a")
        request.extensionWords = 3
        #expect(request.decoded() == "malformed")
    }

    static let unacceptable: [(RequestBytes, FileSystemError)] = [
        (RequestBytes(.unlink).string("."), .invalidArgument),
        (RequestBytes(.unlink).string(""), .invalidArgument),
        (RequestBytes(.unlink).string("a/b"), .invalidArgument),
        (RequestBytes(.mkdir).u32(0, 0).string(".."), .invalidArgument),
        (RequestBytes(.lookup).string(String(repeating: "x", count: 256)), .nameTooLong),
        (RequestBytes(.symlink).string("l").string(String(repeating: "x", count: 4096)), .nameTooLong),
        (RequestBytes(.rename2).u64(5).u32(6, 0).string("a").string("b"), .invalidArgument),
        (RequestBytes(.rename2).u64(5).u32(3, 0).string("a").string("b"), .invalidArgument),
        (RequestBytes(.rename2).u64(5).u32(8, 0).string("a").string("b"), .invalidArgument),
        (RequestBytes(.read).u64(4, 1 << 63).u32(1, 0).u64(0).u32(0, 0), .invalidArgument),
        (RequestBytes(.lseek).u64(4, 0).u32(2, 0), .invalidArgument),
        (RequestBytes(.fallocate).u64(4, 0, 0).u32(0, 0), .invalidArgument),
        (RequestBytes(.fallocate).u64(4, 1, UInt64(Int64.max)).u32(0, 0), .fileTooLarge),
        (RequestBytes(.fallocate).u64(4, 1, .max).u32(0, 0), .fileTooLarge),
        (RequestBytes(.copyFileRange).u64(1, 2, 3, 4, 5, 6, 1), .invalidArgument),
        (RequestBytes(.setxattr).u32(65537, 0, 0, 0).string("user.x"), .argumentTooLong),
        (RequestBytes(.getxattr).u32(0, 0).string(String(repeating: "x", count: 256)), .bufferTooSmall),
    ]

    @Test("none with what no file system takes", arguments: unacceptable)
    func invalid(request: RequestBytes, error: FileSystemError) {
        #expect(request.decoded() == "\(DecodingError.invalid(error))")
    }

    @Test(
        "what the driver does not serve is refused with the errno that stops or keeps the kernel asking",
        arguments: [
            (Opcode.ioctl, Int32(25)), (.poll, 38), (.bmap, 38), (.getlk, 38), (.setlk, 38), (.statx, 38),
        ])
    func refused(opcode: Opcode, errno: Int32) {
        #expect(RequestBytes(opcode).decoded() == "\(DecodingError.refused(errno: errno))")
    }

    @Test("an unknown operation is refused with ENOSYS", arguments: [0, 7, 19, 54, 4096, UInt32.max])
    func unknown(opcode: UInt32) {
        var request = RequestBytes(.statfs)
        request.opcode = opcode
        #expect(request.decoded() == "\(DecodingError.refused(errno: 38))")
    }

    @Test("without SETXATTR_EXT the structure of setxattr is eight bytes shorter")
    func shortSetXattr() {
        let request = RequestBytes(.setxattr).u32(1, 2).string("user.x").raw([9])
        #expect(request.decoded(features: []) == "setXattr user.x = [9] 2 clears false")
    }

    static let attributeBits: [(UInt32, AttributeSummary)] = [
        (0, AttributeSummary()),
        (1, AttributeSummary(permissions: 0o4755)),
        (2 | 4, AttributeSummary(uid: 11, gid: 12)),
        (8 | 64, AttributeSummary(size: 99, handle: 5)),
        (16 | 32, AttributeSummary(accessed: "-1.1", modified: "2.2")),
        (16 | 32 | 128 | 256, AttributeSummary(accessed: "now", modified: "now")),
        (1 << 10, AttributeSummary(changed: "3.3")),
        (1 << 11 | 8, AttributeSummary(size: 99, kills: true)),
        (1 << 9, AttributeSummary()),
    ]

    @Test("SETATTR changes what its bits name, and nothing else", arguments: attributeBits)
    func setAttributes(valid: UInt32, expected: AttributeSummary) throws {
        let request = RequestBytes(.setattr).u32(valid, 0).u64(5, 99, 0, .max, 2, 3).u32(1, 2, 3)
            .u32(0o104755, 0, 11, 12, 0)
        let summary = try request.bytes.withUnsafeBytes { raw -> AttributeSummary? in
            let (header, body) = try RequestDecoder.header(of: raw)
            guard case .setAttributes(let changes) = try RequestDecoder(features: .wanted).operation(header, body)
            else {
                return nil
            }
            return AttributeSummary(changes)
        }
        #expect(summary == expected)
    }
}

/// `AttributeChanges` in a form to compare.
struct AttributeSummary: Hashable, Sendable {
    var permissions: UInt32?
    var uid: UInt32?
    var gid: UInt32?
    var size: UInt64?
    var accessed: String?
    var modified: String?
    var changed: String?
    var handle: UInt64?
    var kills = false
}

extension AttributeSummary {
    init(_ changes: AttributeChanges) {
        func text(_ change: TimeChange?) -> String? {
            switch change {
            case nil: nil
            case .now: "now"
            case .to(let time): "\(time.seconds).\(time.nanoseconds)"
            }
        }
        self.init(
            permissions: changes.permissions, uid: changes.uid, gid: changes.gid, size: changes.size,
            accessed: text(changes.accessed), modified: text(changes.modified),
            changed: changes.changed.map { "\($0.seconds).\($0.nanoseconds)" }, handle: changes.handle,
            kills: changes.killsSetID)
    }
}
