import ArgusCore
import ArgusJournal
import ArgusPolicy
import ArgusSystem
import Synchronization
import Testing

@testable import ArgusFS

/// Who is asked for is counted, not timed: an open looks at no list of members and asks no name service.
@Suite("A folder of many members")
struct ManyMembersTests {
    /// Everybody is one of the members, and in as many groups as there are; each question is counted.
    private final class CountingPeople: ActorResolver {
        let subjectCount = Atomic<Int>(0)
        private let person: PersonID
        private let groups: Set<String>

        init(_ person: PersonID, groups: Set<String>) {
            self.person = person
            self.groups = groups
        }

        func subject(uid: UInt32, gid: UInt32) -> Subject {
            subjectCount.wrappingAdd(1, ordering: .relaxed)
            return Subject(person: person, groups: groups)
        }

        func actor(uid: UInt32, gid: UInt32, pid: UInt32) -> AuditActor {
            AuditActor(uid: uid, loginUID: uid, pid: pid, person: "", program: "")
        }
    }

    /// Stands still, so that nothing that is remembered gets old.
    private struct StoppedClock: Clock {
        func now() -> Timestamp { Timestamp(seconds: 1_000, nanoseconds: 0) }
        func monotonicNanoseconds() -> UInt64 { 1_000_000_000_000 }
    }

    private static func person(_ number: Int) -> PersonID { PersonID(high: 7, low: UInt64(number)) }

    /// Questions about the persons behind `uids` while each is asked for every right `times` over.
    private func questions(members count: Int, times: Int, uids: Range<UInt32>) -> Int {
        let people = CountingPeople(Self.person(count - 1), groups: Set((0..<count).map { "group\($0)" }))
        let members = (0..<count).flatMap {
            [
                Member(principal: .person(Self.person($0)), rights: [.read, .write]),
                Member(principal: .group("group\($0)"), rights: [.list]),
            ]
        }
        let policy = FolderPolicy(protection: .shared, owner: Self.person(0), members: members)
        let permissions = PermissionCache(policy: LivePolicy(policy), people: people, clock: StoppedClock())
        for uid in uids {
            for _ in 0..<times {
                let grant = permissions.grant(of: .write, uid: uid, gid: 1)
                #expect(grant.rights == [.list, .read, .write] && !grant.rule.isEmpty)
            }
        }
        return people.subjectCount.load(ordering: .relaxed)
    }

    @Test("an open asks as little as in a folder of one: once about a person, then nothing")
    func questionsAreEqual() {
        #expect(questions(members: 1, times: 1, uids: 10..<20) == 10)
        #expect(questions(members: 1, times: 500, uids: 10..<20) == 10)
        #expect(questions(members: 1000, times: 1, uids: 10..<20) == 10)
        #expect(questions(members: 1000, times: 500, uids: 10..<20) == 10)
    }
}
