import ArgusCore
import ArgusJournal
import Testing

@testable import ArgusCommands

@Suite("Times given to the journal commands")
struct MomentTests {
    @Test(
        "a time is a date or how long ago",
        arguments: [("2026-11-23", 1_795_392_000), ("2h", 992_800), ("90", 999_910)] as [(String, Int64)])
    func moments(text: String, seconds: Int64) throws {
        let moment = try #require(MomentArgument(argument: text))
        #expect(moment.moment(now: Timestamp(seconds: 1_000_000, nanoseconds: 5)).seconds == seconds)
    }

    @Test("what is neither is refused", arguments: ["", "soon", "-1", "2026-99-99"])
    func refused(text: String) {
        #expect(MomentArgument(argument: text) == nil)
    }

    @Test(
        "an activity is one the journal knows", arguments: [("open", true), ("set-attributes", true), ("Open", false)])
    func activities(text: String, isKnown: Bool) {
        #expect((ActivityArgument(argument: text) != nil) == isKnown)
    }
}
