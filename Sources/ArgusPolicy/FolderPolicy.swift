package import ArgusCore

/// Whom a folder opens for.
package enum Protection: String, Hashable, Sendable, CaseIterable {
    /// Its owner alone; members have no meaning.
    case `private`
    /// Exactly the members named, of whom the owner is not one unless named.
    case shared
}

/// Somebody whom a member entry can name.
package enum Principal: Hashable, Sendable {
    /// A person of the realm.
    case person(PersonID)
    /// Everyone in the group of that name, as the directory of the machine lists it.
    case group(String)
    /// Everyone who can reach the mount.
    case everyone

    /// The principal as rule ids spell it: a person by id, since an account name can be given to somebody else.
    package var ruleText: String {
        switch self {
        case .person(let id): id.hex
        case .group(let name): "@" + name
        case .everyone: "*"
        }
    }
}

/// One entry of a folder's list of members.
package struct Member: Hashable, Sendable {
    package var principal: Principal
    /// As granted; what they imply is added when a decision is made.
    package var rights: Rights

    package init(principal: Principal, rights: Rights) {
        self.principal = principal
        self.rights = rights
    }
}

/// Who may do what in a folder.
package struct FolderPolicy: Hashable, Sendable {
    package var protection: Protection
    package var owner: PersonID
    package var members: [Member]

    package init(protection: Protection, owner: PersonID, members: [Member]) {
        self.protection = protection
        self.owner = owner
        self.members = members
    }
}

/// Who asks, as far as a policy can tell persons apart.
package struct Subject: Hashable, Sendable {
    /// Nil: a uid that is no person of the realm.
    package var person: PersonID?
    package var groups: Set<String>

    package init(person: PersonID?, groups: Set<String>) {
        self.person = person
        self.groups = groups
    }
}
