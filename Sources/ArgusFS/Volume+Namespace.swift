internal import ArgusCore
internal import ArgusIndex
internal import ArgusPolicy
internal import ArgusSystem

/// What an operation lacks to go on under the namespace lock.
enum Missing: Error {
    case node(InodeNumber)
    case entry(InodeNumber, FileName)
    case extendedAttributes(InodeNumber)
    /// Numbers to hand out: the lease must be extended durably.
    case lease
    /// The queue is full: the writer must catch up.
    case room
    case failed(FileSystemError)
    /// Refused by mode, owner or sticky bit: answered with the error, and recorded under the rule.
    case denied(FileSystemError, rule: String, caller: Caller, inode: InodeNumber)
}

extension Volume {
    /// Runs `body` under the namespace lock. Where it needs what is not in memory it throws `Missing` before it
    /// changes anything; that is then loaded without the lock, and `body` starts over.
    func transact<R>(_ body: () throws(Missing) -> R) throws(FileSystemError) -> R {
        while true {
            let missing: Missing
            lock.lock()
            do throws(Missing) {
                let result = try body()
                // Only now: what `body` had in hand must not leave the cache while it changes it.
                if names.nodes.count > names.evictAbove { evict() }
                lock.unlock()
                return result
            } catch {
                lock.unlock()
                missing = error
            }
            switch missing {
            case .node(let inode): try loadNode(inode)
            case .entry(let parent, let name): try loadEntry(name, in: parent)
            case .extendedAttributes(let inode): try loadExtendedAttributes(of: inode)
            case .lease: try waitForDurability(of: nil)
            case .room: try waitForRoom()
            case .failed(let error): throw error
            case .denied(let error, let rule, let caller, let inode):
                try recordDenial(rule, caller: caller, inode: inode)
                throw error
            }
        }
    }

    /// Like `transact`, for what changes the namespace: refused on a read-only mount, and closed as one change.
    ///
    /// What frees space is allowed while the storage is full.
    func change<R>(
        freesSpace: Bool = false, _ body: () throws(Missing) -> R
    ) throws(FileSystemError) -> R {
        guard !isReadOnly else { throw .readOnly }
        let result = try transact { () throws(Missing) -> R in
            if let failure = names.indexFailure, !(freesSpace && failure == .noSpace) { throw .failed(failure) }
            guard names.queue.steps.count < configuration.limits.queuedChanges else { throw .room }
            let result = try body()
            sealQueue()
            return result
        }
        return result
    }

    // MARK: Under the lock

    func node(_ inode: InodeNumber) throws(Missing) -> Node {
        guard let node = names.nodes[inode] else { throw .node(inode) }
        node.isRecent = true
        return node
    }

    func directory(_ inode: InodeNumber) throws(Missing) -> Node {
        let node = try node(inode)
        guard node.isDirectory else { throw .failed(.notDirectory) }
        return node
    }

    /// The inode behind a name, nil where the name is absent.
    func child(_ name: FileName, of directory: Node) throws(Missing) -> Node? {
        guard let entry = directory.children[name] else {
            if directory.knowsAllChildren || directory.isRemoved { return nil }
            throw .entry(directory.inode, name)
        }
        guard let inode = entry.inode else { return nil }
        let child = try node(inode)
        if child.row.hasNoPlace && !child.isRemoved {
            child.row.parent = directory.inode
            child.row.cookie = entry.cookie
            child.hasUnqueuedTimes = true
        }
        if child.row.parent == directory.inode && child.row.cookie == entry.cookie { child.name = name }
        return child
    }

    /// Sets the entry `name`; for a file's first or moved name, `becomesPlace` makes it the one the row points to.
    func link(_ name: FileName, to node: Node, in directory: Node, becomesPlace: Bool) {
        let cookie = names.cookieLease.take()
        let kind = node.row.attributes.kind
        directory.children[name] = Dentry(
            inode: node.inode, kind: kind, cookie: cookie, changeNumber: names.queue.current)
        if becomesPlace {
            node.row.parent = directory.inode
            node.row.cookie = cookie
            node.name = name
        }
        names.queue.add(
            .putEntry(
                EntryRow(parent: directory.inode, name: name, inode: node.inode, kind: kind, cookie: cookie)))
    }

