internal import ArgusSystem
internal import CSQLite3
internal import Glibc

/// The virtual file system through which SQLite reaches a capsule (https://sqlite.org/vfs.html).
///
/// It knows one kind of file: the main database, under the name that `PagedCapsule` was registered with. Every other
/// open (journal, WAL, temporary file) is refused and counted, so that nothing readable can come to lie on a disk.
/// Locks are no-ops: `locking_mode=EXCLUSIVE`, one connection. xSync is one too: the capsule's commit, made
/// after SQLite's COMMIT, is what reaches storage.
enum CapsuleVFS {
    static let name = "argus-capsule"

    /// What a failed read returns when no page is being changed. Any SQLITE_IOERR makes SQLite roll back the open
    /// transaction, even from a SELECT: one damaged page would then take the writer's whole batch with it.
    private static let failedQuery = SQLITE_PERM

    /// Files waiting to be opened, by name.
    private static let waiting = WaitingFiles()

    /// Initializes SQLite and registers the VFS, once a process. A result other than SQLITE_OK: neither will work.
    private static let registration: Int32 = {
        let status = sqlite3_initialize()
        return status == SQLITE_OK ? sqlite3_vfs_register(vfs, 0) : status
    }()

    /// Opens the file as a database; the connection keeps it alive until it is closed.
    static func open(_ file: PagedCapsule) -> (status: Int32, handle: OpaquePointer?) {
        guard registration == SQLITE_OK else { return (registration, nil) }
        let name = waiting.add(file)
        defer { waiting.remove(name) }
        var handle: OpaquePointer?
        let access = file.isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let status = sqlite3_open_v2(name, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, Self.name)
        return (status, handle)
    }

    /// A `sqlite3_file` and behind it the reference to its `PagedCapsule`, which xClose gives back.
    private static let referenceOffset = MemoryLayout<sqlite3_file>.stride

    private static func file(_ file: UnsafeMutablePointer<sqlite3_file>?) -> PagedCapsule? {
        guard let file else { return nil }
        let reference = UnsafeRawPointer(file).load(fromByteOffset: referenceOffset, as: UnsafeRawPointer.self)
        return Unmanaged<PagedCapsule>.fromOpaque(reference)._withUnsafeGuaranteedRef { $0 }
    }

