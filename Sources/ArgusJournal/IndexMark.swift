package import ArgusCore

/// A root of a folder's index as it is remembered in the journal, which is what `JournalMark` is the other way round.
///
/// A record names one only after it was durable. So wherever the record is, the index has that root or a newer one,
/// after a crash and a power cut as well: an index that is older was put back.
package struct IndexMark: Hashable, Sendable {
    package var commit: CommitNumber
    package var rootTag: Identifier<IndexRootKind>

    package init(commit: CommitNumber, rootTag: Identifier<IndexRootKind>) {
        self.commit = commit
        self.rootTag = rootTag
    }

    /// Whether an index that has `found` as its newest root may follow on this one.
    package func precedes(_ found: IndexMark) -> Bool { found.commit > commit || found == self }
}

package enum IndexRootKind {}
