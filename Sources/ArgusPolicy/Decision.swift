package import ArgusCore

/// What a policy answers: whether, by which rule, and why in words.
package struct Decision: Hashable, Sendable {
    package var isAllowed: Bool
    /// Stable id of the rule that decided, e.g. `member:@staff`: what the journal keeps and a filter can search for.
    package var rule: String
    /// For people. Names no person, file or folder.
    package var reason: String

    package init(isAllowed: Bool, rule: String, reason: String) {
        self.isAllowed = isAllowed
        self.rule = rule
        self.reason = reason
    }
}

/// The rights that `policy` gives to `subject`, with those they imply: the union over every member entry that matches.
///
/// Nobody has rights for what they are: root is a person like any other, and the owner of a shared folder has only
/// what its members' list says.
package func grantedRights(of subject: Subject, in policy: FolderPolicy) -> Rights {
    switch policy.protection {
    case .private:
        return subject.person == policy.owner ? .all : []
    case .shared:
        var granted: Rights = []
        for member in policy.members where member.principal.matches(subject) {
            granted.formUnion(member.rights.closure)
        }
        return granted
    }
}

/// Decides whether `subject` may do all of `right`. Asking for no right is refused, so that a forgotten right cannot
/// pass for permission.
///
/// The rule names the entries that gave the rights: the narrowest single entry that gives all of them (person before
/// group before everyone), or else every entry that gives a part.
package func decide(_ right: Rights, for subject: Subject, in policy: FolderPolicy) -> Decision {
    guard !right.isEmpty else {
        return Decision(isAllowed: false, rule: "no-right", reason: "no right was asked for")
    }
    switch policy.protection {
    case .private:
        guard subject.person == policy.owner else {
            return Decision(isAllowed: false, rule: "private:other", reason: "the folder is private to another person")
        }
        return Decision(isAllowed: true, rule: "private:owner", reason: "the folder is the person's own")
    case .shared:
        return decideShared(right, for: subject, members: policy.members)
    }
}

private func decideShared(_ right: Rights, for subject: Subject, members: [Member]) -> Decision {
    let matching = members.filter { $0.principal.matches(subject) }
    guard !matching.isEmpty else {
        return Decision(
            isAllowed: false, rule: "shared:not-a-member", reason: "the folder is shared, and not with this person")
    }
    let granted = matching.reduce(into: Rights()) { $0.formUnion($1.rights.closure) }
    guard granted.isSuperset(of: right) else {
        let missing = right.subtracting(granted)
        return Decision(
            isAllowed: false, rule: "shared:right-missing", reason: "a member without the right \(missing.text)")
    }
    let givers: [Member]
    if let single = matching.filter({ $0.rights.closure.isSuperset(of: right) })
        .min(by: { $0.principal.isNarrower(than: $1.principal) })
    {
        givers = [single]
    } else {
        givers = matching.filter { !$0.rights.closure.isDisjoint(with: right) }
            .sorted { $0.principal.isNarrower(than: $1.principal) }
    }
    return Decision(
        isAllowed: true, rule: "member:" + givers.map(\.principal.ruleText).joined(separator: "+"),
        reason: "a member with the right \(right.text)")
}

extension Principal {
    package func matches(_ subject: Subject) -> Bool {
        switch self {
        case .person(let id): subject.person == id
        case .group(let name): subject.groups.contains(name)
        case .everyone: true
        }
    }

    /// A total order, so that the rule of a decision does not depend on the order of the entries.
    fileprivate func isNarrower(than other: Principal) -> Bool {
        (breadth, ruleText) < (other.breadth, other.ruleText)
    }

    private var breadth: Int {
        switch self {
        case .person: 0
        case .group: 1
        case .everyone: 2
        }
    }
}