    /// `nonisolated(unsafe)`: filled here once, then only read, by SQLite, which keeps the address for ever.
    private nonisolated(unsafe) static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 1
        methods.pointee.xClose = { file in
            guard let file else { return SQLITE_OK }
            let reference = UnsafeRawPointer(file).load(fromByteOffset: referenceOffset, as: UnsafeRawPointer.self)
            Unmanaged<PagedCapsule>.fromOpaque(reference).release()
            return SQLITE_OK
        }
        methods.pointee.xRead = { file, buffer, count, offset in
            guard let file = CapsuleVFS.file(file), let buffer else { return SQLITE_MISUSE }
            let target = UnsafeMutableRawBufferPointer(start: buffer, count: Int(count))
            guard let read = file.read(into: target, at: UInt64(bitPattern: offset)) else {
                return file.isWriting ? CapsuleVFS.ioError(1) : failedQuery
            }
            guard read < target.count else { return SQLITE_OK }
            // SQLite relies on zeros behind a short read.
            UnsafeMutableRawBufferPointer(rebasing: target[read...]).initializeMemory(as: UInt8.self, repeating: 0)
            return CapsuleVFS.ioError(2)
        }
        methods.pointee.xWrite = { file, buffer, count, offset in
            guard let file = CapsuleVFS.file(file), let buffer else { return SQLITE_MISUSE }
            let source = UnsafeRawBufferPointer(start: buffer, count: Int(count))
            return file.write(source, at: UInt64(bitPattern: offset)) ? SQLITE_OK : CapsuleVFS.ioError(3)
        }
        methods.pointee.xTruncate = { file, size in
            guard let file = CapsuleVFS.file(file) else { return SQLITE_MISUSE }
            return file.truncate(to: UInt64(bitPattern: size)) ? SQLITE_OK : CapsuleVFS.ioError(6)
        }
        methods.pointee.xSync = { _, _ in SQLITE_OK }
        methods.pointee.xFileSize = { file, size in
            guard let file = CapsuleVFS.file(file) else { return SQLITE_MISUSE }
            size?.pointee = Int64(bitPattern: file.size)
            return SQLITE_OK
        }
        methods.pointee.xLock = { _, _ in SQLITE_OK }
        methods.pointee.xUnlock = { _, _ in SQLITE_OK }
        methods.pointee.xCheckReservedLock = { _, isReserved in
            isReserved?.pointee = 0
            return SQLITE_OK
        }
        methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.pointee.xSectorSize = { _ in Int32(PagedCapsule.pageByteCount) }
        methods.pointee.xDeviceCharacteristics = { _ in
            SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE
        }
        return methods
    }()

    /// `nonisolated(unsafe)`: filled here once; afterwards SQLite's, which links it into its list under its own mutex.
    private nonisolated(unsafe) static let vfs: UnsafeMutablePointer<sqlite3_vfs> = {
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 1
        vfs.pointee.szOsFile = Int32(referenceOffset + MemoryLayout<UnsafeRawPointer>.stride)
        vfs.pointee.mxPathname = 64
        vfs.pointee.zName = UnsafePointer(strdup(name))
        vfs.pointee.xOpen = { _, name, file, flags, outFlags in
            guard let file else { return SQLITE_MISUSE }
            // Without methods SQLite calls no xClose for a file that was refused.
            file.pointee.pMethods = nil
            guard let name else {
                waiting.countRefusal()
                return SQLITE_CANTOPEN
            }
            let opened = String(cString: name)
            guard flags & SQLITE_OPEN_MAIN_DB != 0, let target = waiting.file(named: opened) else {
                waiting.countRefusal()
                return SQLITE_CANTOPEN
            }
            let reference = Unmanaged.passRetained(target).toOpaque()
            UnsafeMutableRawPointer(file).storeBytes(
                of: UnsafeRawPointer(reference), toByteOffset: referenceOffset, as: UnsafeRawPointer.self)
            file.pointee.pMethods = UnsafePointer(methods)
            outFlags?.pointee = flags
            return SQLITE_OK
        }
        vfs.pointee.xDelete = { _, _, _ in CapsuleVFS.ioError(23) }
        vfs.pointee.xAccess = { _, _, _, result in
            result?.pointee = 0
            return SQLITE_OK
        }
        vfs.pointee.xFullPathname = { _, name, capacity, result in
            guard let name, let result, strlen(name) < Int(capacity) else { return SQLITE_CANTOPEN }
            strcpy(result, name)
            return SQLITE_OK
        }
        vfs.pointee.xRandomness = { _, count, buffer in
            SecureRandom.fill(UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)))
            return count
        }
        vfs.pointee.xSleep = { _, _ in 0 }
        vfs.pointee.xCurrentTime = { _, days in
            // The schema has no date function. The Julian day of 1970-01-01 is 2440587.5.
            days?.pointee = 2_440_587.5
            return SQLITE_OK
        }
        vfs.pointee.xGetLastError = { _, _, _ in 0 }
        return vfs
    }()

    /// SQLITE_IOERR_READ and its like: macros that Swift cannot import (sqlite3.h).
    private static func ioError(_ detail: Int32) -> Int32 { SQLITE_IOERR | detail << 8 }

    /// Files that SQLite tried to open beside databases, in this process.
    static var refusedFileCount: Int { waiting.refusalCount }
}

/// The files between `sqlite3_open_v2` and the VFS's xOpen, which share nothing but a name.
private final class WaitingFiles: @unchecked Sendable {
    // `@unchecked`: all state is touched under the lock.
    private let lock = Lock()
    private var files: [String: PagedCapsule] = [:]
    private var lastNumber: UInt64 = 0
    private var refusals = 0

    func add(_ file: PagedCapsule) -> String {
        lock.withLock {
            lastNumber += 1
            let name = "index-\(lastNumber)"
            files[name] = file
            return name
        }
    }

    func remove(_ name: String) { lock.withLock { _ = files.removeValue(forKey: name) } }
    func file(named name: String) -> PagedCapsule? { lock.withLock { files[name] } }
    func countRefusal() { lock.withLock { refusals += 1 } }
    var refusalCount: Int { lock.withLock { refusals } }
}
