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
    package var programs: ProgramRules

    package init(
        protection: Protection, owner: PersonID, members: [Member], programs: ProgramRules = ProgramRules()
    ) {
        self.protection = protection
        self.owner = owner
        self.members = members
        self.programs = programs
    }
}

/// Whether an account may be taken for whom it seems to be.
package enum Standing: String, Hashable, Sendable {
    /// A person of the realm, or somebody whom the realm does not know.
    case good
    /// The realm knows the account's name with another uid, or its uid with another name: it inherits nothing, not even
    /// what groups would give, until somebody says who it is.
    case changed
    /// The person was cut off from the whole realm.
    case revoked
    /// The machine's accounts could not be asked.
    case unresolved
}

/// Who asks, as far as a policy can tell persons apart.
package struct Subject: Hashable, Sendable {
    /// Nil: a uid that is no person of the realm.
    package var person: PersonID?
    package var groups: Set<String>
    package var standing: Standing

    package init(person: PersonID?, groups: Set<String>, standing: Standing = .good) {
        self.person = person
        self.groups = groups
        self.standing = standing
    }
}
