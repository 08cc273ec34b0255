internal import ArgusCore
package import ArgusFS
internal import ArgusIdentity
internal import ArgusPolicy

extension OpenFolder {
    /// Named entries of a list: the kernel takes one page, and a list this long is as slow to check as it looks.
    private static let maxListedMembers = 400

    /// The access control list of the top directory, from the members: `rwx` for who may write or delete, `r-x` for who may
    /// list. Nil for a private folder, and for one that is shared with everyone alone: nobody is to be told apart there.
    ///
    /// A folder of more members than a list holds lets everyone to its names, and its own rules decide.
    package func topDirectoryList() throws(RealmError) -> AccessControlList? {
        let policy = parts.policy.policy
        guard policy.protection == .shared, policy.members.contains(where: { $0.principal != .everyone }) else {
            return nil
        }
        var entries: [AccessControlList.Entry] = []
        var other: UInt32 = 0
        var seen: Set<Principal> = []
        for member in policy.members where seen.insert(member.principal).inserted {
            let bits: UInt32 = member.rights.closure.isDisjoint(with: [.write, .delete]) ? 5 : 7
            switch member.principal {
            case .everyone: other = bits
            case .group(let name):
                // A group that is gone has nobody in it.
                let id = try accountCall { () throws(AccountDatabaseError) in try identity.groupID(named: name) }
                if let id { entries.append(AccessControlList.Entry(.group, bits, id: id)) }
            case .person(let id):
                guard let person = identity.person(id), person.state == .active else { continue }
                entries.append(AccessControlList.Entry(.user, bits, id: person.uid))
            }
        }
        if entries.count > Self.maxListedMembers {
            entries = []
            other = 7
        }
        return AccessControlList(
            entries + [
                AccessControlList.Entry(.owner, 7), AccessControlList.Entry(.owningGroup, other),
                AccessControlList.Entry(.mask, 7), AccessControlList.Entry(.other, other),
            ])
    }
}
