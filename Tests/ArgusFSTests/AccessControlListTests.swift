import ArgusCore
import ArgusIndex
import Testing

@testable import ArgusFS

private typealias Entry = AccessControlList.Entry

/// `u::rwx,u:7:r-x,…` as setfacl(1) writes lists, in numbers.
private func list(_ entries: Entry...) -> AccessControlList? { AccessControlList(entries) }

private func rich(user: UInt32 = 6, group: UInt32 = 4, mask: UInt32 = 6, other: UInt32 = 0) throws -> AccessControlList
{
    try #require(
        list(
            Entry(.owner, 7), Entry(.user, user, id: 7), Entry(.owningGroup, 5), Entry(.group, group, id: 9),
            Entry(.mask, mask), Entry(.other, other)))
}

@Suite("Access control lists")
struct AccessControlListTests {
    @Test("have the kernel's form: version 2, then tag, permission and id of each entry")
    func form() throws {
        let minimal = try #require(list(Entry(.owner, 6), Entry(.owningGroup, 4), Entry(.other, 0)))
        let none: [UInt8] = [255, 255, 255, 255]
        #expect(minimal.attribute == [2, 0, 0, 0, 1, 0, 6, 0] + none + [4, 0, 4, 0] + none + [0x20, 0, 0, 0] + none)
        #expect(minimal.isMinimal && minimal.permissions == 0o640)
        #expect(try rich().permissions == 0o760)
        #expect(AccessControlList(attribute: try rich().attribute) == (try rich()))
    }

    @Test("are refused where they are none")
    func refused() throws {
        let good = try rich().attribute
        for count in 0..<good.count { #expect(AccessControlList(attribute: Array(good.prefix(count))) == nil) }
        for (offset, byte) in [(0, UInt8(3)), (4, 3), (6, 8), (12, 0x40), (7, 1)] {
            var bad = good
            bad[offset] = byte
            #expect(AccessControlList(attribute: bad) == nil)
        }
        // Without a mask, without others, twice the owner, a named user without a name.
        #expect(list(Entry(.owner, 7), Entry(.user, 7, id: 1), Entry(.owningGroup, 5), Entry(.other, 0)) == nil)
        #expect(list(Entry(.owner, 7), Entry(.owningGroup, 5)) == nil)
        #expect(list(Entry(.owner, 7), Entry(.owner, 7), Entry(.owningGroup, 5), Entry(.other, 0)) == nil)
        #expect(
            list(Entry(.owner, 7), Entry(.user, 7), Entry(.owningGroup, 5), Entry(.mask, 7), Entry(.other, 0)) == nil)
        let many = (0..<600).map { Entry(.user, 4, id: UInt32($0)) }
        #expect(
            AccessControlList(
                many + [Entry(.owner, 7), Entry(.owningGroup, 5), Entry(.mask, 7), Entry(.other, 0)]) == nil)
    }

    struct Question: Sendable {
        var uid: UInt32 = 50
        var groups: Set<UInt32> = []
        var mask: UInt32
        var isAllowed: Bool
    }

    @Test(
        "decide by the first entry that fits, within the mask",
        arguments: [
            // The named user, within the mask.
            Question(uid: 7, mask: 6, isAllowed: true), Question(uid: 7, mask: 7, isAllowed: false),
            Question(uid: 7, mask: 1, isAllowed: false),
            // A group that grants; several groups where one grants; groups of which none does.
            Question(groups: [9], mask: 4, isAllowed: true), Question(groups: [9], mask: 2, isAllowed: false),
            Question(groups: [3], mask: 4, isAllowed: true), Question(groups: [3], mask: 1, isAllowed: false),
            Question(groups: [3, 9], mask: 4, isAllowed: true),
            // Others get what others have, unless they are in a group.
            Question(mask: 4, isAllowed: false), Question(mask: 0, isAllowed: true),
        ])
    func decision(question: Question) throws {
        let decision = try rich().decide(AccessMask(rawValue: question.mask), uid: question.uid, owningGroup: 3) {
            question.groups.contains($0)
        }
        #expect(decision.isAllowed == question.isAllowed)
    }

    @Test("follow the mode: its group bits are the mask, or the owning group where there is none")
    func mode() throws {
        var access = try rich()
        access.setMode(0o4641)
        #expect(access.permissions == 0o641)
        #expect(access.entries.first { $0.tag == .owningGroup }?.permissions == 5)
        #expect(access.entries.first { $0.tag == .user }?.permissions == 6)
        var minimal = try #require(list(Entry(.owner, 6), Entry(.owningGroup, 4), Entry(.other, 0)))
        minimal.setMode(0o751)
        #expect(minimal.permissions == 0o751)
    }

    @Test("are inherited within what the maker asked for")
    func inherited() throws {
        var mode: UInt32 = 0o1666
        let access = try #require(try rich().inherited(mode: &mode))
        #expect(mode == 0o1660)
        #expect(access.permissions == 0o660)
        #expect(access.entries.first { $0.tag == .user }?.permissions == 6)
        mode = 0o600
        #expect(try rich().inherited(mode: &mode)?.permissions == 0o600)
        mode = 0o666
        #expect(list(Entry(.owner, 7), Entry(.owningGroup, 5), Entry(.other, 1))?.inherited(mode: &mode) == nil)
        #expect(mode == 0o640)
    }
}

