package import ArgusCore
internal import ArgusIdentity
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem

/// A person of the realm as shown.
package struct PersonSummary: Hashable, Sendable {
    package enum State: String, Hashable, Sendable {
        case active, revoked
        /// Somebody new was added under the same name or uid.
        case former
        /// The machine has no such account any more.
        case gone
        /// The account has another uid now, or its uid another account: it is refused.
        case changed
    }

    package var id: PersonID
    package var account: String
    package var uid: UInt32
    package var state: State
    /// Names of the folders that name the person as a member, or belong to them; sorted.
    package var folders: [String]
}

/// The persons of a realm.
extension Realm {
    /// By account name, those of the past last.
    package func persons() throws(RealmError) -> [PersonSummary] {
        let persons = try readPersons()
        let records = try records(skipsDamaged: true).found.map(\.record)
        var summaries: [PersonSummary] = []
        for person in persons {
            let folders = records.filter { record in
                record.policy.owner == person.id
                    || record.policy.members.contains { $0.principal == .person(person.id) }
            }
            summaries.append(
                PersonSummary(
                    id: person.id, account: person.account, uid: person.uid, state: try state(of: person),
                    folders: folders.map(\.name).sorted()))
        }
        return summaries.sorted {
            ($0.state == .former ? 1 : 0, $0.account, $0.uid) < ($1.state == .former ? 1 : 0, $1.account, $1.uid)
        }
    }

    private func state(of person: Person) throws(RealmError) -> PersonSummary.State {
        switch person.state {
        case .former: return .former
        case .revoked: return .revoked
        case .active: break
        }
        let byName = try accountCall { () throws(AccountDatabaseError) in
            try identity.account(named: person.account)
        }
        if byName?.uid == person.uid { return .active }
        let byUID = try accountCall { () throws(AccountDatabaseError) in try identity.account(uid: person.uid) }
        return byName == nil && byUID == nil ? .gone : .changed
    }

    /// Takes an account in as a person of its own. Whoever had its name or uid before, or was cut off under both, is
    /// nobody from then on and leaves nothing behind: the rights that were theirs stay theirs and open nothing.
    package func addPerson(named name: String) throws(RealmError) -> PersonSummary {
        try recordingAct(.memberAdded, name) { () throws(RealmError) in try takeIn(name) }
    }

    private func takeIn(_ name: String) throws(RealmError) -> PersonSummary {
        try withChangeLock { () throws(RealmError) in
            let account = try account(named: name)
            var persons = try readPersons()
            let person: Person
            if case .person(let id) = PersonDirectory.resolution(
                uid: account.uid, account: account.name, among: persons),
                let known = persons.first(where: { $0.id == id })
            {
                person = known
            } else {
                for place in persons.indices
                where persons[place].account == account.name || persons[place].uid == account.uid {
                    persons[place].state = .former
                }
                person = Person(id: PersonID.random(), account: account.name, uid: account.uid)
                persons.append(person)
                try writePersons(persons)
            }
            return PersonSummary(
                id: person.id, account: person.account, uid: person.uid, state: .active, folders: [])
        }
    }

    /// Cuts a person off from the whole realm: out of every folder that names them, out of their own, and out of what
    /// groups and everyone would give. Returns the folders that named them.
    package func revokePerson(named name: String) throws(RealmError) -> [String] {
        try recordingAct(.memberRemoved, name) { () throws(RealmError) in try cutOff(name) }
    }

    private func cutOff(_ name: String) throws(RealmError) -> [String] {
        try withChangeLock { () throws(RealmError) in
            var persons = try readPersons()
            let known = persons.indices.filter { persons[$0].account == name && persons[$0].state == .active }
            if known.isEmpty {
                guard !persons.contains(where: { $0.account == name && $0.state == .revoked }) else { return [] }
                // In by a group, or by everyone, and so not known by name until now.
                let account = try account(named: name)
                persons.append(
                    Person(id: PersonID.random(), account: account.name, uid: account.uid, state: .revoked))
            }
            for place in known { persons[place].state = .revoked }
            // First, since it cuts them off everywhere at once; the entries in the folders are tidied up after it.
            try writePersons(persons)
            let gone = Set(known.map { Principal.person(persons[$0].id) })
            var changed: [String] = []
            for (directory, found) in try records(skipsDamaged: true).found
            where found.policy.members.contains(where: { gone.contains($0.principal) }) {
                var record = found
                record.policy.members.removeAll { gone.contains($0.principal) }
                try store(record, replacing: found, in: directory)
                changed.append(record.name)
            }
            return changed.sorted()
        }
    }
}
