import ArgusCore
import ArgusIdentity
import ArgusSystem
import Testing

/// A name service that tests can change and break.
private final class FakeAccounts: AccountDatabase {
    private let lock = Lock()
    nonisolated(unsafe) private var accounts: [Account] = []
    nonisolated(unsafe) private var askedForGroups = 0
    nonisolated(unsafe) private var members: [String: Set<String>] = [:]
    nonisolated(unsafe) private var isBroken = false
    nonisolated(unsafe) private var asked = 0

    var askedCount: Int { lock.withLock { asked } }
    var askedForGroupsCount: Int { lock.withLock { askedForGroups } }

    func set(_ accounts: [Account], members: [String: Set<String>] = [:], isBroken: Bool = false) {
        lock.withLock {
            self.accounts = accounts
            self.members = members
            self.isBroken = isBroken
        }
    }

    func account(uid: UInt32) throws(AccountDatabaseError) -> Account? { try find { $0.uid == uid } }

    func account(named name: String) throws(AccountDatabaseError) -> Account? { try find { $0.name == name } }

    func groups(of account: Account) throws(AccountDatabaseError) -> Set<String> {
        lock.withLock {
            askedForGroups += 1
            return members[account.name] ?? []
        }
    }

    func groupIDs(of account: Account) throws(AccountDatabaseError) -> Set<UInt32> { [account.gid] }

    func groupID(named name: String) throws(AccountDatabaseError) -> UInt32? {
        try groupExists(named: name) ? 100 : nil
    }

    func groupExists(named name: String) throws(AccountDatabaseError) -> Bool {
        lock.withLock { members.values.contains { $0.contains(name) } }
    }

    private func find(_ matches: (Account) -> Bool) throws(AccountDatabaseError) -> Account? {
        lock.lock()
        defer { lock.unlock() }
        asked += 1
        if isBroken { throw AccountDatabaseError(errno: 5) }
        return accounts.first(where: matches)
    }
}

private final class FakeClock: Clock {
    private let lock = Lock()
    nonisolated(unsafe) private var seconds: UInt64 = 1000

    func now() -> Timestamp { Timestamp(seconds: Int64(lock.withLock { seconds }), nanoseconds: 0) }
    func monotonicNanoseconds() -> UInt64 { lock.withLock { seconds } * 1_000_000_000 }
    func pass(_ count: UInt64) { lock.withLock { seconds += count } }
}

private let alice = Person(id: PersonID(high: 1, low: 1), account: "alice", uid: 1000)

@Suite struct PersonDirectoryTests {
    private let accounts = FakeAccounts()
    private let clock = FakeClock()
    private let directory: PersonDirectory

    init() {
        directory = PersonDirectory(persons: [alice], accounts: accounts, clock: clock)
        accounts.set([Account(name: "alice", uid: 1000, gid: 100)], members: ["alice": ["staff"]])
    }

    @Test("a person is an account name and a uid together")
    func resolves() {
        let (person, groups) = directory.subject(uid: 1000, gid: 100)
        #expect(person == alice.id)
        #expect(groups == ["staff"])
        #expect(directory.accountName(uid: 1000) == "alice")
    }

    @Test("a uid that was given to another account inherits nothing")
    func reusedUID() {
        accounts.set([Account(name: "mallory", uid: 1000, gid: 100)])
        #expect(directory.subject(uid: 1000, gid: 100).person == nil)
    }

    @Test("an account that came back under another uid inherits nothing")
    func reusedName() {
        accounts.set([Account(name: "alice", uid: 2000, gid: 100)])
        #expect(directory.subject(uid: 2000, gid: 100).person == nil)
        #expect(directory.subject(uid: 1000, gid: 100).person == nil)
    }

    @Test("the gid that a process brings makes nobody a member")
    func processGroup() {
        #expect(directory.subject(uid: 1000, gid: 0).groups == ["staff"])
    }

    @Test("when the name service fails, the uid is nobody")
    func failure() {
        accounts.set([], isBroken: true)
        let (person, groups) = directory.subject(uid: 1000, gid: 100)
        #expect(person == nil)
        #expect(groups.isEmpty)
    }

