internal import ArgusCore
internal import ArgusJournal
internal import ArgusSystem
internal import Synchronization

/// Whether a handle still serves who opened it (docs/design/permission.md).
enum HandleStanding: UInt8, AtomicRepresentable {
    case permitted
    /// The right is lost. The kernel is told to drop the file's pages; those that were changed before are still taken.
    case ending
    /// Nothing is served any more.
    case cut
    /// Closed by who had it.
    case closed
}

/// An open file or directory.
final class Handle: Sendable {
    let id: HandleID
    let inode: InodeNumber
    let fileID: FileID
    let flags: OpenFlags
    /// Who opened it; what happens through it is recorded under that name, whoever holds the descriptor later.
    let actor: AuditActor
    /// Where the file was then.
    let place: AuditPlace
    let uid: UInt32
    let gid: UInt32
    /// Nil for directories.
    let content: FileContent?
    let bytesRead = Atomic<UInt64>(0)
    let bytesWritten = Atomic<UInt64>(0)
    /// Of the bytes written, those that copy_file_range(2) copied.
    let bytesCopied = Atomic<UInt64>(0)
    /// Version of the policy under which the handle was last found permitted.
    let policyVersion: Atomic<UInt64>
    let standing = Atomic<HandleStanding>(.permitted)
    /// Of a directory: the cookie from which on names are newer than the listing, 0 before its first entry.
    let listingEnd = Atomic<UInt64>(0)
    /// The file's capsule as it lies on storage, where the program is to have that instead of the content.
    let ciphertext: Ciphertext?

    init(
        id: HandleID, inode: InodeNumber, fileID: FileID, flags: OpenFlags, actor: AuditActor, place: AuditPlace,
        caller: Caller, content: FileContent?, policyVersion: UInt64, ciphertext: Ciphertext? = nil
    ) {
        self.id = id
        self.inode = inode
        self.fileID = fileID
        self.flags = flags
        self.actor = actor
        self.place = place
        self.uid = caller.uid
        self.gid = caller.gid
        self.content = content
        self.policyVersion = Atomic(policyVersion)
        self.ciphertext = ciphertext
    }
}

/// The open files and directories of a mount. Ids are never reused.
final class HandleTable: Sendable {
    private let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private var handles: [HandleID: Handle] = [:]
    private let newest = Atomic<UInt64>(0)

    func nextID() -> HandleID { newest.wrappingAdd(1, ordering: .relaxed).newValue }

    func insert(_ handle: Handle) {
        lock.withLock { handles[handle.id] = handle }
    }

    func find(_ id: HandleID) throws(FileSystemError) -> Handle {
        guard let handle = lock.withLock({ handles[id] }) else { throw .badHandle }
        return handle
    }

    var isEmpty: Bool { lock.withLock { handles.isEmpty } }

    var all: [Handle] { lock.withLock { Array(handles.values) } }

    var hasWriter: Bool {
        lock.withLock { handles.values.contains { $0.flags.writes } }
    }

    func remove(_ id: HandleID) -> Handle? {
        lock.withLock { handles.removeValue(forKey: id) }
    }

    func removeAll() -> [Handle] {
        lock.withLock {
            defer { handles = [:] }
            return Array(handles.values)
        }
    }
}