    func removeEntry(_ name: FileName, from directory: Node) {
        forgetAbsentNames(of: directory)
        directory.children[name] = Dentry(inode: nil, kind: .file, cookie: 0, changeNumber: names.queue.current)
        names.queue.add(.removeEntry(parent: directory.inode, name: name))
    }

    /// Sets the times that a change of entries leaves on a directory, and its number of entries.
    func touch(_ directory: Node, entries delta: Int, now: Timestamp) {
        directory.row.attributes.size = UInt64(Int64(directory.row.attributes.size) + Int64(delta))
        directory.row.attributes.modified = now
        directory.row.attributes.changed = now
        names.queue.put(directory)
    }

    /// Makes sure that the operation can take numbers; called before it changes anything.
    func requireLeases() throws(Missing) {
        if names.inodeLease.isExhausted || names.cookieLease.isExhausted {
            extendLeases()
            throw .lease
        }
        if names.inodeLease.wantsMore || names.cookieLease.wantsMore {
            extendLeases()
        }
    }

    private func extendLeases() {
        if names.inodeLease.wantsMore || names.inodeLease.isExhausted { _ = names.inodeLease.extend() }
        if names.cookieLease.wantsMore || names.cookieLease.isExhausted { _ = names.cookieLease.extend() }
        queueLeases()
        names.durableRequested = max(names.durableRequested, names.queue.current)
        names.queue.seal()
        indexWork.signal()
    }

    func queueLeases() {
        // Capsules with numbers below `next` are not looked for after a crash: those without a row are listed from now on.
        for place in names.garbage.indices where !names.garbage[place].isListed {
            names.queue.add(.putGarbage(names.garbage[place].fileID))
            names.garbage[place].isListed = true
        }
        var inodes = ByteWriter()
        let unlisted = (names.garbage + names.removedGarbage).lazy.filter { !$0.isListed }.map(\.inode.rawValue).min()
        inodes.integer(min(names.firstProbed, unlisted ?? .max))
        inodes.integer(names.inodeLease.end)
        names.queue.add(.putMeta(key: .inodeLease, value: inodes.bytes))
        var cookies = ByteWriter()
        cookies.integer(names.cookieLease.end)
        names.queue.add(.putMeta(key: .cookieLease, value: cookies.bytes))
    }

    // MARK: Loading, without the lock

    private func loadNode(_ inode: InodeNumber) throws(FileSystemError) {
        let evictions = lock.withLock { names.evictions }
        let row: InodeRow?
        do throws(IndexError) { row = try parts.index.inode(inode) } catch { throw FileSystemError(error) }
        guard let row else {
            // It may have been made, and not be in the index yet, since the look into memory.
            guard lock.withLock({ names.nodes[inode] != nil }) else { throw .stale }
            return
        }
        lock.withLock {
            guard names.nodes[inode] == nil, names.evictions == evictions else { return }
            names.nodes[inode] = Node(inode: inode, row: row)
        }
    }

    private func loadEntry(_ name: FileName, in parent: InodeNumber) throws(FileSystemError) {
        let evictions = lock.withLock { names.evictions }
        let row: EntryRow?
        do throws(IndexError) { row = try parts.index.entry(parent: parent, name: name) } catch {
            throw FileSystemError(error)
        }
        lock.withLock {
            guard let directory = names.nodes[parent], directory.children[name] == nil, names.evictions == evictions
            else { return }
            forgetAbsentNames(of: directory)
            directory.children[name] = Dentry(
                inode: row?.inode, kind: row?.kind ?? .file, cookie: row?.cookie ?? 0, changeNumber: 0)
        }
    }