@Suite("A folder's access control lists")
struct AccessControlTests {
    private let access = AccessControlList.accessName
    private let inheritable = AccessControlList.defaultName

    @Test("set the mode, follow it, and are kept only where the mode does not say it all")
    func mode() throws {
        let rig = try VolumeRig()
        let file = try rig.file("f").inode
        try rig.set(access, try rich().attribute, on: file)
        #expect(try rig.attributes(file).permissions == 0o760)
        _ = try rig.volume.setAttributes(of: file, to: AttributeChanges(permissions: 0o640), caller: VolumeRig.root)
        let after = try #require(try rig.get(access, of: file).flatMap { AccessControlList(attribute: $0) })
        #expect(after.permissions == 0o640)
        #expect(try rig.volume.attributeNames(file, caller: VolumeRig.root) == [access])
        let minimal = try #require(list(Entry(.owner, 6), Entry(.owningGroup, 4), Entry(.other, 4)))
        try rig.set(access, minimal.attribute, on: file)
        #expect(try rig.get(access, of: file) == nil)
        #expect(try rig.attributes(file).permissions == 0o644)
        try rig.end()
    }

    @Test("are refused where they are none, on what is no directory, and from who does not own the file")
    func refusals() throws {
        let rig = try VolumeRig()
        let file = try rig.file("f").inode
        #expect(rig.failure { try rig.set(access, [2, 0, 0, 0], on: file) } == .invalidArgument)
        #expect(rig.failure { try rig.set(inheritable, try rich().attribute, on: file) } == .accessDenied)
        #expect(rig.failure { try rig.set(access, try rich().attribute, on: file, by: 7) } == .notPermitted)
        try rig.set(access, try rich().attribute, on: file)
        let removal = rig.failure { try rig.volume.removeAttribute(file, name: access, caller: rig.caller(7)) }
        #expect(removal == .notPermitted)
        try rig.end()
    }

    @Test("decide on a personal mount: a named user comes in, within the mask")
    func enforced() throws {
        let rig = try VolumeRig(groups: [])
        let file = try rig.file("f").inode
        let open = { (uid: UInt32, flags: OpenFlags) in
            rig.failure {
                rig.volume.release(
                    try rig.volume.open(file, flags: flags, killsSetID: false, caller: rig.caller(uid)).handle)
            }
        }
        try rig.set(access, try rich(mask: 4).attribute, on: file)
        #expect(open(7, []) == nil)
        #expect(open(7, .readWrite) == .accessDenied)
        #expect(open(9, []) == nil)
        #expect(open(50, []) == .accessDenied)
        // Without group bits Linux does not look into the list: who is named in it has what others have.
        try rig.set(access, try rich(mask: 0, other: 4).attribute, on: file)
        #expect(open(7, []) == nil)
        #expect(open(7, .readWrite) == .accessDenied)
        #expect(open(9, []) == nil)
        try rig.set(access, try rich(mask: 6).attribute, on: file)
        #expect(open(7, .readWrite) == nil)
        #expect(rig.failure { try rig.volume.access(file, mask: 6, caller: rig.caller(7)) } == nil)
        #expect(rig.failure { try rig.volume.access(file, mask: 1, caller: rig.caller(7)) } == .accessDenied)
        try rig.end()
    }

    @Test("are inherited from the default list, which takes the umask's place, also after they left the cache")
    func inherited() throws {
        let rig = try VolumeRig()
        let above = try rig.directory("d").inode
        try rig.set(inheritable, try rich().attribute, on: above)
        #expect(try rig.attributes(above).permissions == 0o755)
        let file = try rig.file("f", in: above, 0o666, umask: 0o77)
        #expect(file.permissions == 0o660)
        #expect(try rig.get(access, of: file.inode).flatMap { AccessControlList(attribute: $0) }?.permissions == 0o660)
        #expect(try rig.get(inheritable, of: file.inode) == nil)
        let below = try rig.directory("e", in: above, 0o777, umask: 0o77)
        #expect(try rig.get(inheritable, of: below.inode) == (try rich().attribute))
        let node = try rig.volume.makeNode(
            try FileName("p"), in: below.inode, mode: 0o010666, umask: 0o77, device: 0, caller: VolumeRig.root)
        #expect(node.permissions == 0o660)
        let link = try rig.volume.makeSymlink(
            try FileName("l"), in: below.inode, target: [65], caller: VolumeRig.root)
        #expect(link.permissions == 0o777)
        #expect(try rig.get(access, of: link.inode) == nil)
        #expect(try rig.file("g", 0o666, umask: 0o27).permissions == 0o640)
        try rig.volume.synchronizeAll()
        #expect(try rig.index.attributes(inode: below.inode).map(\.name) == [access, inheritable])
        try rig.end()
    }
}
