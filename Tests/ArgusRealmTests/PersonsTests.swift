import ArgusCore
import ArgusIdentity
import ArgusPolicy
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

private func account(_ name: String, _ uid: UInt32) -> Account { Account(name: name, uid: uid, gid: uid) }

private func specs(_ texts: String...) -> [MemberSpec] { texts.compactMap { MemberSpec(text: $0) } }

@Suite struct PersonsTests {
    private let directory = RealmDirectory()
    private let accounts = TestAccounts()
    private let realm: Realm
    private let mine = getuid()

    init() throws {
        try directory.create()
        accounts.set([account("keeper", getuid()), account("alice", 50_001), account("bob", 50_002)])
        realm = try directory.open(accounts: accounts)
        _ = try realm.createFolder(
            name: "plans", members: specs("keeper:manage", "alice:read"), storage: nil, ownerUID: mine)
    }

    private func explain(_ person: String, _ right: Rights) throws -> Explanation {
        let folder = try realm.openFolder(named: "plans", mode: .inspect)
        defer { try? folder.close() }
        return try folder.explain(right, at: Array("/".utf8), account: person, program: nil)
    }

    @Test("an account with another uid than it had inherits nothing, and is refused until it is taken in anew")
    func changedPair() throws {
        #expect(try explain("alice", .read).isAllowed)
        accounts.set([account("keeper", mine), account("alice", 50_009)])
        realm.identity.update(persons: realm.identity.persons)
        #expect(try explain("alice", .list).rule == "person:changed")
        let refused = failure { try realm.grant(specs("alice:read")[0], inFolder: "plans") }
        #expect(refused?.kind == .changedAccount)
        #expect(refused?.message.contains("50009") == true && refused?.message.contains("50001") == true)
        #expect(try realm.persons().first { $0.account == "alice" }?.state == .changed)

        #expect(try realm.addPerson(named: "alice").folders.isEmpty)
        #expect(try explain("alice", .list).rule == "shared:not-a-member")
        let all = try realm.persons().filter { $0.account == "alice" }
        #expect(all.map(\.state) == [.active, .former])
        #expect(all.map(\.folders) == [[], ["plans"]])

        // The old pair comes back, and is still nobody.
        accounts.set([account("keeper", mine), account("alice", 50_001)])
        realm.identity.update(persons: realm.identity.persons)
        #expect(try explain("alice", .list).rule == "person:changed")
    }

    @Test("a uid that another account has now opens nothing, even through a group or for everyone")
    func reusedUID() throws {
        _ = try realm.grant(specs("*:read")[0], inFolder: "plans")
        accounts.set([account("keeper", mine), account("mallory", 50_001)], groups: ["staff": ["mallory"]])
        _ = try realm.grant(specs("@staff:read")[0], inFolder: "plans")
        #expect(try explain("mallory", .list).rule == "person:changed")
        _ = try realm.addPerson(named: "mallory")
        #expect(try explain("mallory", .list).isAllowed)
        #expect(try explain("mallory", .write).isAllowed == false)
    }

    @Test("who is cut off from the realm has nothing left anywhere, nor by a group, and comes back as somebody new")
    func revokeAll() throws {
        accounts.set(
            [account("keeper", mine), account("alice", 50_001), account("bob", 50_002)], groups: ["staff": ["bob"]])
        _ = try realm.createFolder(name: "notes", members: specs("alice:write"), storage: nil, ownerUID: mine)
        _ = try realm.grant(specs("@staff:read")[0], inFolder: "plans")
        #expect(try realm.revokePerson(named: "alice") == ["notes", "plans"])
        #expect(try explain("alice", .list).rule == "person:revoked")
        #expect(try realm.folder(named: "notes").members.isEmpty)
        #expect(try realm.revokePerson(named: "alice").isEmpty)

        #expect(try explain("bob", .read).isAllowed)
        #expect(try realm.revokePerson(named: "bob").isEmpty)
        #expect(try explain("bob", .read).rule == "person:revoked")
        #expect(failure { try realm.grant(specs("bob:read")[0], inFolder: "plans") }?.kind == .revokedPerson)
        _ = try realm.addPerson(named: "bob")
        #expect(try explain("bob", .read).isAllowed)
    }

    @Test("persons and their states are there after the realm is opened again")
    func persistent() throws {
        _ = try realm.revokePerson(named: "alice")
        accounts.set([account("keeper", mine), account("alice", 50_001)])
        let again = try directory.open(accounts: accounts)
        #expect(try again.persons().map { "\($0.account) \($0.state)" } == ["alice revoked", "keeper active"])
    }

    @Test("an account that is gone is shown as gone")
    func gone() throws {
        accounts.set([account("keeper", mine)])
        #expect(try realm.persons().first { $0.account == "alice" }?.state == .gone)
    }
}

/// Accounts of a machine that is not there.
final class TestAccounts: AccountDatabase {
    private let lock = Lock()
    nonisolated(unsafe) private var accounts: [Account] = []
    nonisolated(unsafe) private var groups: [String: Set<String>] = [:]

    func set(_ accounts: [Account], groups: [String: Set<String>] = [:]) {
        lock.withLock {
            self.accounts = accounts
            self.groups = groups
        }
    }

    func account(uid: UInt32) throws(AccountDatabaseError) -> Account? {
        lock.withLock { accounts.first { $0.uid == uid } }
    }

    func account(named name: String) throws(AccountDatabaseError) -> Account? {
        lock.withLock { accounts.first { $0.name == name } }
    }

    func groups(of account: Account) throws(AccountDatabaseError) -> Set<String> {
        lock.withLock { Set(groups.filter { $0.value.contains(account.name) }.keys) }
    }

    func groupIDs(of account: Account) throws(AccountDatabaseError) -> Set<UInt32> { [account.gid] }

    func groupID(named name: String) throws(AccountDatabaseError) -> UInt32? {
        lock.withLock { groups[name] == nil ? nil : UInt32(60_000 + name.utf8.count) }
    }

    func groupExists(named name: String) throws(AccountDatabaseError) -> Bool { try groupID(named: name) != nil }
}
