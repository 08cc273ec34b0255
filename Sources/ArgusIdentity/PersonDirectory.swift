package import ArgusCore
internal import ArgusSystem

/// Resolves uids to persons of the realm and to groups, and remembers the answers for a short while.
///
/// 1. A person is found only where account name and uid both match (`Person`).
/// 2. An answer is at most `lifetimeSeconds` old, so that somebody taken out of a group is out within that time.
/// 3. An answer that is asked for in the second half of its life is renewed by a thread of its own, so that the
///    request path waits for the name service only for a uid that was not seen lately.
/// 4. When the name service fails, the uid is nobody: no person, no groups, and not one of everyone either.
/// 5. A name or uid that belonged to a person it does not belong to now is nobody's, whatever groups it is in.
package final class PersonDirectory: IdentityProvider {
    package static let lifetimeSeconds: UInt64 = 30
    /// Uids remembered at a time: more users than one machine serves at once; an entry is some hundred bytes.
    package static let maxEntryCount = 1024

    private struct Entry {
        var account: String?
        var resolution: Resolution
        var groups: Set<String>
        var resolvedAtNanoseconds: UInt64
        var isBeingRenewed = false
    }

    private struct State {
        var persons: [Person] = []
        /// Counts replacements of `persons`, so that an answer made from an older table is not kept.
        var generation: UInt64 = 0
        var entries: [UInt32: Entry] = [:]
    }

    private let accounts: any AccountDatabase
    private let clock: any Clock
    private let lock = Lock()
    /// Guarded by `lock`, which is never held while the name service is asked.
    nonisolated(unsafe) private var state = State()

    package init(
        persons: [Person], accounts: any AccountDatabase = SystemAccounts(), clock: any Clock = SystemClock()
    ) {
        self.accounts = accounts
        self.clock = clock
        self.state.persons = persons
    }

    /// Replaces the table of persons; answers made from the old one are forgotten.
    package func update(persons: [Person]) {
        lock.withLock {
            state.persons = persons
            state.generation += 1
            state.entries.removeAll()
        }
    }

    package var persons: [Person] { lock.withLock { state.persons } }

    package func person(_ id: PersonID) -> Person? {
        lock.withLock { state.persons.first { $0.id == id } }
    }

    package func subject(uid: UInt32, gid: UInt32) -> (person: PersonID?, groups: Set<String>) {
        let entry = entry(of: uid)
        guard case .person(let person) = entry.resolution else { return (nil, entry.groups) }
        return (person, entry.groups)
    }

    package func resolution(uid: UInt32) -> Resolution { entry(of: uid).resolution }

    package func accountName(uid: UInt32) -> String? { entry(of: uid).account }

    /// The account of that name, asked afresh: for commands, not for requests.
    package func account(named name: String) throws(AccountDatabaseError) -> Account? {
        try accounts.account(named: name)
    }

    /// The account that has `uid`, asked afresh: for commands, not for requests.
    package func account(uid: UInt32) throws(AccountDatabaseError) -> Account? {
        try accounts.account(uid: uid)
    }

    package func groupExists(named name: String) throws(AccountDatabaseError) -> Bool {
        try accounts.groupExists(named: name)
    }

    /// The group's id and those of an account's groups, asked afresh: for commands and for lists of the members.
    package func groupID(named name: String) throws(AccountDatabaseError) -> UInt32? {
        try accounts.groupID(named: name)
    }

    package func groupIDs(of account: Account) throws(AccountDatabaseError) -> Set<UInt32> {
        try accounts.groupIDs(of: account)
    }

    private func entry(of uid: UInt32) -> Entry {
        let now = clock.monotonicNanoseconds()
        let lifetime = Self.lifetimeSeconds * 1_000_000_000
        var renews = false
        let remembered = lock.withLock { () -> Entry? in
            guard let entry = state.entries[uid] else { return nil }
            let age = now &- entry.resolvedAtNanoseconds
            guard age < lifetime else { return nil }
            if age >= lifetime / 2, !entry.isBeingRenewed {
                state.entries[uid]?.isBeingRenewed = true
                renews = true
            }
            return entry
        }
        if renews {
            _ = Thread.start(name: "argus-identity") { [self] in _ = resolve(uid) }
        }
        return remembered ?? resolve(uid)
    }

    /// Asks the name service and keeps the answer.
    private func resolve(_ uid: UInt32) -> Entry {
        let (persons, generation) = lock.withLock { (state.persons, state.generation) }
        var entry = Entry(
            resolution: .unresolved, groups: [], resolvedAtNanoseconds: clock.monotonicNanoseconds())
        do throws(AccountDatabaseError) {
            let account = try accounts.account(uid: uid)
            if let account {
                entry.account = account.name
                entry.groups = try accounts.groups(of: account)
            }
            entry.resolution = Self.resolution(uid: uid, account: account?.name, among: persons)
        } catch {
            entry.account = nil
            entry.groups = []
            entry.resolution = .unresolved
        }
        lock.withLock {
            guard state.generation == generation else { return }
            if state.entries.count >= Self.maxEntryCount, state.entries[uid] == nil {
                let oldest = state.entries.min { $0.value.resolvedAtNanoseconds < $1.value.resolvedAtNanoseconds }
                if let oldest { state.entries.removeValue(forKey: oldest.key) }
            }
            state.entries[uid] = entry
        }
        return entry
    }

    /// Who a pair of account name and uid is. Whoever bears the name or the uid of a known person without being that
    /// person is nobody: a person inherits nothing from a name or a number.
    package static func resolution(uid: UInt32, account: String?, among persons: [Person]) -> Resolution {
        var isTaken = false
        for person in persons where person.state != .former {
            if person.uid == uid, person.account == account {
                return person.state == .revoked ? .revoked : .person(person.id)
            }
            if person.uid == uid || person.account == account { isTaken = true }
        }
        return isTaken ? .changed : .stranger
    }
}
