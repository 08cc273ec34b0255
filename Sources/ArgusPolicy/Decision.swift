package import ArgusCore

/// What a policy answers: whether, by which rule, and why in words.
package struct Decision: Hashable, Sendable {
    package var isAllowed: Bool
    /// Stable id of the rule that decided, e.g. `member:@staff`: what the journal keeps and a filter can search for.
    package var rule: String
    /// For people. Names no person, file or folder.
    package var reason: String
    /// Allowed, but the program finds ciphertext.
    package var withholdsKey = false

    package init(isAllowed: Bool, rule: String, reason: String) {
        self.isAllowed = isAllowed
        self.rule = rule
        self.reason = reason
    }
}

/// One rule that was looked at on the way to a decision.
package struct DecisionStep: Hashable, Sendable {
    package enum Effect: String, Hashable, Sendable, Codable {
        /// Gives what was asked for, or a part of it.
        case allows
        case refuses
        /// Says nothing about this request; the next rule is looked at.
        case silent
    }

    package var rule: String
    package var effect: Effect
    /// For people.
    package var reason: String

    package init(_ rule: String, _ effect: Effect, _ reason: String) {
        self.rule = rule
        self.effect = effect
        self.reason = reason
    }
}

/// The rights that `policy` gives to `subject`, with those they imply: the union over every member entry that matches.
///
/// Nobody has rights for what they are: root is a person like any other, and the owner of a shared folder has only
/// what its members' list says.
package func grantedRights(of subject: Subject, in policy: FolderPolicy) -> Rights {
    guard subject.standing == .good else { return [] }
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
    var steps: [DecisionStep]?
    return decide(right, for: subject, running: nil, in: policy, steps: &steps)
}

/// The same decision with every rule that was looked at, in order; with a program also what is said of that.
package func explain(
    _ right: Rights, for subject: Subject, running program: ProgramFacts? = nil, in policy: FolderPolicy
) -> (decision: Decision, steps: [DecisionStep]) {
    var steps: [DecisionStep]? = []
    let decision = decide(right, for: subject, running: program, in: policy, steps: &steps)
    return (decision, steps ?? [])
}

private func decide(
    _ right: Rights, for subject: Subject, running program: ProgramFacts?, in policy: FolderPolicy,
    steps: inout [DecisionStep]?
) -> Decision {
    guard !right.isEmpty else { return refusal("no-right", "no right was asked for", &steps) }
    switch subject.standing {
    case .good:
        steps?.append(
            DecisionStep(
                "person", .silent,
                subject.person == nil
                    ? "the account is no person of the realm; it has what groups and everyone have"
                    : "account name and uid are those of a person of the realm"))
    case .changed:
        return refusal(
            "person:changed", "the account's name and uid belonged to different persons; say who it is with person add",
            &steps)
    case .revoked: return refusal("person:revoked", "the person was cut off from the whole realm", &steps)
    case .unresolved:
        return refusal("person:unresolved", "the machine's accounts cannot be asked who this is", &steps)
    }
    var decision: Decision
    switch policy.protection {
    case .private:
        guard subject.person == policy.owner else {
            return refusal("private:other", "the folder is private to another person", &steps)
        }
        decision = Decision(isAllowed: true, rule: "private:owner", reason: "the folder is the person's own")
        steps?.append(DecisionStep(decision.rule, .allows, decision.reason))
    case .shared:
        decision = decideShared(right, for: subject, members: policy.members, &steps)
    }
    if decision.isAllowed, let program { decide(program, by: policy.programs, &decision, &steps) }
    return decision
}

private func refusal(_ rule: String, _ reason: String, _ steps: inout [DecisionStep]?) -> Decision {
    steps?.append(DecisionStep(rule, .refuses, reason))
    return Decision(isAllowed: false, rule: rule, reason: reason)
}

private func decideShared(
    _ right: Rights, for subject: Subject, members: [Member], _ steps: inout [DecisionStep]?
) -> Decision {
    var matching: [Member] = []
    for member in members {
        let isMatch = member.principal.matches(subject)
        if isMatch { matching.append(member) }
        guard steps != nil else { continue }
        let gives = isMatch && !member.rights.closure.isDisjoint(with: right)
        steps?.append(
            DecisionStep(
                "member:" + member.principal.ruleText, gives ? .allows : .silent,
                isMatch ? "gives \(member.rights.closure.text)" : member.principal.absenceText))
    }
    guard !matching.isEmpty else {
        return refusal("shared:not-a-member", "the folder is shared, and not with this person", &steps)
    }
    let granted = matching.reduce(into: Rights()) { $0.formUnion($1.rights.closure) }
    guard granted.isSuperset(of: right) else {
        return refusal(
            "shared:right-missing", "a member without the right \(right.subtracting(granted).text)", &steps)
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

private func decide(
    _ program: ProgramFacts, by rules: ProgramRules, _ decision: inout Decision, _ steps: inout [DecisionStep]?
) {
    let (effect, rule) = decideProgram(program, by: rules)
    switch effect {
    case .allow: steps?.append(DecisionStep(rule, .allows, "the folder has nothing against the program"))
    case .withhold:
        decision.withholdsKey = true
        steps?.append(DecisionStep(rule, .allows, "the program reads ciphertext: the key is withheld from it"))
    case .deny: decision = refusal(rule, "the folder refuses the program", &steps)
    }
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

    fileprivate var absenceText: String {
        switch self {
        case .person: "is another person"
        case .group: "the person is not in this group"
        case .everyone: ""
        }
    }
}
