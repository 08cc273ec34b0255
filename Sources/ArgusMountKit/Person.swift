internal import Glibc

/// An account of the machine that a test acts as. Other accounts than one's own need root, or sudo without a question.
package struct Person: Hashable, Sendable {
    package let name: String
    package let uid: UInt32
    package let gid: UInt32

    /// The account that runs the tests.
    package static let current = Person(uid: getuid())
    /// Ordinary accounts that every Debian has and nobody logs in to.
    package static let first = Person(account: "games")
    package static let second = Person(account: "man")
    package static let third = Person(account: "mail")
    package static let fourth = Person(account: "lp")
    package static let root = Person(account: "root")

    private init(uid: UInt32) {
        guard let entry = getpwuid(uid) else { preconditionFailure("uid \(uid) has no account") }
        self.init(entry.pointee)
    }

    private init(account: String) {
        guard let entry = getpwnam(account) else { preconditionFailure("the account \(account) is missing") }
        self.init(entry.pointee)
    }

    private init(_ entry: passwd) {
        name = String(cString: entry.pw_name)
        uid = entry.pw_uid
        gid = entry.pw_gid
    }

    /// The command line by which this person runs a program in a session of its own. It ends when the program does: what
    /// sudo(8) starts on a terminal leads a group, and then setsid(1) leaves its work to a child.
    func command(_ program: [String]) -> [String] { prefix + ["/usr/bin/setsid", "--wait"] + program }

    /// Nothing, setpriv(1), or both with sudo(8).
    private var prefix: [String] {
        if self == .current { return [] }
        let groups = uid == 0 ? "--keep-groups" : "--clear-groups"
        let change = ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", groups]
        return (getuid() == 0 ? [] : ["/usr/bin/sudo", "-n", "-E"]) + change
    }
}
