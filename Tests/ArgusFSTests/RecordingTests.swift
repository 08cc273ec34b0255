import ArgusCore
import ArgusJournal
import ArgusStore
import ArgusSystem
import ArgusTestKit
import Testing

@testable import ArgusFS

@Suite("A change and its record: both, or neither") struct RecordingTests {
    /// What changes a folder in which the file `a` (12 bytes) and the empty directory `d` are.
    struct Change: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let run: @Sendable (VolumeRig, InodeNumber) throws -> Void
    }

    static let changes: [Change] = [
        Change(testDescription: "create") { rig, _ in try rig.file("new") },
        Change(testDescription: "make a temporary file") { rig, _ in
            _ = try rig.volume.makeTemporary(
                in: .root, permissions: 0o600, flags: [.readWrite], caller: VolumeRig.root)
        },
        Change(testDescription: "make a directory") { rig, _ in try rig.directory("new") },
        Change(testDescription: "make a symbolic link") { rig, _ in
            _ = try rig.volume.makeSymlink(
                try FileName("new"), in: .root, target: Array("a".utf8), caller: VolumeRig.root)
        },
        Change(testDescription: "link") { rig, file in
            _ = try rig.volume.link(file, as: try FileName("new"), in: .root, caller: VolumeRig.root)
        },
        Change(testDescription: "rename") { rig, _ in
            try rig.volume.rename(
                try FileName("a"), in: .root, to: try FileName("new"), in: .root, flags: [], caller: VolumeRig.root)
        },
        Change(testDescription: "unlink") { rig, _ in
            try rig.volume.unlink(try FileName("a"), in: .root, caller: VolumeRig.root)
        },
        Change(testDescription: "remove a directory") { rig, _ in
            try rig.volume.removeDirectory(try FileName("d"), in: .root, caller: VolumeRig.root)
        },
        Change(testDescription: "chmod") { rig, file in
            _ = try rig.volume.setAttributes(
                of: file, to: AttributeChanges(permissions: 0o400), caller: VolumeRig.root)
        },
        Change(testDescription: "truncate") { rig, file in
            _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(size: 3), caller: VolumeRig.root)
        },
        Change(testDescription: "open with O_TRUNC") { rig, file in
            let open = try rig.volume.open(
                file, flags: [.readWrite, .truncate], killsSetID: false, caller: VolumeRig.root)
            rig.volume.release(open.handle)
        },
        Change(testDescription: "set an extended attribute") { rig, file in
            try rig.set(Array("user.note".utf8), [1], on: file)
        },
    ]

    private func rig() throws -> (VolumeRig, InodeNumber) {
        let rig = try VolumeRig()
        let made = try rig.volume.create(
            try FileName("a"), in: .root, permissions: 0o644, flags: [.readWrite], caller: VolumeRig.root)
        try (1...12).map { UInt8($0) }.withUnsafeBytes {
            _ = try rig.volume.write(made.open.handle, at: 0, from: $0, killsSetID: false, caller: VolumeRig.root)
        }
        rig.volume.release(made.open.handle)
        try rig.directory("d")
        rig.sink.reset()
        return (rig, made.attributes.inode)
    }

    /// Names, sizes, modes and numbers of names of everything below the top.
    private func contents(_ rig: VolumeRig) throws -> [String] {
        try ["a", "d", "new"].compactMap { name in
            try rig.volume.lookup(try FileName(name), in: .root, caller: VolumeRig.root).map {
                let note = try rig.get(Array("user.note".utf8), of: $0.inode)
                return "\(name) \($0.inode.rawValue) \($0.size) \($0.permissions) \($0.linkCount) \(note ?? [])"
            }
        }
    }

    @Test("a journal that is full refuses the change, and nothing has happened", arguments: changes)
    func full(_ change: Change) throws {
        let (rig, file) = try rig()
        let before = try contents(rig)
        rig.sink.fail(with: .full)
        #expect(rig.failure { try change.run(rig, file) } == .noSpace)
        #expect(try contents(rig) == before)
        #expect(rig.sink.events.isEmpty)
        #expect(rig.sink.keptReservations == 0)
        rig.sink.fail(with: nil)
        try change.run(rig, file)
        #expect(try contents(rig) != before || change.testDescription == "make a temporary file")
        #expect(rig.sink.keptReservations == 0)
        try rig.end()
    }

    @Test(
        "where the record fails after the change, the kernel is told to forget what it would go by", arguments: changes)
    func failing(_ change: Change) throws {
        let (rig, file) = try rig()
        let kernel = ForgettingKernel()
        rig.volume.setKernelCache(kernel)
        rig.sink.fail(with: .storage(errno: 5))
        #expect(rig.failure { try change.run(rig, file) } == .inputOutput)
        #expect(rig.sink.keptReservations == 0)
        rig.sink.fail(with: nil)
        let expected: [String] =
            switch change.testDescription {
            // The record of the open comes first, and fails: nothing has changed.
            case "make a temporary file", "open with O_TRUNC": []
            case "unlink": ["a"]
            case "remove a directory": ["d"]
            case "rename": ["a", "new"]
            case "chmod", "truncate", "set an extended attribute": ["inode \(file.rawValue)"]
            default: ["new"]
            }
        #expect(kernel.forgotten == expected)
        try rig.end()
    }

    @Test("O_TRUNC empties the file after the open's record, and a refused open leaves it whole")
    func truncation() throws {
        let (rig, file) = try rig()
        rig.sink.fail(with: .storage(errno: 5))
        #expect(
            rig.failure {
                _ = try rig.volume.open(
                    file, flags: [.readWrite, .truncate], killsSetID: false, caller: VolumeRig.root)
            } == .inputOutput)
        #expect(try rig.attributes(file).size == 12)
        // Not even the record of the truncation may be refused after the open's.
        rig.sink.fail(with: nil)
        let open = try rig.volume.open(
            file, flags: [.readWrite, .truncate], killsSetID: false, caller: VolumeRig.root)
        #expect(rig.sink.events.map(\.activity) == [.open, .truncate])
        #expect(try rig.attributes(file).size == 0)
        rig.volume.release(open.handle)
        #expect(rig.sink.events.map(\.activity) == [.open, .truncate, .close])
        try rig.end()
    }

    @Test("a listing that cannot be recorded leaves no directory open")
    func listing() throws {
        let (rig, _) = try rig()
        rig.sink.fail(with: .full)
        #expect(rig.failure { _ = try rig.volume.openDirectory(.root, caller: VolumeRig.root) } == .noSpace)
        rig.sink.fail(with: nil)
        #expect(rig.volume.lock.withLock { rig.volume.names.nodes[.root]?.openCount } == 0)
        try rig.end()
    }

    @Test("the end of a mount is recorded when it is known how it ended")
    func unmount() throws {
        let (rig, _) = try rig()
        try rig.end()
        #expect(rig.sink.events.last?.activity == .unmount)
        #expect(rig.sink.events.last?.status == .success)

        let store = FaultStore()
        let failing = try VolumeRig(store: store)
        try failing.file("a")
        let made = try failing.volume.create(
            try FileName("b"), in: .root, permissions: 0o644, flags: [.readWrite], caller: VolumeRig.root)
        store.inject(StoreFault(.syncAll, count: .max, error: .failed(errno: 5)))
        store.inject(StoreFault(.sync, count: .max, error: .failed(errno: 5)))
        store.inject(StoreFault(.create, count: .max, error: .failed(errno: 5)))
        try [UInt8](repeating: 7, count: 5000).withUnsafeBytes {
            _ = try failing.volume.write(made.open.handle, at: 0, from: $0, killsSetID: false, caller: VolumeRig.root)
        }
        #expect(failing.failure { try failing.end() } != nil)
        let end = try #require(failing.sink.events.last)
        #expect(end.activity == .unmount && end.status == .failure && !end.reason.isEmpty)
    }
}

/// A kernel that notes what it is to forget.
private final class ForgettingKernel: KernelCache {
    private let lock = Lock()
    // Guarded by `lock`.
    nonisolated(unsafe) private var names: [String] = []

    var forgotten: [String] { lock.withLock { names } }

    func storeContent(of inode: InodeNumber, _ bytes: UnsafeRawBufferPointer, dropsAttributes: Bool) {}
    func invalidateContent(of inode: InodeNumber, range: Range<UInt64>?) {
        lock.withLock { names.append("inode \(inode.rawValue)") }
    }
    func hasten() {}
    func dropContent(of inode: InodeNumber, completion: @escaping @Sendable () -> Void) { completion() }
    func invalidateEntry(_ name: FileName, in parent: InodeNumber) {
        lock.withLock { names.append(String(decoding: name.bytes, as: UTF8.self)) }
    }
}
