package import ArgusCapsule
package import ArgusCore
package import ArgusIndex
internal import ArgusSystem

/// What a file's capsule has to be on storage.
package struct CapsuleStand: Sendable {
    package let fileID: FileID
    package let expectation: OpenExpectation
    /// Never durable, and left by an unclean end: it may be torn, or absent.
    package let mayBeTorn: Bool
}

extension OpenExpectation {
    /// What the row says. After an unclean end the capsule may be ahead of it, marked dirty or not.
    package init(_ state: CapsuleState, mayLag: Bool) {
        let tag = CapsuleRootTag(high: state.rootTag.high, low: state.rootTag.low)
        self =
            state.isDirty || mayLag
            ? .dirty(atLeast: state.durableCommit, rootTag: tag)
            : .clean(commit: state.durableCommit, rootTag: tag)
    }
}

/// What a check asks of a folder that is in use.
extension Volume {
    /// What the file's capsule is at this moment; nil where it has none. Throws `notFound` once the file is gone.
    ///
    /// It may change while somebody looks: what looks wrong then is settled by `withCapsuleHeld`.
    package func capsuleStand(of inode: InodeNumber) throws(FileSystemError) -> CapsuleStand? {
        // What is not in memory is not loaded for this: a check would drive everything else out.
        let (isKnown, stand, mayLag) = lock.withLock { () -> (Bool, CapsuleStand?, Bool) in
            guard let node = names.nodes[inode] else { return (false, nil, names.mayLag) }
            return (true, CapsuleStand(node, isOpen: node.content != nil, mayLag: names.mayLag), names.mayLag)
        }
        if isKnown { return stand }
        let row: InodeRow?
        do throws(IndexError) { row = try parts.index.inode(inode) } catch { throw FileSystemError(error) }
        guard let row else { throw .notFound }
        return row.capsule.flatMap { CapsuleStand(row.fileID, $0, isOpen: false, mayLag: mayLag) }
    }

    /// Calls `body` while nothing changes the capsule, with all of the file's changes committed. Nil where it has none.
    package func withCapsuleHeld<R>(of inode: InodeNumber, _ body: (CapsuleStand) -> R) throws(FileSystemError) -> R? {
        let retained = try transact { () throws(Missing) -> FileContent? in
            let node = try node(inode)
            return node.isRemoved && node.openCount == 0 ? nil : retainContent(of: node)
        }
        guard let content = retained else { throw .notFound }
        defer { releaseContent(of: inode) }
        try lockForWriting(inode, content)
        defer { content.writing.unlock() }
        try commitChanges(inode, content)
        // Where no capsule was attached, nobody has touched it since it came to rest.
        let isOpen = content.capsule != nil
        let stand = try transact { () throws(Missing) in
            CapsuleStand(try node(inode), isOpen: isOpen, mayLag: names.mayLag)
        }
        return stand.map(body)
    }

    /// Runs `body` while the index on storage stays as it is.
    package func withIndexHeld<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        indexCommits.lock()
        defer { indexCommits.unlock() }
        return try body()
    }

    /// Files whose capsules may lie on storage while no row of the index tells of them.
    package func filesWithoutRow() -> [FileID] {
        lock.withLock {
            names.nodes.values.filter { !$0.hasNoRow }.map(\.row.fileID)
                + (names.garbage + names.removedGarbage).map(\.fileID)
        }
    }
}

extension CapsuleStand {
    /// Under the namespace lock.
    fileprivate init?(_ node: Node, isOpen: Bool, mayLag: Bool) {
        if let newest = node.newestCommit {
            self.init(
                fileID: node.row.fileID,
                expectation: isOpen
                    ? .dirty(atLeast: newest.commit, rootTag: newest.rootTag)
                    : .clean(commit: newest.commit, rootTag: newest.rootTag),
                mayBeTorn: false)
        } else {
            guard let state = node.row.capsule else { return nil }
            self.init(node.row.fileID, state, isOpen: isOpen, mayLag: mayLag)
        }
    }

    fileprivate init?(_ fileID: FileID, _ state: CapsuleState, isOpen: Bool, mayLag: Bool) {
        guard state.durableCommit > 0 || mayLag else { return nil }
        self.init(
            fileID: fileID, expectation: OpenExpectation(state, mayLag: mayLag || isOpen),
            mayBeTorn: state.durableCommit == 0)
    }
}
