internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Glibc

/// Old segments go, oldest first, behind a signed checkpoint: the record of it is on disk before they are removed.
///
/// Only closed segments go: those of ended streams, and this stream's own full ones. How old one is its last record
/// tells, not its file: who can change a file's time would have the journal remove what it keeps.
extension Journal {
    /// Bytes of all segments of the folder on disk.
    func usedByteCount() -> UInt64 {
        guard let streams = try? Spool.scan(spool).streams else { return 0 }
        return Spool.byteCount(streams.filter { $0.genesis.folder == folder })
    }

    private struct Candidate {
        var stream: SpoolStream
        var ordinal: UInt32
        var byteCount: UInt64
        var removal: JournalRemoval
    }

    /// Removes what is too old, and the oldest until `byteCount` more fit in the spool. Called by the commit thread,
    /// without the lock. What cannot be removed stays; the next call tries again.
    func prune(forAnother byteCount: UInt64) {
        guard limits.retention == .removesOldest, let scanned = try? Spool.scan(spool) else { return }
        let streams = scanned.streams.filter { $0.genesis.folder == folder }
        var used = Spool.byteCount(streams)
        let oldest = clock.now().seconds - limits.retentionSeconds
        var chosen: [Candidate] = []
        search: for stream in streams {
            for ordinal in stream.ordinals {
                guard let facts = Spool.fileFacts(stream.directory, ordinal) else { break search }
                let isTooMuch = used + byteCount > limits.spoolByteCount
                guard isTooMuch || facts.seconds < oldest, chosen.count < 4 * JournalCheckpoint.maxRemovalCount,
                    var removal = removal(of: ordinal, in: stream)
                else { break search }
                removal.lastTime = lastTime(before: removal, in: stream.directory)
                guard isTooMuch || removal.lastTime.map({ $0.seconds < oldest }) ?? false else { break search }
                removal.byteCount = facts.byteCount
                chosen.append(
                    Candidate(stream: stream, ordinal: ordinal, byteCount: facts.byteCount, removal: removal))
                used -= min(used, facts.byteCount)
            }
        }
        guard !chosen.isEmpty else { return }
        remove(chosen)
    }

    /// What is known of the last record of a segment that may go, or nil where it may not.
    private func removal(of ordinal: UInt32, in target: SpoolStream) -> JournalRemoval? {
        if target.ordinals.contains(ordinal + 1) {
            if target.stream == stream {
                lock.lock()
                let isBusy = ordinal >= current.ordinal || retired.contains { $0.segment.ordinal == ordinal }
                lock.unlock()
                if isBusy { return nil }
            } else if target.isLive {
                return nil
            }
            guard let next = try? StreamReader.header(target.directory, target.stream, ordinal + 1),
                next.state == .used, next.firstSequence > 0
            else { return nil }
            return JournalRemoval(
                stream: target.stream, throughOrdinal: ordinal, sequence: next.firstSequence - 1,
                hash: next.previousHash, isWhole: false)
        }
        guard target.stream != stream, !target.isLive,
            let reader = try? StreamReader(
                directory: target.directory, stream: target.stream, keys: readingKeys, from: .newest),
            (try? reader.readMore(isLive: false, mayBeTorn: false) { _ in true }) == true, reader.isFinal
        else { return nil }
        return JournalRemoval(
            stream: target.stream, throughOrdinal: ordinal, sequence: reader.sequence, hash: reader.hash,
            isWhole: true)
    }

    /// When the last record of the segments that are to go was written; nil where it does not open.
    private func lastTime(before removal: JournalRemoval, in directory: DirectoryHandle) -> Timestamp? {
        let name = JournalFormat.segmentName(removal.throughOrdinal)
        guard
            let reader = try? StreamReader(
                directory: directory, stream: removal.stream, keys: readingKeys, from: .at(removal.throughOrdinal)),
            let bytes = try? directory.readFile(name, maxByteCount: JournalFormat.segmentByteCounts.upperBound),
            let record = try? reader.lastRecord(in: bytes), record.hash == removal.hash
        else { return nil }
        return record.time
    }

    private func remove(_ chosen: [Candidate]) {
        var newest: [StreamID: JournalRemoval] = [:]
        for candidate in chosen {
            var removal = candidate.removal
            removal.byteCount = (removal.byteCount ?? 0) + (newest[candidate.stream.stream]?.byteCount ?? 0)
            newest[candidate.stream.stream] = removal
        }
        guard var list = try? RemovalList.read(spool, folder: folder, keys: readingKeys) else { return }
        var rest = Array(newest.values)
        lock.lock()
        do throws(JournalError) {
            while !rest.isEmpty {
                let some = Array(rest.prefix(JournalCheckpoint.maxRemovalCount))
                rest.removeFirst(some.count)
                let bound = JournalFormat.frameByteCount(plain: 320 + some.count * 88)
                // Without room for the statement nothing may go; the reserve is there for it.
                guard limits.segmentByteCount - offset - JournalFormat.tailReserveByteCount >= bound || spare != nil
                else { throw .full }
                try makeRoom(bound, isPrivileged: true, isOwnThread: true)
                try appendCheckpoint(.removal, removals: some)
                for removal in some {
                    list.put(.init(removal: removal, statedBy: stream, statedAt: sequence))
                }
            }
            try commitLocked([])
        } catch {
            lock.unlock()
            return
        }
        lock.unlock()
        removeFiles(chosen, &list)
    }

    private func removeFiles(_ chosen: [Candidate], _ list: inout RemovalList) {
        let kept = (try? Spool.scan(spool).streams) ?? []
        let gone = Set(chosen.filter(\.removal.isWhole).map(\.stream.stream))
        let needed = Set(
            kept.filter { !gone.contains($0.stream) }.flatMap { stream in
                [stream.stream] + stream.genesis.parents.map(\.stream)
            })
        // An entry is of use as long as something that is kept refers to its stream; the newest whole ones stay too,
        // for an index that has not been opened since.
        let newestWhole = Set(
            list.entries.filter(\.removal.isWhole).suffix(RemovalList.wholeEntryCount).map(\.removal.stream))
        list.entries.removeAll {
            !needed.contains($0.removal.stream) && !newestWhole.contains($0.removal.stream)
        }
        guard let folderKey = readingKeys.folderKey(folder) else { return }
        do {
            let file = try list.encode(signingKey: signingKey, folderKey: folderKey)
            try spool.replaceFile(Spool.removalsName(folder), with: file)
            for candidate in chosen {
                try candidate.stream.directory.remove(JournalFormat.segmentName(candidate.ordinal))
                if candidate.removal.isWhole {
                    for name in try candidate.stream.directory.names() {
                        try candidate.stream.directory.remove(name)
                    }
                    try spool.removeDirectory(candidate.stream.stream.hex)
                }
            }
            for candidate in chosen where !candidate.removal.isWhole { try candidate.stream.directory.sync() }
            try spool.sync()
        } catch {
            // The statement stands and the list says the same; what is left of the files goes next time.
            return
        }
    }
}
