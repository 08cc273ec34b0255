package import ArgusCore

/// A person of the realm: an id bound to an account name *and* a uid.
///
/// Both must agree with what the machine says now. A uid that was given to another account, or an account that came
/// back under another uid, is somebody else and inherits nothing.
package struct Person: Hashable, Sendable {
    package var id: PersonID
    package var account: String
    package var uid: UInt32
    package var state: PersonState

    package init(id: PersonID, account: String, uid: UInt32, state: PersonState = .active) {
        self.id = id
        self.account = account
        self.uid = uid
        self.state = state
    }
}

/// Whether somebody can still be that person.
package enum PersonState: String, Hashable, Sendable, CaseIterable {
    case active
    /// Cut off from the whole realm, until the account is added again as somebody new.
    case revoked
    /// Another person was added under the same account name or uid: nobody is this one any more.
    case former
}

/// What a uid stands for at the moment.
package enum Resolution: Hashable, Sendable {
    case person(PersonID)
    /// An account that the realm does not know.
    case stranger
    /// The realm knows the account's name with another uid, or its uid with another name.
    case changed
    case revoked
    /// The name service could not be asked.
    case unresolved
}

/// Tells who is behind a uid.
package protocol IdentityProvider: Sendable {
    /// The person and the groups of `uid`. `gid`, which the process brings, gives no membership: a set-gid program
    /// or a group password would otherwise make members.
    func subject(uid: UInt32, gid: UInt32) -> (person: PersonID?, groups: Set<String>)
    /// The same as a judgement of the account.
    func resolution(uid: UInt32) -> Resolution
    /// The account that has `uid` now; nil where none has.
    func accountName(uid: UInt32) -> String?
}
