import ArgusCore
import ArgusIndex
import Testing

@testable import ArgusFS

@Suite("What Linux does beside what it is asked for")
struct SemanticsTests {
    private let capability = Array("security.capability".utf8)

    @Test("a listing ends, though each name that it shows is renamed at once", arguments: [20, 600])
    func renamingWhileListing(count: Int) throws {
        let rig = try VolumeRig()
        let names = (0..<count).map { "\($0)" }
        for name in names { try rig.file(name) }
        let handle = try rig.volume.openDirectory(.root, caller: VolumeRig.root).handle
        var cookie: DirectoryCookie = 0
        var seen: [String] = []
        while seen.count <= 2 * count {
            var item: DirectoryItem?
            try rig.volume.readDirectory(handle, after: cookie, caller: VolumeRig.root) {
                item = $0
                return false
            }
            guard let item else { break }
            cookie = item.cookie
            seen.append(item.name.text)
            try rig.volume.rename(
                item.name, in: .root, to: try FileName(item.name.text + "+"), in: .root, flags: [],
                caller: VolumeRig.root)
        }
        #expect(seen == names)
        // From the beginning it shows what there is now.
        var again: [String] = []
        try rig.volume.readDirectory(handle, after: 0, caller: VolumeRig.root) {
            again.append($0.name.text)
            return true
        }
        #expect(Set(again) == Set(names.map { $0 + "+" }) && again.count == count)
        rig.volume.releaseDirectory(handle)
        try rig.end()
    }

    /// Each way in which the content or the owner of a file changes.
    enum Change: String, CaseIterable, Sendable {
        case write, truncate, openTruncating, allocate, punch, copy, owner, group, ownerUnchanged
    }

