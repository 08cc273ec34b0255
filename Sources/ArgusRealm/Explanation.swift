package import ArgusCore
internal import ArgusFS
internal import ArgusIdentity
internal import ArgusIndex
package import ArgusPolicy

/// Why a person may or may not do something at a path, rule by rule in the order in which they are looked at.
package struct Explanation: Hashable, Sendable {
    package var account: String
    package var uid: UInt32
    package var steps: [DecisionStep]
    /// The last word: of the rule that refused, or of the one that allowed.
    package var isAllowed: Bool
    package var rule: String
    package var reason: String
}

extension OpenFolder {
    /// Explains what would be decided now. The steps are those of the decision itself, and after them those of the POSIX
    /// check, which the driver makes on a personal mount and the kernel on a shared one.
    package func explain(
        _ right: Rights, at path: [UInt8], account name: String, program: String?
    ) throws(RealmError) -> Explanation {
        let parts = parts
        let policy = parts.policy.policy
        let account = try accountCall { () throws(AccountDatabaseError) in try identity.account(named: name) }
        guard let account else {
            throw RealmError(.unknownAccount, "this machine has no such account; check its name with getent(1)")
        }
        var explanation = explain(right, account: account, program: program, policy: policy)
        let groups = try accountCall { () throws(AccountDatabaseError) in try identity.groupIDs(of: account) }
        var check = PosixCheck(uid: account.uid, groups: groups, index: parts.index, identity: identity)
        let target = try tree.resolve(path) { directory throws(RealmError) in try check.pass(directory) }.row
        try check.look(at: target, for: right)
        explanation.add(check.steps)
        return explanation
    }

    private func explain(_ right: Rights, account: Account, program: String?, policy: FolderPolicy) -> Explanation {
        let subject = parts.people.subject(uid: account.uid, gid: account.gid)
        let facts = program.map { ProgramResolver().facts(file: $0, for: policy.programs) }
        let (decision, steps) = ArgusPolicy.explain(right, for: subject, running: facts, in: policy)
        // Rules name persons by id; who reads them knows account names.
        let named = steps.map { step in
            var step = step
            if step.rule.hasPrefix("member:"), let id = PersonID(hex: step.rule.dropFirst(7)),
                let person = identity.person(id)
            {
                step.reason = "\(person.account): \(step.reason)"
            }
            return step
        }
        return Explanation(
            account: account.name, uid: account.uid, steps: named, isAllowed: decision.isAllowed, rule: decision.rule,
            reason: decision.reason)
    }
}

extension Explanation {
    fileprivate mutating func add(_ further: [DecisionStep]) {
        steps += further
        guard isAllowed, let refusing = further.first(where: { $0.effect == .refuses }) else { return }
        isAllowed = false
        rule = refusing.rule
        reason = refusing.reason
    }
}
