internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem

/// What each uid may do in the folder, decided once and kept until the policy changes.
final class PermissionCache: Sendable {
    private struct Entry {
        let rights: Rights
        /// The rule that gives each right, by its bit; for the journal.
        let rules: [String]
        let expiresNanoseconds: UInt64
    }

    private static let maxEntries = 4096
    /// Groups change without a word: a decision is taken again after 5 s, from what the directory of persons knows.
    private static let lifetimeNanoseconds: UInt64 = 5_000_000_000
    private static let maxPrograms = 256

    private let policy: LivePolicy
    private let people: any ActorResolver
    private let clock: any Clock
    private let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private var entries: [UInt64: Entry] = [:]
    nonisolated(unsafe) private var version: UInt64 = 0
    /// What the shipped default says of programs by path, where the folder has no rules of its own.
    nonisolated(unsafe) private var programs: [String: ProgramRule.Effect] = [:]

    init(policy: LivePolicy, people: any ActorResolver, clock: any Clock) {
        self.policy = policy
        self.people = people
        self.clock = clock
    }

    var policyVersion: UInt64 { policy.version }

    /// The rights of the person behind a uid, with those they imply, and the rule that gives `right`.
    func grant(of right: Rights, uid: UInt32, gid: UInt32) -> (rights: Rights, rule: String) {
        let entry = entry(uid: uid, gid: gid)
        guard entry.rights.isSuperset(of: right), right.rawValue != 0 else { return (entry.rights, "") }
        let bit = right.rawValue.trailingZeroBitCount
        return (entry.rights, bit < entry.rules.count ? entry.rules[bit] : "")
    }

    private func entry(uid: UInt32, gid: UInt32) -> Entry {
        let key = UInt64(uid) << 32 | UInt64(gid)
        let now = clock.monotonicNanoseconds()
        let current = policy.version
        let known = lock.withLock { () -> Entry? in
            forget(before: current)
            guard let entry = entries[key], entry.expiresNanoseconds > now else { return nil }
            return entry
        }
        if let known { return known }
        let subject = people.subject(uid: uid, gid: gid)
        let protection = policy.policy
        let made = Entry(
            rights: grantedRights(of: subject, in: protection),
            rules: Rights.named.map { decide($0.right, for: subject, in: protection).rule },
            expiresNanoseconds: now + Self.lifetimeNanoseconds)
        lock.withLock {
            guard version == current else { return }
            if entries.count >= Self.maxEntries { entries = [:] }
            entries[key] = made
        }
        return made
    }

    /// Under `lock`.
    private func forget(before current: UInt64) {
        guard version != current else { return }
        entries = [:]
        programs = [:]
        version = current
    }

    /// What the folder's rules say of the program of `actor`.
    func program(of actor: AuditActor) -> (effect: ProgramRule.Effect, rule: String) {
        let rules = policy.policy.programs
        guard rules.rules.isEmpty else {
            return decideProgram(people.program(pid: actor.pid, path: actor.program, for: rules), by: rules)
        }
        let current = policy.version
        let known = lock.withLock { () -> ProgramRule.Effect? in
            forget(before: current)
            return programs[actor.program]
        }
        if known == .allow { return (.allow, "") }
        let decision = decideProgram(ProgramFacts(path: actor.program), by: rules)
        lock.withLock {
            guard version == current else { return }
            if programs.count >= Self.maxPrograms { programs = [:] }
            programs[actor.program] = decision.effect
        }
        return decision
    }

    /// The rule that gives or refuses a right, for the journal.
    func decision(_ right: Rights, uid: UInt32, gid: UInt32) -> Decision {
        decide(right, for: people.subject(uid: uid, gid: gid), in: policy.policy)
    }
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
        let asksList = caller.uid != attributes.uid && PosixPermission.countsList(attributes)
        let permission = PosixPermission(attributes, list: asksList ? try accessList(of: node) : nil)
        return permission.decide(mask, uid: caller.uid) { isMember(caller, of: $0, supplementary: groups) }.isAllowed
    }

    func isMember(_ caller: Caller, of gid: UInt32) -> Bool {
        guard case .personal(let groups) = configuration.sharing else { return caller.gid == gid }
        return isMember(caller, of: gid, supplementary: groups)
    }

    private func isMember(_ caller: Caller, of gid: UInt32, supplementary: Set<UInt32>) -> Bool {
        caller.gid == gid || supplementary.contains(gid)
    }

    func require(_ mask: AccessMask, of caller: Caller, on node: Node) throws(Missing) {
        guard try posixAllows(mask, to: caller, on: node) else {
            throw .denied(.accessDenied, rule: mask.rule, caller: caller, inode: node.inode)
        }
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
        throw .denied(.notPermitted, rule: "posix:sticky", caller: caller, inode: node.inode)
    }

    /// Gate 2: is the person permitted this right here? Returns the rule that says so. A refusal is recorded and answered
    /// with EACCES.
    @discardableResult
    func requireRight(
        _ right: Rights, of caller: Caller, on inode: InodeNumber, name: FileName? = nil
    ) throws(FileSystemError) -> String {
        let grant = permissions.grant(of: right, uid: caller.uid, gid: caller.gid)
        guard !grant.rights.isSuperset(of: right) else { return grant.rule }
        let decision = permissions.decision(right, uid: caller.uid, gid: caller.gid)
        try recordDenial(decision.rule, caller: caller, inode: inode, name: name)
        throw .accessDenied
    }

    /// Gate 2 for programs: whether it may open files here at all, and then whether it finds ciphertext.
    func requireProgram(
        of actor: AuditActor, caller: Caller, on inode: InodeNumber, writes: Bool
    ) throws(FileSystemError) -> Bool {
        let (effect, rule) = permissions.program(of: actor)
        if effect == .allow { return false }
        if effect == .withhold, !writes { return true }
        try recordDenial(rule, caller: caller, inode: inode)
        throw .accessDenied
    }
}
