internal import ArgumentParser
internal import ArgusCore
internal import ArgusJournal
internal import Glibc

/// Which records a journal command is about.
struct JournalFilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only records of this folder, by its name or, where it was deleted, its id; - for what was done to the realm itself.",
            valueName: "name"))
    var folder: String?
    @Option(help: ArgumentHelp("Only what this account did; repeat it for several.", valueName: "account"))
    var person: [String] = []
    @Option(
        help: ArgumentHelp(
            "Only by programs whose path, or name, matches a pattern (glob(7)).", valueName: "pattern"))
    var program: String?
    @Option(
        help: ArgumentHelp("Only this activity, such as open or denied; repeat it for several.", valueName: "activity"))
    var activity: [ActivityArgument] = []
    @Option(help: ArgumentHelp("Only paths that match a pattern, such as '/2026/*'.", valueName: "pattern"))
    var path: String?
    @Option(
        help: ArgumentHelp(
            "Only from this time on: 2026-11-23, 2026-11-23T08:00Z, or as long ago as 90m, 8h, 2d.", valueName: "time"))
    var since: MomentArgument?
    @Option(help: ArgumentHelp("Only before this time.", valueName: "time"))
    var until: MomentArgument?

    /// The filter but for the folder, which readers select by its id.
    func filter(now: Timestamp) -> JournalFilter {
        JournalFilter(
            people: Set(person), program: program, activities: Set(activity.map(\.code)), path: path,
            since: since?.moment(now: now), until: until?.moment(now: now))
    }
}

struct ActivityArgument: ExpressibleByArgument {
    let code: UInt16

    init?(argument: String) {
        guard let activity = AuditActivity.allCases.first(where: { $0.name == argument }) else { return nil }
        code = activity.rawValue
    }

    static var allValueStrings: [String] { AuditActivity.allCases.map(\.name) }
}

/// A point in time, or how long ago.
enum MomentArgument: ExpressibleByArgument, Hashable, Sendable {
    case at(Timestamp)
    case ago(TimeSpan)

    init?(argument: String) {
        if let time = Timestamp(text: argument) {
            self = .at(time)
        } else if let span = TimeSpan(text: argument) {
            self = .ago(span)
        } else {
            return nil
        }
    }

    func moment(now: Timestamp) -> Timestamp {
        switch self {
        case .at(let time): time
        case .ago(let span): Timestamp(seconds: now.seconds - Int64(span.seconds), nanoseconds: now.nanoseconds)
        }
    }
}

/// Decides whether a record is wanted: every condition that is given must hold.
struct JournalFilter: Sendable {
    var people: Set<String> = []
    var program: String?
    var activities: Set<UInt16> = []
    var path: String?
    var since: Timestamp?
    var until: Timestamp?

    init(
        people: Set<String> = [], program: String? = nil, activities: Set<UInt16> = [], path: String? = nil,
        since: Timestamp? = nil, until: Timestamp? = nil
    ) {
        self.people = people
        self.program = program
        self.activities = activities
        self.path = path
        self.since = since
        self.until = until
    }

    func admits(_ record: JournalRecord) -> Bool {
        if let since, record.time < since { return false }
        if let until, record.time >= until { return false }
        if !people.isEmpty, !people.contains(record.actor.person) { return false }
        if !activities.isEmpty, !activities.contains(record.activityCode) { return false }
        if let program {
            let path = record.actor.program
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            guard Self.matches(program, path) || Self.matches(program, name) else { return false }
        }
        if let path {
            // A rename, link or copy is wanted for either of its paths.
            let texts = [record.path, record.secondPath].map { String(decoding: $0, as: UTF8.self) }
            guard texts.contains(where: { Self.matches(path, $0) }) else { return false }
        }
        return true
    }

    /// fnmatch(3) without flags: `*` also matches `/`, so that `/2026/*` takes the whole subtree.
    private static func matches(_ pattern: String, _ text: String) -> Bool {
        fnmatch(pattern, text, 0) == 0
    }
}