    private func loadExtendedAttributes(of inode: InodeNumber) throws(FileSystemError) {
        let evictions = lock.withLock { names.evictions }
        let loaded: [(name: [UInt8], value: [UInt8])]
        do throws(IndexError) { loaded = try parts.index.attributes(inode: inode) } catch {
            throw FileSystemError(error)
        }
        lock.withLock {
            guard let node = names.nodes[inode], node.extendedAttributes == nil, names.evictions == evictions else {
                return
            }
            node.extendedAttributes = Dictionary(loaded.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
    }

    // MARK: Eviction, under the lock

    /// Names known to be absent may not outgrow those that are there.
    private func forgetAbsentNames(of directory: Node) {
        guard directory.children.count > 2 * Int(directory.row.attributes.size) + 1024 else { return }
        directory.children = directory.children.filter {
            $0.value.inode != nil || $0.value.changeNumber > names.committed
        }
    }

    /// Lets go of what was not used since the last time, until a quarter of the cache is free. Where most of it is in use,
    /// the next look waits until an eighth more is: looking at everything for every request would cost more.
    private func evict() {
        names.evictions += 1
        let wanted = configuration.limits.cachedNodes / 4 * 3
        defer {
            let limit = configuration.limits.cachedNodes
            names.evictAbove = max(limit, names.nodes.count + limit / 8)
        }
        for pass in 0..<2 {
            for (inode, node) in names.nodes {
                if names.nodes.count <= wanted { return }
                if pass == 0 && node.isRecent {
                    node.isRecent = false
                    continue
                }
                guard isEvictable(node) else { continue }
                if node.isDirectory { dropChildren(of: node) }
                if inode != .root && node.children.isEmpty { names.nodes[inode] = nil }
            }
        }
    }

    private func isEvictable(_ node: Node) -> Bool {
        node.openCount == 0 && node.content == nil && node.newestCommit == nil && !node.hasUnqueuedTimes
            && node.changeNumber <= names.committed && (!node.isRemoved || node.isForgotten)
    }

    private func dropChildren(of directory: Node) {
        directory.knowsAllChildren = false
        directory.children = directory.children.filter { $0.value.changeNumber > names.committed }
    }

    // MARK: Paths

    /// The path of an inode inside the folder, starting with `/`: bytes, since names need not be UTF-8. What cannot
    /// be told, such as the place of a removed file, ends in `?`.
    func path(of inode: InodeNumber, appending name: FileName? = nil) -> [UInt8] {
        var components: [[UInt8]] = []
        if let name { components.append(name.bytes) }
        var current = inode
        // Directories are nested at most as deep as path lookups of the kernel can follow.
        for _ in 0..<4096 {
            guard current != .root else { break }
            let place = lock.withLock { () -> (parent: InodeNumber, cookie: DirectoryCookie, name: FileName?)? in
                names.nodes[current].map { ($0.row.parent, $0.row.cookie, $0.name) }
            }
            let parent: InodeNumber
            let cookie: DirectoryCookie
            if let place {
                if let name = place.name {
                    components.append(name.bytes)
                    current = place.parent
                    continue
                }
                (parent, cookie) = (place.parent, place.cookie)
            } else if let row = try? parts.index.inode(current) {
                (parent, cookie) = (row.parent, row.cookie)
            } else {
                components.append([UInt8(ascii: "?")])
                break
            }
            guard let entry = try? parts.index.entry(parent: parent, cookie: cookie) else {
                components.append([UInt8(ascii: "?")])
                break
            }
            lock.withLock {
                if let node = names.nodes[current], node.row.cookie == cookie { node.name = entry.name }
            }
            components.append(entry.name.bytes)
            current = parent
        }
        var path: [UInt8] = []
        for component in components.reversed() {
            path.append(UInt8(ascii: "/"))
            path.append(contentsOf: component)
        }
        return path.isEmpty ? [UInt8(ascii: "/")] : path
    }
}
