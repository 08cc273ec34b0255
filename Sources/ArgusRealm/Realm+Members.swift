internal import ArgusCore
internal import ArgusIdentity
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem
internal import Glibc

/// Who may use a folder.
extension Realm {
    /// Makes `member` a member, or replaces its rights.
    package func grant(_ member: MemberSpec, inFolder name: String) throws(RealmError) -> FolderSummary {
        guard let rights = member.rights, !rights.isEmpty else {
            throw RealmError(.failed, "no rights were given; name them, for example alice:read,write")
        }
        return try change(name) { record throws(RealmError) in
            try Self.requireShared(record)
            let principal = try principal(member.who)
            if let place = record.policy.members.firstIndex(where: { $0.principal == principal }) {
                record.policy.members[place].rights = rights
            } else {
                record.policy.members.append(Member(principal: principal, rights: rights))
            }
        }
    }

    /// Takes the whole membership away, or just `rights` and every right that implies one of them.
    package func revoke(_ member: MemberSpec, inFolder name: String) throws(RealmError) -> FolderSummary {
        try change(name) { record throws(RealmError) in
            try Self.requireShared(record)
            // By name, so that entries of persons who have left are found, too.
            let principals = principals(named: member.who)
            guard record.policy.members.contains(where: { principals.contains($0.principal) }) else {
                throw RealmError(
                    .notAMember, "that is no member of the folder; `argusfs folder show` lists the members")
            }
            record.policy.members = record.policy.members.compactMap { entry in
                guard principals.contains(entry.principal) else { return entry }
                guard let revoked = member.rights else { return nil }
                let left = entry.rights.without(revoked)
                return left.isEmpty ? nil : Member(principal: entry.principal, rights: left)
            }
        }
    }

    /// Changes a folder's record; the process that serves the folder reads it again when it is told to.
    func change(_ name: String, _ body: (inout FolderRecord) throws(RealmError) -> Void) throws(RealmError)
        -> FolderSummary
    {
        try withChangeLock { () throws(RealmError) in
            let (directory, found) = try find(name)
            var record = found
            try body(&record)
            if record != found { try store(record, replacing: found, in: directory) }
            return try summary(record, in: directory)
        }
    }

    /// Stores a changed record, with what the folder's journal is to say of it. Where nobody has the folder in use the
    /// journal gets it at once, otherwise from the driver when that reads the record. Under the change lock.
    ///
    /// `held` is the folder's lock where the caller has it already.
    func store(
        _ record: FolderRecord, replacing old: FolderRecord, in directory: DirectoryHandle,
        holding held: FolderLock? = nil
    ) throws(RealmError) {
        var record = record
        record.pending += PendingChange.between(old, and: record, by: administrator(), name: spelled)
        record.revision += 1
        let secrets = secrets(of: record.id)
        try record.write(in: directory, secrets: secrets)
        try recordPending(record, in: directory, holding: held)
    }

    /// As people spell it.
    func spelled(_ principal: Principal) -> String {
        switch principal {
        case .person(let id): identity.person(id)?.account ?? id.hex
        case .group(let name): "@" + name
        case .everyone: "*"
        }
    }

    /// Brings what waits in a record into the folder's journal, or leaves that to the driver that has it in use.
    func recordPending(
        _ record: FolderRecord, in directory: DirectoryHandle, holding held: FolderLock? = nil, isDeleted: Bool = false
    ) throws(RealmError) {
        guard !record.pending.isEmpty else { return }
        let secrets = secrets(of: record.id)
        var taken: FolderLock?
        defer { taken?.release() }
        if held == nil {
            do throws(RealmError) {
                taken = try FolderLock.take(in: directory, exclusive: true, waitMilliseconds: 0)
            } catch {
                if error.kind == .folderInUse { return }
                throw error
            }
        }
        let index: SQLiteIndex?
        do throws(RealmError) {
            index = try IndexPlace(
                directory: directory, record: record, keys: try secrets.unwrap(record.keys), secrets: secrets
            ).open(writable: false)
        } catch {
            // A folder can be removed whose index is damaged.
            guard isDeleted else { throw error }
            index = nil
        }
        let journal = try OpenFolder.startJournal(of: record, realm: self, index: index)
        do throws(RealmError) {
            try OpenFolder.settle(record, in: directory, of: secrets, journal: journal, isDeleted: isDeleted)
        } catch {
            try? journal.close()
            throw error
        }
        do throws(JournalError) { try journal.close() } catch { throw RealmError(error) }
        try indexCall { () throws(IndexError) in try index?.close() }
    }

