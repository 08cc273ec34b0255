internal import ArgusCore

extension SQLiteIndex {
    /// Examines the database, then the rows with one query per rule. It takes the lock once per query: on a mounted
    /// folder of a million inodes others wait for seconds. The capsule itself is verified with `Capsule.verify`.
    package func verify() throws(IndexError) -> [String] {
        var findings: [IndexFinding] = []
        for rule in IndexRule.all {
            findings += try read { database throws(IndexError) in
                let statement = try Statement(database.connection, rule.violations)
                var found: [IndexFinding] = []
                while found.count < IndexFinding.maxCount, try statement.step() {
                    if let finding = rule.finding(statement) { found.append(finding) }
                }
                return found
            }
        }
        let (stored, found) = try read { database throws(IndexError) in
            let count = try Statement(database.connection, "SELECT count(*) FROM inode")
            return (database.inodeCount, try count.step() ? UInt64(count.integer(0)) : 0)
        }
        if stored != found { findings.append(.wrongInodeCount(stored: stored, found: found)) }
        return findings.prefix(IndexFinding.maxCount).map(\.description)
    }
}

/// What must hold for the rows of an index, as the query for those that break it.
private struct IndexRule {
    let violations: String
    let finding: (borrowing Statement) -> IndexFinding?

    private static let isDirectory = "mode & \(0o170000) = \(FileKind.directory.rawValue)"

    static var all: [IndexRule] { [database, inodeRows, entryRows, root] + entryRules + inodeRules + [reachable] }

    private static var database: IndexRule {
        IndexRule(violations: "PRAGMA integrity_check(100)") { row in
            row.text(0) == "ok" ? nil : .malformed("the database: \(row.text(0))")
        }
    }

    private static var inodeRows: IndexRule {
        IndexRule(violations: "SELECT \(IndexSchema.inodeColumns.joined(separator: ", ")) FROM inode") { row in
            row.malformedInode
        }
    }

    private static var entryRows: IndexRule {
        IndexRule(violations: "SELECT cookie, name, inode, kind, parent FROM entry") { row in row.malformedEntry }
    }

    private static var root: IndexRule {
        IndexRule(
            violations: "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM inode WHERE number = 1 AND \(isDirectory))"
        ) { _ in .noRoot }
    }

    private static var entryRules: [IndexRule] {
        [
            IndexRule(
                violations: """
                    SELECT parent, cookie FROM entry
                        WHERE NOT EXISTS (SELECT 1 FROM inode WHERE number = entry.inode)
                    """
            ) { row in .entryWithoutInode(parent: row.number(0), cookie: row.unsigned(1)) },
            IndexRule(
                violations: """
                    SELECT parent, cookie FROM entry
                        WHERE NOT EXISTS (SELECT 1 FROM inode WHERE number = entry.parent AND \(isDirectory))
                    """
            ) { row in .entryInNoDirectory(parent: row.number(0), cookie: row.unsigned(1)) },
            IndexRule(
                violations: """
                    SELECT parent, cookie FROM entry WHERE EXISTS
                        (SELECT 1 FROM inode WHERE number = entry.inode AND mode & \(0o170000) <> entry.kind)
                    """
            ) { row in .wrongKind(parent: row.number(0), cookie: row.unsigned(1)) },
        ]
    }

    private static var inodeRules: [IndexRule] {
        [
            IndexRule(
                violations: """
                    WITH counts (inode, n) AS MATERIALIZED (SELECT inode, count(*) FROM entry GROUP BY inode)
                    SELECT number, links, ifnull(n, 0) FROM inode LEFT JOIN counts ON counts.inode = number
                        WHERE NOT \(isDirectory) AND links <> ifnull(n, 0)
                    """
            ) { row in
                .wrongLinkCount(row.number(0), linkCount: row.unsigned(1), entryCount: row.unsigned(2))
            },
            IndexRule(
                violations: """
                    WITH counts (inode, n) AS MATERIALIZED (SELECT inode, count(*) FROM entry GROUP BY inode)
                    SELECT number, ifnull(n, 0) FROM inode LEFT JOIN counts ON counts.inode = number
                        WHERE \(isDirectory) AND ifnull(n, 0) <> (number <> 1 AND links > 0)
                    """
            ) { row in .wrongDirectoryEntryCount(row.number(0), entryCount: row.unsigned(1)) },
            IndexRule(
                violations: """
                    SELECT number FROM inode WHERE number <> 1 AND links > 0
                        AND (parent <> 0 OR cookie <> 0 OR \(isDirectory)) AND NOT EXISTS
                        (SELECT 1 FROM entry WHERE entry.parent = inode.parent AND entry.cookie = inode.cookie
                            AND entry.inode = inode.number)
                    """
            ) { row in .wrongPlace(row.number(0)) },
            IndexRule(
                violations: """
                    WITH counts (parent, n) AS MATERIALIZED (SELECT parent, count(*) FROM entry GROUP BY parent)
                    SELECT number, size, ifnull(n, 0) FROM inode LEFT JOIN counts ON counts.parent = number
                        WHERE \(isDirectory) AND size <> ifnull(n, 0)
                    """
            ) { row in
                .wrongDirectorySize(row.number(0), size: row.unsigned(1), entryCount: row.unsigned(2))
            },
            IndexRule(
                violations: """
                    SELECT DISTINCT inode FROM xattr
                        WHERE NOT EXISTS (SELECT 1 FROM inode WHERE number = xattr.inode)
                    """
            ) { row in .attributeWithoutInode(row.number(0)) },
            IndexRule(
                violations: """
                    SELECT DISTINCT inode FROM xattr
                        WHERE EXISTS (SELECT 1 FROM inode WHERE number = xattr.inode AND has_xattrs = 0)
                    """
            ) { row in .attributeWithoutFlag(row.number(0)) },
        ]
    }

    private static var reachable: IndexRule {
        IndexRule(
            violations: """
                WITH RECURSIVE reached (number) AS (SELECT 1 UNION
                    SELECT entry.inode FROM reached JOIN entry ON entry.parent = reached.number
                        WHERE entry.kind = \(FileKind.directory.rawValue))
                SELECT number FROM inode
                    WHERE \(isDirectory) AND links > 0 AND number NOT IN (SELECT number FROM reached)
                """
        ) { row in .unreachable(row.number(0)) }
    }
}

extension Statement {
    fileprivate func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }
    fileprivate func number(_ column: Int32) -> InodeNumber { InodeNumber(unsigned(column)) }

    fileprivate var malformedInode: IndexFinding? {
        do throws(IndexError) {
            _ = try inodeRow()
            return nil
        } catch { return IndexFinding(error) }
    }

    fileprivate var malformedEntry: IndexFinding? {
        do throws(IndexError) {
            _ = try entryRow(parent: number(4))
            return nil
        } catch { return IndexFinding(error) }
    }
}

extension IndexFinding {
    fileprivate init(_ error: IndexError) {
        if case .corrupt(let reason) = error {
            self = .malformed(reason)
        } else {
            self = .malformed("a row is unreadable")
        }
    }
}
