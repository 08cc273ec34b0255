package import ArgusCore

/// A person of the realm: an id bound to an account name *and* a uid.
///
/// Both must agree with what the machine says now. A uid that was given to another account, or an account that came
/// back under another uid, is somebody else and inherits nothing.
package struct Person: Hashable, Sendable {
    package var id: PersonID
    package var account: String
    package var uid: UInt32

    package init(id: PersonID, account: String, uid: UInt32) {
        self.id = id
        self.account = account
        self.uid = uid
    }
}

/// Tells who is behind a uid.
package protocol IdentityProvider: Sendable {
    /// The person and the groups of `uid`. `gid`, which the process brings, gives no membership: a set-gid program
    /// or a group password would otherwise make members.
    func subject(uid: UInt32, gid: UInt32) -> (person: PersonID?, groups: Set<String>)
    /// The account that has `uid` now; nil where none has.
    func accountName(uid: UInt32) -> String?
}