    private static func requireShared(_ record: FolderRecord) throws(RealmError) {
        guard record.policy.protection == .shared else {
            throw RealmError(
                .privateFolder, "is private to its owner and has no members; make a folder with --member to share one")
        }
    }

    // MARK: Principals

    func members(_ specs: [MemberSpec]) throws(RealmError) -> [Member] {
        var members: [Member] = []
        for spec in specs {
            guard let rights = spec.rights, !rights.isEmpty else {
                throw RealmError(.failed, "a member has no rights; name them, for example alice:read,write")
            }
            let principal = try principal(spec.who)
            if let place = members.firstIndex(where: { $0.principal == principal }) {
                members[place].rights.formUnion(rights)
            } else {
                members.append(Member(principal: principal, rights: rights))
            }
        }
        return members
    }

    private func principal(_ who: Who) throws(RealmError) -> Principal {
        switch who {
        case .everyone: return .everyone
        case .group(let name):
            guard try accountCall({ () throws(AccountDatabaseError) in try identity.groupExists(named: name) }) else {
                throw RealmError(.unknownGroup, "this machine has no such group; check its name with getent(1)")
            }
            return .group(name)
        case .account(let name):
            return .person(try person(for: try account(named: name)).id)
        }
    }

    func account(named name: String) throws(RealmError) -> Account {
        let account = try accountCall { () throws(AccountDatabaseError) in try identity.account(named: name) }
        guard let account else {
            throw RealmError(.unknownAccount, "this machine has no such account; check its name with getent(1)")
        }
        return account
    }

    private func principals(named who: Who) -> Set<Principal> {
        switch who {
        case .everyone: [.everyone]
        case .group(let name): [.group(name)]
        case .account(let name): Set(identity.persons.filter { $0.account == name }.map { .person($0.id) })
        }
    }

    func account(uid: UInt32) throws(RealmError) -> Account {
        let account = try accountCall { () throws(AccountDatabaseError) in try identity.account(uid: uid) }
        guard let account else {
            throw RealmError(.unknownAccount, "the owner's uid \(uid) has no account; give it one first")
        }
        return account
    }

    /// The person that an account is; a new one where the realm knows neither name nor uid. Under the change lock.
    func person(for account: Account) throws(RealmError) -> Person {
        var persons = try readPersons()
        switch PersonDirectory.resolution(uid: account.uid, account: account.name, among: persons) {
        case .person(let id):
            if let known = persons.first(where: { $0.id == id }) { return known }
        case .revoked:
            throw RealmError(
                .revokedPerson,
                "was cut off from the whole realm; `argusfs person add` takes the account in again, as somebody new")
        case .changed: throw RealmError(changed: account, among: persons)
        case .stranger, .unresolved: break
        }
        let person = Person(id: PersonID.random(), account: account.name, uid: account.uid)
        persons.append(person)
        try writePersons(persons)
        return person
    }

    func readPersons() throws(RealmError) -> [Person] {
        let persons = try PersonsRecord.read(in: directory, keys: keys)
        identity.update(persons: persons)
        return persons
    }

    func writePersons(_ persons: [Person]) throws(RealmError) {
        try PersonsRecord.write(persons, in: directory, keys: keys)
        identity.update(persons: persons)
    }
}

/// Asks the machine's accounts.
func accountCall<R>(_ body: () throws(AccountDatabaseError) -> R) throws(RealmError) -> R {
    do throws(AccountDatabaseError) { return try body() } catch {
        throw RealmError(
            .failed, "the machine's accounts cannot be asked (error \(error.errno)); see its name service's log")
    }
}

extension RealmError {
    /// An account whose name or uid is known to the realm as part of another pair.
    fileprivate init(changed account: Account, among persons: [Person]) {
        let others = persons.filter { $0.state != .former && ($0.account == account.name || $0.uid == account.uid) }
        let known = others.map { "\($0.account) with uid \($0.uid)" }.joined(separator: " and ")
        self.init(
            .changedAccount,
            "\(account.name) has uid \(account.uid) now, and the realm knows \(known); if this is somebody new, say so "
                + "with `argusfs person add \(account.name)`: nothing is inherited")
    }
}

extension Rights {
    /// What is left when `revoked` and every right that implies one of them are taken away.
    func without(_ revoked: Rights) -> Rights {
        Self.named.reduce(into: Rights()) { left, named in
            if closure.contains(named.right), named.right.closure.isDisjoint(with: revoked) { left.insert(named.right) }
        }
    }
}
