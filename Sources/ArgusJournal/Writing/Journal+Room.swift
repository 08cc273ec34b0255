internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

extension Journal {
    /// Returns when a frame of `frameByteCount` fits in the current segment and the reserves stay free.
    ///
    /// `isOwnThread`: the commit thread calls, or there is none: nobody else would make the spare.
    func makeRoom(_ frameByteCount: Int, isPrivileged: Bool, isOwnThread: Bool) throws(JournalError) {
        while true {
            if let failure { throw failure }
            if isAbandoned { throw .closed }
            let left = limits.segmentByteCount - offset - JournalFormat.tailReserveByteCount
            if left >= frameByteCount {
                let spareRoom = spare == nil ? 0 : limits.segmentByteCount - JournalFormat.headerByteCount
                if isPrivileged || left - frameByteCount + spareRoom >= keptByteCount {
                    return
                }
                if isSpareRefused { throw isOwnThread ? .full : refusal() }
            } else if spare != nil {
                try rotate()
                continue
            } else if isSpareRefused {
                throw isOwnThread ? .full : refusal()
            }
            if isStopping, !isOwnThread { throw .closed }
            if isOwnThread {
                makeSpare()
            } else {
                if !isSpareWanted { wantSpare() }
                progress.wait(lock)
            }
        }
    }

    /// What an ordinary record must leave free.
    private var keptByteCount: Int { limits.reserveByteCount + closeReserve + reservedByteCount }

    func wantSpare() {
        isSpareWanted = true
        isThreadIdle = false
        work.signal()
    }

    /// Ends the current segment with a signed checkpoint and goes on in the spare.
    private func rotate() throws(JournalError) {
        guard let next = spare else { return }
        try appendCheckpoint(.segmentEnd)
        let slot: [UInt8]
        do throws(CryptoError) {
            slot = try KeySlot.encode(macKey, epoch: epoch, sealedWith: streamKeys.slots, ordinal: next.ordinal)
        } catch {
            throw .unauthentic(reason: "the MAC key could not be sealed")
        }
        next.store(slot: slot, epoch: epoch)
        next.begin(firstSequence: sequence + 1, previousHash: hashView, commitsBefore: commitCount)
        retired.append((current, offset))
        otherByteCount &+= UInt64(offset)
        current = next
        offset = JournalFormat.headerByteCount
        spare = nil
        // Whoever takes the stream over reads its newest segment alone.
        isIndexRootDue = true
    }

    /// Writes a checkpoint record; the caller has made sure of the room, or it lies in the segment's tail reserve.
    func appendCheckpoint(_ purpose: JournalCheckpoint.Purpose, removals: [JournalRemoval] = []) throws(JournalError) {
        let ordinal = current.ordinal
        let signed = JournalCheckpoint.signedBytes(
            stream: stream, previous: (sequence, hashBytes), purpose: purpose, ordinal: ordinal, removals: removals)
        let body = JournalCheckpoint.body(purpose: purpose, ordinal: ordinal, removals: removals)
        let field = body + signingKey.sign(signed)
        try write(.checkpoint, .success) { writer in
            field.withUnsafeBytes { RecordEncoder.bytes(&writer, .checkpoint, $0, max: Int(UInt16.max)) }
            RecordEncoder.removed(&writer, removals)
        }
    }

    /// Makes the spare, without the lock meanwhile. Where the spool or the disk is full, says so to those who wait.
    func makeSpare() {
        let ordinal = current.ordinal + 1
        lock.unlock()
        var made: WritableSegment?
        var refusal: SystemError?
        prune(forAnother: UInt64(limits.segmentByteCount))
        let used = usedByteCount()
        if used + UInt64(limits.segmentByteCount) <= limits.spoolByteCount {
            do throws(SystemError) {
                made = try WritableSegment.make(
                    directory, ordinal: ordinal, byteCount: limits.segmentByteCount, stream: stream, genesis: genesis)
            } catch {
                refusal = error
            }
        }
        lock.lock()
        isSpareWanted = false
        otherByteCount = used &- min(used, UInt64(limits.segmentByteCount))
        spare = made
        isSpareRefused = made == nil
        if let refusal, !refusal.meansFull { failure = .storage(errno: refusal.errno) }
        progress.broadcast()
    }
}