    @Test(
        "set-id bits and capabilities go with every change of content or owner by who is not root",
        arguments: Change.allCases)
    func privileges(change: Change) throws {
        for uid: UInt32 in [0, 7] {
            let rig = try VolumeRig(groups: nil)
            let file = try rig.file("f", 0o6777, umask: 0, by: 7).inode
            try rig.set(capability, [1, 0, 0, 2], on: file)
            let caller = rig.caller(uid)
            // What the kernel tells of a caller without CAP_FSETID.
            let kills = uid != 0
            let open = try rig.volume.open(file, flags: .readWrite, killsSetID: false, caller: caller).handle
            let source = try rig.file("g", by: 7).inode
            let other = try rig.volume.open(source, flags: .readWrite, killsSetID: false, caller: caller).handle
            _ = try [UInt8]([1, 2, 3]).withUnsafeBytes {
                try rig.volume.write(other, at: 0, from: $0, killsSetID: false, caller: caller)
            }
            switch change {
            case .write:
                _ = try [UInt8]([1]).withUnsafeBytes {
                    try rig.volume.write(open, at: 0, from: $0, killsSetID: kills, caller: caller)
                }
            case .truncate:
                _ = try rig.volume.setAttributes(
                    of: file, to: AttributeChanges(size: 9, handle: open, killsSetID: kills), caller: caller)
            case .openTruncating:
                let truncated = try rig.volume.open(
                    file, flags: [.readWrite, .truncate], killsSetID: kills, caller: caller)
                rig.volume.release(truncated.handle)
            case .allocate:
                try rig.volume.allocate(open, mode: [], offset: 0, count: 5, caller: caller)
            case .punch:
                try rig.volume.allocate(open, mode: [.punchHole, .keepSize], offset: 0, count: 5, caller: caller)
            case .copy:
                _ = try rig.volume.copyRange(from: other, at: 0, to: open, at: 0, count: 3, caller: caller)
            case .owner:
                _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(uid: 7), caller: caller)
            case .group:
                _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(gid: 7), caller: caller)
            case .ownerUnchanged:
                _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(), caller: caller)
            }
            // Root keeps the bits with the content, as it has CAP_FSETID; a change of owner takes them from anyone.
            let isOwner = [.owner, .group, .ownerUnchanged].contains(change)
            let expected: UInt32 = kills || isOwner ? 0o777 : 0o6777
            #expect(try rig.attributes(file).permissions == expected, "uid \(uid)")
            #expect(try rig.get(capability, of: file) == nil, "uid \(uid)")
            rig.volume.release(open)
            rig.volume.release(other)
            try rig.end()
        }
    }

    @Test("a change of nothing by somebody who could not write takes no set-id bit")
    func nothing() throws {
        let rig = try VolumeRig(groups: nil)
        let file = try rig.file("f", 0o4755, umask: 0).inode
        _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(), caller: rig.caller(7))
        #expect(try rig.attributes(file).permissions == 0o4755)
        try rig.end()
    }

    @Test("the set-gid bit stays where the group may not execute, and on directories")
    func setGroupID() throws {
        let rig = try VolumeRig(groups: nil)
        let file = try rig.file("f", 0o2666, umask: 0, by: 7).inode
        let directory = try rig.directory("d", 0o2777, umask: 0, by: 7).inode
        for inode in [file, directory] {
            _ = try rig.volume.setAttributes(of: inode, to: AttributeChanges(gid: 7), caller: rig.caller(7))
        }
        #expect(try rig.attributes(file).permissions == 0o2666)
        #expect(try rig.attributes(directory).permissions == 0o2777)
        #expect(try rig.file("g", in: directory, by: 9).gid == 7)
        #expect(try rig.directory("e", in: directory, by: 9).permissions & 0o2000 != 0)
        try rig.end()
    }

    @Test("a file without a name has none until it is linked, once, and is gone otherwise")
    func temporary() throws {
        let rig = try VolumeRig()
        let made = try rig.volume.makeTemporary(
            in: .root, permissions: 0o666, umask: 0o27, flags: .readWrite, caller: rig.caller(7))
        let inode = made.attributes.inode
        #expect(made.attributes.linkCount == 0 && made.attributes.permissions == 0o640 && made.attributes.uid == 7)
        _ = try [UInt8]([1, 2]).withUnsafeBytes {
            try rig.volume.write(made.open.handle, at: 0, from: $0, killsSetID: false, caller: rig.caller(7))
        }
        let linked = try rig.volume.link(inode, as: try FileName("f"), in: .root, caller: rig.caller(7))
        #expect(linked.linkCount == 1 && linked.size == 2)
        rig.volume.release(made.open.handle)
        #expect(try rig.volume.lookup(try FileName("f"), in: .root, caller: rig.caller(7))?.inode == inode)
        #expect(try rig.attributes(.root).size == 1)
        try rig.volume.unlink(try FileName("f"), in: .root, caller: rig.caller(7))
        #expect(
            rig.failure { _ = try rig.volume.link(inode, as: try FileName("g"), in: .root, caller: rig.caller(7)) }
                != nil)

        let other = try rig.volume.makeTemporary(
            in: .root, permissions: 0o600, flags: .readWrite, caller: rig.caller(7))
        try rig.volume.synchronizeAll()
        #expect(try rig.index.orphanInodes().map(\.attributes.inode) == [other.attributes.inode])
        rig.volume.release(other.open.handle)
        try rig.volume.synchronizeAll()
        #expect(try rig.index.orphanInodes().isEmpty)
        try rig.end()
    }

    @Test("a rename can leave a whiteout: a character device 0:0 that nobody may open")
    func whiteout() throws {
        let rig = try VolumeRig()
        let file = try rig.file("f").inode
        let caller = VolumeRig.root
        let (old, new) = (try FileName("f"), try FileName("g"))
        try rig.volume.rename(old, in: .root, to: new, in: .root, flags: .whiteout, caller: caller)
        #expect(try rig.volume.lookup(new, in: .root, caller: caller)?.inode == file)
        let left = try #require(try rig.volume.lookup(old, in: .root, caller: caller))
        #expect(left.kind == .character && left.permissions == 0 && left.device == 0 && left.linkCount == 1)
        #expect(try rig.attributes(.root).size == 2)
        for flags: RenameFlags in [[.whiteout, .exchange], [.noReplace, .exchange], RenameFlags(rawValue: 8)] {
            let failure = rig.failure {
                try rig.volume.rename(old, in: .root, to: new, in: .root, flags: flags, caller: caller)
            }
            #expect(failure == .invalidArgument)
        }
        try rig.end()
    }

    @Test("nothing changes on a volume that was made read-only, and all of it was made durable before")
    func readOnly() throws {
        let rig = try VolumeRig()
        let file = try rig.file("f").inode
        let caller = VolumeRig.root
        let open = try rig.volume.open(file, flags: .readWrite, killsSetID: false, caller: caller).handle
        #expect(rig.failure { try rig.volume.setReadOnly(true) } == .busy)
        try rig.file("g")
        rig.volume.release(open)
        try rig.volume.setReadOnly(true)
        #expect(try rig.index.entry(parent: .root, name: try FileName("g")) != nil)
        #expect(rig.failure { try rig.file("h") } == .readOnly)
        #expect(
            rig.failure { _ = try rig.volume.open(file, flags: .writeOnly, killsSetID: false, caller: caller) }
                == .readOnly)
        #expect(rig.failure { try rig.volume.access(file, mask: 2, caller: caller) } == .readOnly)
        try rig.volume.setReadOnly(false)
        try rig.file("h")
        try rig.end()
    }
}
