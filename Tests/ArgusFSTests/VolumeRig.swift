import ArgusCapsule
import ArgusCore
import ArgusIndex
import ArgusJournal
import ArgusPolicy
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Testing

@testable import ArgusFS

/// A volume in memory, used by a few uids as the driver would use it. The group of a uid has its number.
final class VolumeRig {
    static let root = Caller(uid: 0, gid: 0, pid: 1)

    let volume: Volume
    let index = MemoryIndex()
    let sink = RecordingSink()

    private struct Anyone: ActorResolver {
        func subject(uid: UInt32, gid: UInt32) -> Subject { Subject(person: nil, groups: []) }
        func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor {
            AuditActor(uid: uid, loginUID: uid, pid: pid, person: "", program: "")
        }
    }

    /// `groups` are the supplementary groups of everyone on a personal mount; nil makes a shared one.
    init(
        groups: Set<UInt32>? = [], permissions: UInt32 = 0o777, store: any BackingStore = MemoryStore()
    ) throws {
        let keys = CapsuleIndexHome.someKeys()
        let clock = SystemClock()
        try Volume.format(
            index: index, keys: keys, uid: 0, gid: 0, permissions: permissions, bootID: [], now: clock.now())
        let policy = FolderPolicy(
            protection: .shared, owner: PersonID(high: 1, low: 1),
            members: [Member(principal: .everyone, rights: [.list, .read, .write, .delete])])
        let parts = FolderParts(
            folder: FolderID(high: 1, low: 2), index: index, store: store, keys: keys,
            policy: LivePolicy(policy), people: Anyone(), journal: sink, clock: clock)
        volume = try Volume(
            parts: parts,
            configuration: VolumeConfiguration(
                sharing: groups.map { .personal(supplementaryGroups: $0) } ?? .shared))
    }

    func end() throws { try volume.shutDown() }

    func caller(_ uid: UInt32) -> Caller { Caller(uid: uid, gid: uid, pid: 1) }

    /// Makes an empty file and returns its inode.
    @discardableResult
    func file(
        _ name: String, in parent: InodeNumber = .root, _ permissions: UInt32 = 0o666, umask: UInt32 = 0o22,
        by uid: UInt32 = 0
    ) throws -> FileAttributes {
        let made = try volume.create(
            try FileName(name), in: parent, permissions: permissions, umask: umask,
            flags: [.readWrite, .exclusive], caller: caller(uid))
        volume.release(made.open.handle)
        return made.attributes
    }

    @discardableResult
    func directory(
        _ name: String, in parent: InodeNumber = .root, _ permissions: UInt32 = 0o777, umask: UInt32 = 0o22,
        by uid: UInt32 = 0
    ) throws -> FileAttributes {
        try volume.makeDirectory(
            try FileName(name), in: parent, permissions: permissions, umask: umask, caller: caller(uid))
    }

    func attributes(_ inode: InodeNumber) throws -> FileAttributes {
        try volume.attributes(of: inode, handle: nil, caller: Self.root)
    }

    func set(_ name: [UInt8], _ value: [UInt8], on inode: InodeNumber, by uid: UInt32 = 0) throws {
        try value.withUnsafeBytes {
            try volume.setAttribute(
                inode, name: name, value: $0, flags: [], clearsSetGID: false, caller: caller(uid))
        }
    }

    /// Nil where the file has no such attribute.
    func get(_ name: [UInt8], of inode: InodeNumber, by uid: UInt32 = 0) throws -> [UInt8]? {
        do throws(FileSystemError) {
            return try volume.attribute(inode, name: name, caller: caller(uid))
        } catch .noAttribute {
            return nil
        }
    }

    /// What the volume answers to `body`, nil where it succeeds.
    func failure(_ body: () throws -> Void) -> FileSystemError? {
        do {
            try body()
            return nil
        } catch {
            return error as? FileSystemError
        }
    }
}
