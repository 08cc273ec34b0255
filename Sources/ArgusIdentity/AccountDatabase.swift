internal import Glibc

/// An account of the machine (passwd(5)).
package struct Account: Hashable, Sendable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32

    package init(name: String, uid: UInt32, gid: UInt32) {
        self.name = name
        self.uid = uid
        self.gid = gid
    }
}

/// What could not be asked, as opposed to what is not there.
package struct AccountDatabaseError: Error, Hashable, Sendable {
    package let errno: Int32

    package init(errno: Int32) { self.errno = errno }
}

/// The accounts and groups that the machine knows.
package protocol AccountDatabase: Sendable {
    func account(uid: UInt32) throws(AccountDatabaseError) -> Account?
    func account(named name: String) throws(AccountDatabaseError) -> Account?
    /// The names of the groups that list the account, its primary group among them.
    func groups(of account: Account) throws(AccountDatabaseError) -> Set<String>
    /// The ids of the same groups.
    func groupIDs(of account: Account) throws(AccountDatabaseError) -> Set<UInt32>
    /// Nil where there is no such group.
    func groupID(named name: String) throws(AccountDatabaseError) -> UInt32?
    func groupExists(named name: String) throws(AccountDatabaseError) -> Bool
}

/// The name service of the machine: files, LDAP, SSSD, as nsswitch.conf(5) orders them. Calls may wait for a network.
package struct SystemAccounts: AccountDatabase {
    /// Groups taken of one account; the kernel itself holds at most 65,536 (NGROUPS_MAX, setgroups(2)).
    static let maxGroupCount = 65_536
    /// Bound of the buffer that an entry's strings are put into: a group of very many members is long.
    static let maxEntryByteCount = 16 << 20

    package init() {}

    package func account(uid: UInt32) throws(AccountDatabaseError) -> Account? {
        try Self.entry { entry, buffer, count, found in getpwuid_r(uid, entry, buffer, count, found) }
    }

    package func account(named name: String) throws(AccountDatabaseError) -> Account? {
        try Self.entry { entry, buffer, count, found in getpwnam_r(name, entry, buffer, count, found) }
    }

    package func groups(of account: Account) throws(AccountDatabaseError) -> Set<String> {
        var names: Set<String> = []
        for identifier in try groupIDs(of: account) {
            if let name = try Self.groupName({ getgrgid_r(identifier, $0, $1, $2, $3) }) { names.insert(name) }
        }
        return names
    }

    package func groupIDs(of account: Account) throws(AccountDatabaseError) -> Set<UInt32> {
        var capacity: Int32 = 64
        var identifiers: [gid_t] = []
        while true {
            identifiers = [gid_t](repeating: 0, count: Int(capacity))
            var count = capacity
            if getgrouplist(account.name, account.gid, &identifiers, &count) >= 0 {
                identifiers.removeLast(identifiers.count - Int(count))
                break
            }
            // glibc says how many there are (getgrouplist(3)); doubling guards against a directory that grows meanwhile.
            capacity = max(count, capacity * 2)
            guard capacity <= Self.maxGroupCount else { throw AccountDatabaseError(errno: E2BIG) }
        }
        return Set(identifiers)
    }

    package func groupID(named name: String) throws(AccountDatabaseError) -> UInt32? {
        try Self.growing { (buffer, count, answer) in
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            let code = getgrnam_r(name, &entry, buffer, count, &found)
            if code == 0, found != nil { answer = entry.gr_gid }
            return code
        }
    }

    package func groupExists(named name: String) throws(AccountDatabaseError) -> Bool {
        try groupID(named: name) != nil
    }

    private static func entry(
        _ ask: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) throws(AccountDatabaseError) -> Account? {
        try growing { (buffer, count, answer) in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = ask(&entry, buffer, count, &found)
            if code == 0, found != nil {
                answer = Account(name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid)
            }
            return code
        }
    }

    private static func groupName(
        _ ask: (
            UnsafeMutablePointer<group>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<group>?>
        ) -> Int32
    ) throws(AccountDatabaseError) -> String? {
        try growing { (buffer, count, answer) in
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            let code = ask(&entry, buffer, count, &found)
            if code == 0, found != nil { answer = String(cString: entry.gr_name) }
            return code
        }
    }

    /// Calls `ask` with larger and larger buffers while it answers ERANGE (getpwnam_r(3)).
    private static func growing<Answer>(
        _ ask: (UnsafeMutablePointer<CChar>, Int, inout Answer?) -> Int32
    ) throws(AccountDatabaseError) -> Answer? {
        var count = 1024
        while true {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: count)
            defer { buffer.deallocate() }
            var answer: Answer?
            let code = ask(buffer, count, &answer)
            switch code {
            // Some name services say "not found" with these errors (getpwnam_r(3), NOTES).
            case 0, ENOENT, ESRCH, EBADF, EPERM:
                return answer
            case EINTR:
                continue
            case ERANGE where count < maxEntryByteCount:
                count *= 4
            default:
                throw AccountDatabaseError(errno: code)
            }
        }
    }
}