    @Test("an answer is kept for a while, and never longer than its lifetime")
    func lifetime() {
        _ = directory.subject(uid: 1000, gid: 100)
        _ = directory.subject(uid: 1000, gid: 100)
        #expect(accounts.askedCount == 1)
        accounts.set([Account(name: "alice", uid: 1000, gid: 100)])
        clock.pass(PersonDirectory.lifetimeSeconds)
        #expect(directory.subject(uid: 1000, gid: 100).groups.isEmpty)
    }

    @Test(
        "a name or uid of a known person belongs to that person or to nobody",
        arguments: [
            ("alice", 1000, Resolution.person(PersonID(high: 1, low: 1))), ("mallory", 1000, .changed),
            ("alice", 1001, .changed), ("bob", 1001, .stranger), ("eve", 1002, .revoked), ("carol", 1003, .stranger),
        ] as [(String, UInt32, Resolution)])
    func pairs(name: String, uid: UInt32, resolution: Resolution) {
        directory.update(persons: [
            alice, Person(id: PersonID(high: 2, low: 2), account: "eve", uid: 1002, state: .revoked),
            Person(id: PersonID(high: 3, low: 3), account: "carol", uid: 1003, state: .former),
        ])
        accounts.set([Account(name: name, uid: uid, gid: 1)])
        #expect(directory.resolution(uid: uid) == resolution)
    }

    @Test("a uid of a known person whose account is gone is nobody's, and one that cannot be asked about is unresolved")
    func goneAndBroken() {
        accounts.set([])
        #expect(directory.resolution(uid: 1000) == .changed)
        clock.pass(PersonDirectory.lifetimeSeconds)
        accounts.set([], isBroken: true)
        #expect(directory.resolution(uid: 1000) == .unresolved)
    }

    @Test("of a realm of 10,000 persons in one group, each is asked about once, however often they come")
    func manyPersons() {
        let count = 64
        let everyone = (0..<10_000).map { UInt32($0 + 2000) }
        directory.update(
            persons: everyone.map { Person(id: PersonID(high: 9, low: UInt64($0)), account: "u\($0)", uid: $0) })
        accounts.set(
            everyone.map { Account(name: "u\($0)", uid: $0, gid: 1) },
            members: Dictionary(uniqueKeysWithValues: everyone.map { ("u\($0)", ["all"]) }))
        for _ in 0..<20 {
            for uid in everyone.suffix(count) {
                let (person, groups) = directory.subject(uid: uid, gid: 1)
                #expect(person == PersonID(high: 9, low: UInt64(uid)) && groups == ["all"])
            }
        }
        #expect(accounts.askedCount == count && accounts.askedForGroupsCount == count)
    }

    @Test("a new table of persons counts at once")
    func update() {
        #expect(directory.subject(uid: 1000, gid: 100).person == alice.id)
        directory.update(persons: [])
        #expect(directory.subject(uid: 1000, gid: 100).person == nil)
    }

    @Test("more uids than are remembered are all answered")
    func bound() {
        accounts.set((0..<3000).map { Account(name: "u\($0)", uid: UInt32($0), gid: 1) })
        for uid in UInt32(0)..<3000 { #expect(directory.accountName(uid: uid) == "u\(uid)") }
        #expect(directory.accountName(uid: 0) == "u0")
    }
}

@Suite struct SystemAccountsTests {
    @Test("the machine knows root by uid and by name, and its group")
    func root() throws {
        let accounts = SystemAccounts()
        let root = try #require(try accounts.account(uid: 0))
        #expect(root.name == "root")
        #expect(try accounts.account(named: "root") == root)
        #expect(try accounts.groups(of: root).contains("root"))
        #expect(try accounts.groupExists(named: "root"))
    }

    @Test("who is not there is told from what cannot be asked")
    func absent() throws {
        let accounts = SystemAccounts()
        #expect(try accounts.account(named: "argus-no-such-account") == nil)
        #expect(try accounts.account(uid: 4_000_000_001) == nil)
        #expect(try !accounts.groupExists(named: "argus-no-such-group"))
    }
}
