import ArgusCore
import ArgusFS
import Testing

@testable import ArgusFUSE

@Suite("A mount is asked for as libfuse understands it")
struct MountingTests {
    @Test("options are escaped and access times left to the volume")
    func options() {
        let options = MountOptions(
            mountPoint: "/m", source: "a,b\\c", allowOther: true, defaultPermissions: true, readOnly: true,
            kernelOptions: ["nodev", "strictatime", "noexec"])
        #expect(
            options.libfuseOptions
                == "fsname=a\\,b\\\\c,subtype=argusfs,allow_other,default_permissions,ro,nodev,noexec")
    }

    @Test(
        "a place that cannot be mounted on is refused with its reason",
        arguments: [("/nowhere/at/all", "does not exist"), ("/etc/passwd", "not a directory"), ("/proc", "already")])
    func place(path: String, reason: String) throws {
        let options = MountOptions(
            mountPoint: path, source: "s", allowOther: false, defaultPermissions: false, readOnly: false,
            kernelOptions: [])
        let error = #expect(throws: MountError.self) { try MountPreflight.check(options) }
        let message = try #require(error).message
        #expect(message.contains(reason) && !message.contains("\n"))
    }

    @Test("a directory with entries is refused where the caller wants that")
    func nonEmpty() throws {
        let options = MountOptions(
            mountPoint: "/etc", source: "s", allowOther: false, defaultPermissions: false, readOnly: false,
            kernelOptions: [], allowsNonEmpty: false)
        let error = #expect(throws: MountError.self) { try MountPreflight.check(options) }
        #expect(try #require(error).message.contains("not empty"))
    }

    @Test(
        "allow_other needs its line in fuse.conf",
        arguments: [
            ("", false), ("#user_allow_other\n", false), ("user_allow_other", true),
            ("mount_max = 5\n  user_allow_other  # for all\n", true), ("no_user_allow_other\n", false),
        ])
    func allowOther(configuration: String, isAllowed: Bool) {
        if isAllowed {
            #expect(throws: Never.self) { try MountPreflight.checkAllowOther(configuration: configuration) }
        } else {
            #expect(throws: MountError.self) { try MountPreflight.checkAllowOther(configuration: configuration) }
        }
    }

    @Test("a line of the mount table gives id, device, place and type")
    func table() throws {
        let line: Substring = #"42 27 0:39 / /mnt/my\040folder rw,nosuid shared:5 - fuse.argusfs a,b rw,user_id=0"#
        let entry = try #require(MountTableEntry(line: line))
        #expect(entry.id == 42 && entry.device == "0:39" && entry.type == "fuse.argusfs")
        #expect(entry.mountPoint == "/mnt/my folder")
        #expect(MountTableEntry(line: "42 27 0:39 / /mnt rw") == nil)
    }
}

@Suite("The kernel is told what to drop")
struct InvalidationQueueTests {
    @Test("ranges of one file become one that holds them all")
    func union() {
        #expect(InvalidationQueue.union(0..<5, 10..<20) == 0..<20)
        #expect(InvalidationQueue.union(nil, 10..<20) == nil)
        #expect(InvalidationQueue.union(3..<4, nil) == nil)
    }

    @Test("in messages of the kernel's layout, once for each file")
    func messages() throws {
        let pair = try SocketPair()
        let queue = InvalidationQueue(device: pair.driver)
        queue.invalidateContent(of: InodeNumber(7), range: 4096..<8192)
        queue.invalidateContent(of: InodeNumber(7), range: 0..<10)
        queue.invalidateEntry(try FileName("ab"), in: InodeNumber(1))
        queue.tell(try #require(queue.next()))
        let content = try #require(try pair.received())
        #expect(content.error == 2 && content.unique == 0)
        #expect(
            content.payload
                == RequestBytes.littleEndian(UInt64(7)) + RequestBytes.littleEndian(Int64(0))
                + RequestBytes.littleEndian(Int64(8192)))
        let entry = try #require(try pair.received())
        #expect(entry.error == 3 && entry.unique == 0)
        #expect(
            entry.payload
                == RequestBytes.littleEndian(UInt64(1)) + RequestBytes.littleEndian(UInt32(2)) + [0, 0, 0, 0]
                + Array("ab".utf8) + [0])
        #expect(try pair.received() == nil)
    }

    @Test("and nothing any more once the mount is gone")
    func end() throws {
        let pair = try SocketPair()
        let queue = InvalidationQueue(device: pair.driver)
        queue.invalidateContent(of: InodeNumber(7), range: nil)
        queue.end()
        queue.invalidateContent(of: InodeNumber(8), range: nil)
        #expect(queue.next() == nil)
    }
}
