import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusRealm
import ArgusSystem
import CArgusAllocations
import Glibc
import Testing

@Suite("Who stands behind a request") struct ActorTests {
    private let directory = RealmDirectory()
    private let realm: Realm
    private let folder: OpenFolder

    init() throws {
        realm = try directory.create().realm
        _ = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: getuid())
        folder = try realm.openFolder(named: "plans", mode: .mount)
    }

    private static func link(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The calling thread's id.
    private static func thread() throws -> UInt32 {
        try #require(UInt32(link("/proc/thread-self").split(separator: "/").last ?? ""))
    }

    @Test("a thread's request is its process's: person, program, parent")
    func identity() throws {
        defer { try? folder.close(isClean: false) }
        let actor = folder.parts.people.actor(uid: getuid(), gid: getgid(), pid: try Self.thread())
        #expect(actor.uid == getuid())
        #expect(actor.person == String(cString: getpwuid(getuid()).pointee.pw_name))
        #expect(actor.pid == UInt32(getpid()))
        #expect(actor.program == Self.link("/proc/self/exe"))
        #expect(actor.parentPID == UInt32(getppid()))
        #expect(actor.parentProgram == Self.link("/proc/\(getppid())/exe"))
    }

    @Test("a request of a process that is gone, or of the kernel, still has its person", arguments: [0, 4_194_303])
    func unknown(_ pid: UInt32) throws {
        defer { try? folder.close(isClean: false) }
        let actor = folder.parts.people.actor(uid: getuid(), gid: getgid(), pid: pid)
        #expect(actor.uid == getuid())
        #expect(!actor.person.isEmpty)
        #expect(actor.pid == pid)
        #expect(actor.program.isEmpty)
    }

    @Test("who asks is told without an allocation")
    func allocations() throws {
        defer { try? folder.close(isClean: false) }
        let people = folder.parts.people
        let thread = try Self.thread()
        for _ in 0..<10 { _ = people.actor(uid: getuid(), gid: getgid(), pid: thread) }
        let before = argus_allocations_of_thread()
        for _ in 0..<1000 { _ = people.actor(uid: getuid(), gid: getgid(), pid: thread) }
        #expect(argus_allocations_of_thread() - before == 0)
    }

    @Test("opening and closing a file allocates as much with a journal as with none")
    func volume() throws {
        defer { try? folder.close(isClean: false) }
        let thread = try Self.thread()
        func allocations(_ parts: FolderParts) throws -> UInt {
            var configuration = VolumeConfiguration(sharing: .personal(supplementaryGroups: []))
            configuration.bootID = RealmDirectory.bootID
            let volume = try Volume(parts: parts, configuration: configuration)
            let caller = Caller(uid: getuid(), gid: getgid(), pid: thread)
            let name = try FileName("file")
            let above = try volume.makeDirectory(
                try FileName("directory-\(parts.journal.head().sequence)"), in: .root, permissions: 0o755,
                caller: caller)
            let made = try volume.create(
                name, in: above.inode, permissions: 0o644, flags: OpenFlags(rawValue: O_RDWR), caller: caller)
            volume.release(made.open.handle)
            func use() throws {
                let open = try volume.open(
                    made.attributes.inode, flags: OpenFlags(rawValue: O_RDONLY), killsSetID: false, caller: caller)
                volume.release(open.handle)
            }
            for _ in 0..<50 { try use() }
            let before = argus_allocations_of_thread()
            for _ in 0..<1000 { try use() }
            let count = argus_allocations_of_thread() - before
            try volume.shutDown()
            return count
        }
        var silent = folder.parts
        silent.journal = NoJournal()
        let without = try allocations(silent)
        #expect(try allocations(folder.parts) == without)
    }
}

/// Records nothing.
private final class NoJournal: JournalSink {
    func append(_ event: AuditEvent) throws(JournalError) {}
    func reserve(_ event: AuditEvent) throws(JournalError) -> JournalReservation { JournalReservation(byteCount: 0) }
    func append(_ event: AuditEvent, using reservation: JournalReservation) throws(JournalError) {}
    func release(_ reservation: JournalReservation) {}
    func sync() throws(JournalError) {}
    func head() -> JournalMark { JournalMark(stream: nil, sequence: 0, hash: [UInt8](repeating: 0, count: 32)) }
}
