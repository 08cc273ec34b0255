internal import ArgusCore
internal import ArgusIndex
internal import ArgusPolicy
internal import ArgusSystem

/// What each uid may do in the folder, decided once and kept until the policy changes.
final class PermissionCache: Sendable {
    private struct Entry {
        let rights: Rights
        let expiresNanoseconds: UInt64
    }

    private static let maxEntries = 4096
    /// Groups change without a word: a decision is taken again after 30 s.
    private static let lifetimeNanoseconds: UInt64 = 30_000_000_000

    private let policy: LivePolicy
    private let people: any ActorResolver
    private let clock = SystemClock()
    private let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private var entries: [UInt64: Entry] = [:]
    nonisolated(unsafe) private var version: UInt64 = 0

    init(policy: LivePolicy, people: any ActorResolver) {
        self.policy = policy
        self.people = people
    }

    var policyVersion: UInt64 { policy.version }

    /// The rights of the person behind a uid, with those they imply.
    func rights(uid: UInt32, gid: UInt32) -> Rights {
        let key = UInt64(uid) << 32 | UInt64(gid)
        let now = clock.monotonicNanoseconds()
        let current = policy.version
        let known = lock.withLock { () -> Rights? in
            if version != current {
                entries = [:]
                version = current
            }
            guard let entry = entries[key], entry.expiresNanoseconds > now else { return nil }
            return entry.rights
        }
        if let known { return known }
        let rights = grantedRights(of: people.subject(uid: uid, gid: gid), in: policy.policy)
        lock.withLock {
            guard version == current else { return }
            if entries.count >= Self.maxEntries { entries = [:] }
            entries[key] = Entry(rights: rights, expiresNanoseconds: now + Self.lifetimeNanoseconds)
        }
        return rights
    }

    /// The rule that gives or refuses a right, for the journal.
    func decision(_ right: Rights, uid: UInt32, gid: UInt32) -> Decision {
        decide(right, for: people.subject(uid: uid, gid: gid), in: policy.policy)
    }
}

/// A POSIX permission class: bits of access(2).
struct AccessMask: OptionSet {
    let rawValue: UInt32
    static let execute = AccessMask(rawValue: 1)
    static let write = AccessMask(rawValue: 2)
    static let read = AccessMask(rawValue: 4)
}

extension Volume {
    /// Whether mode, owner, group and access control list allow it, as path_resolution(7) and acl(5) have it. On a
    /// shared mount the kernel has checked already.
    func posixAllows(_ mask: AccessMask, to caller: Caller, on node: Node) throws(Missing) -> Bool {
        guard case .personal(let groups) = configuration.sharing else { return true }
        let attributes = node.row.attributes
        if caller.uid == 0 {
            // CAP_DAC_OVERRIDE: all but the execution of what nobody may execute.
            return !mask.contains(.execute) || attributes.kind == .directory || attributes.permissions & 0o111 != 0
        }
        let granted: UInt32
        if caller.uid == attributes.uid {
            granted = attributes.permissions >> 6
        } else if let list = try accessList(of: node) {
            return list.allows(mask, uid: caller.uid, owningGroup: attributes.gid) {
                isMember(caller, of: $0, supplementary: groups)
            }
        } else if isMember(caller, of: attributes.gid, supplementary: groups) {
            granted = attributes.permissions >> 3
        } else {
            granted = attributes.permissions
        }
        return granted & mask.rawValue == mask.rawValue
    }

    func isMember(_ caller: Caller, of gid: UInt32) -> Bool {
        guard case .personal(let groups) = configuration.sharing else { return caller.gid == gid }
        return isMember(caller, of: gid, supplementary: groups)
    }

    private func isMember(_ caller: Caller, of gid: UInt32, supplementary: Set<UInt32>) -> Bool {
        caller.gid == gid || supplementary.contains(gid)
    }

    func require(_ mask: AccessMask, of caller: Caller, on node: Node) throws(Missing) {
        guard try posixAllows(mask, to: caller, on: node) else { throw .failed(.accessDenied) }
    }

    /// Whether entries of `directory` may be made and removed.
    func requireChange(of directory: Node, by caller: Caller) throws(Missing) {
        guard !directory.isRemoved else { throw .failed(.notFound) }
        try require([.write, .execute], of: caller, on: directory)
    }

    /// The sticky bit: in such a directory only the owner of an entry, of the directory, or root removes it.
    func requireRemoval(of node: Node, from directory: Node, by caller: Caller) throws(Missing) {
        guard case .personal = configuration.sharing else { return }
        guard directory.row.attributes.permissions & 0o1000 != 0, caller.uid != 0,
            caller.uid != node.row.attributes.uid, caller.uid != directory.row.attributes.uid
        else { return }
        throw .failed(.notPermitted)
    }

    /// Gate 2: is the person permitted this right here? A refusal is recorded and answered with EACCES.
    func requireRight(
        _ right: Rights, of caller: Caller, on inode: InodeNumber, name: FileName? = nil
    ) throws(FileSystemError) {
        guard !permissions.rights(uid: caller.uid, gid: caller.gid).isSuperset(of: right) else { return }
        let decision = permissions.decision(right, uid: caller.uid, gid: caller.gid)
        try recordDenial(decision.rule, caller: caller, inode: inode, name: name)
        throw .accessDenied
    }
}
