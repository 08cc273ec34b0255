import ArgusCore
import ArgusPolicy
import Testing

private let alice = PersonID(high: 1, low: 1)
private let bob = PersonID(high: 2, low: 2)

private func shared(_ members: (Principal, Rights)...) -> FolderPolicy {
    FolderPolicy(
        protection: .shared, owner: alice, members: members.map { Member(principal: $0.0, rights: $0.1) })
}

private func subject(_ person: PersonID?, _ groups: String...) -> Subject {
    Subject(person: person, groups: Set(groups))
}

@Suite struct DecisionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let policy: FolderPolicy
        let subject: Subject
        let right: Rights
        let isAllowed: Bool
        let rule: String
        var testDescription: String { name }
    }

    static let cases: [Case] = {
        let own = FolderPolicy(protection: .private, owner: alice, members: [])
        let named = FolderPolicy(
            protection: .private, owner: alice, members: [Member(principal: .everyone, rights: .all)])
        return [
            Case(
                name: "a private folder opens for its owner", policy: own, subject: subject(alice), right: .write,
                isAllowed: true, rule: "private:owner"),
            Case(
                name: "a private folder opens for nobody else", policy: own, subject: subject(bob, "root", "wheel"),
                right: .list, isAllowed: false, rule: "private:other"),
            Case(
                name: "a uid that is no person opens no private folder", policy: own, subject: subject(nil),
                right: .list, isAllowed: false, rule: "private:other"),
            Case(
                name: "members of a private folder have no meaning", policy: named, subject: subject(bob),
                right: .list, isAllowed: false, rule: "private:other"),
            Case(
                name: "the owner of a shared folder is no member unless named", policy: shared((.person(bob), .all)),
                subject: subject(alice), right: .list, isAllowed: false, rule: "shared:not-a-member"),
            Case(
                name: "a stranger is refused", policy: shared((.group("staff"), .all)), subject: subject(nil, "users"),
                right: .list, isAllowed: false, rule: "shared:not-a-member"),
            Case(
                name: "writing implies reading", policy: shared((.person(bob), .write)), subject: subject(bob),
                right: .read, isAllowed: true, rule: "member:\(bob.hex)"),
            Case(
                name: "writing does not imply deleting", policy: shared((.person(bob), .write)), subject: subject(bob),
                right: .delete, isAllowed: false, rule: "shared:right-missing"),
            Case(
                name: "managing implies everything", policy: shared((.group("staff"), .manage)),
                subject: subject(nil, "staff"), right: .all, isAllowed: true, rule: "member:@staff"),
            Case(
                name: "the narrowest entry that gives the right is named",
                policy: shared((.everyone, .read), (.group("staff"), .read), (.person(bob), .read)),
                subject: subject(bob, "staff"), right: .read, isAllowed: true, rule: "member:\(bob.hex)"),
            Case(
                name: "a wider entry is named where the narrow one does not give the right",
                policy: shared((.everyone, .write), (.person(bob), .list)), subject: subject(bob), right: .write,
                isAllowed: true, rule: "member:*"),
            Case(
                name: "entries add up, and all that gave a part are named",
                policy: shared((.group("b"), .delete), (.group("a"), .write)), subject: subject(nil, "a", "b"),
                right: [.write, .delete], isAllowed: true, rule: "member:@a+@b"),
            Case(
                name: "asking for no right is refused", policy: own, subject: subject(alice), right: [],
                isAllowed: false, rule: "no-right"),
        ]
    }()

    @Test("a decision follows the members' list and names its rule", arguments: cases)
    func decides(_ item: Case) {
        let decision = decide(item.right, for: item.subject, in: item.policy)
        #expect(decision.isAllowed == item.isAllowed)
        #expect(decision.rule == item.rule)
        #expect(!decision.reason.isEmpty)
    }

    @Test(
        "who is not in good standing has nothing, not even what groups and everyone have",
        arguments: [
            (Standing.changed, "person:changed"), (.revoked, "person:revoked"), (.unresolved, "person:unresolved"),
        ])
    func standing(standing: Standing, rule: String) {
        for policy in [
            shared((.everyone, .all), (.group("staff"), .all), (.person(bob), .all)),
            FolderPolicy(protection: .private, owner: bob, members: []),
        ] {
            let subject = Subject(person: bob, groups: ["staff"], standing: standing)
            #expect(grantedRights(of: subject, in: policy).isEmpty)
            let decision = decide(.list, for: subject, in: policy)
            #expect(!decision.isAllowed)
            #expect(decision.rule == rule)
        }
    }

    @Test("an explanation ends as the decision does and looks at every entry", arguments: cases)
    func explains(_ item: Case) {
        let (decision, steps) = explain(item.right, for: item.subject, in: item.policy)
        #expect(decision == decide(item.right, for: item.subject, in: item.policy))
        #expect(steps.contains { $0.effect == .refuses } == !item.isAllowed)
        if item.policy.protection == .shared, !item.right.isEmpty {
            #expect(steps.filter { $0.rule.hasPrefix("member:") }.count == item.policy.members.count)
        }
    }

    @Test("what is granted and what is decided agree for every right and every small policy")
    func agree() {
        let principals: [Principal] = [.person(alice), .person(bob), .group("staff"), .everyone]
        let subjects = [subject(alice), subject(bob, "staff"), subject(nil, "staff"), subject(nil)]
        for protection in Protection.allCases {
            for first in principals {
                for second in principals {
                    for rights in Rights.named {
                        let policy = FolderPolicy(
                            protection: protection, owner: alice,
                            members: [
                                Member(principal: first, rights: rights.right),
                                Member(principal: second, rights: .list),
                            ])
                        for subject in subjects {
                            let granted = grantedRights(of: subject, in: policy)
                            for asked in Rights.named {
                                #expect(
                                    decide(asked.right, for: subject, in: policy).isAllowed
                                        == granted.contains(asked.right))
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("the rule does not depend on the order of the entries")
    func isOrderFree() {
        let entries: [(Principal, Rights)] = [(.everyone, .list), (.group("staff"), .delete), (.person(bob), .write)]
        let rules = Set(
            [[0, 1, 2], [2, 1, 0], [1, 0, 2]].map { order in
                decide(
                    [.write, .delete], for: subject(bob, "staff"),
                    in: FolderPolicy(
                        protection: .shared, owner: alice,
                        members: order.map { Member(principal: entries[$0].0, rights: entries[$0].1) })
                ).rule
            })
        #expect(rules.count == 1)
    }
}
