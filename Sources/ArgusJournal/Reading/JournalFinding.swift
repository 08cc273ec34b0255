package import ArgusCore

/// The first thing in a journal that does not fit, and where.
package struct JournalFinding: Error, Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case storage(errno: Int32)
        case newerFormat(UInt32)
        case malformedHeader
        case malformedGenesis
        /// The beginning was not vouched for by the realm's key.
        case foreignGenesis
        case foreignSigner
        case keyBoxUnauthentic
        case headerMismatch
        case malformedFrame
        case frameUnauthentic
        case malformedRecord
        case sequenceBroken(expected: UInt64)
        case chainBroken
        case commitOutOfOrder(expected: UInt64)
        case commitMismatch
        case macMismatch(epoch: UInt64)
        case checkpointSignature
        case framesAfterEnd
        case bytesAfterEnd
        case segmentMissing(UInt32)
        case keySlotMissing
        case keySlotMismatch
        /// The MAC key is that of a later batch than those that are left.
        case endCut(batches: UInt64, keyEpoch: UInt64)
        case streamMissing
        case streamEndMismatch
        case hashMismatch
        /// A record that was remembered as the newest is not there.
        case expectedHeadMissing(JournalHead.Witness)
        case removalNotRecorded
        case removalMismatch
        case removalsUnauthentic
        /// A removal that neither age nor size can have been the reason of.
        case removalUnjustified
        case countersMissing
        case countersUnauthentic
    }

    /// Nil where it is not known.
    package var folder: FolderID?
    package var stream: StreamID?
    package var segment: UInt32?
    package var sequence: UInt64?
    package var reason: Reason

    package init(
        folder: FolderID? = nil, stream: StreamID? = nil, segment: UInt32? = nil, sequence: UInt64? = nil,
        reason: Reason
    ) {
        self.folder = folder
        self.stream = stream
        self.segment = segment
        self.sequence = sequence
        self.reason = reason
    }

    func within(_ folder: FolderID) -> JournalFinding {
        var finding = self
        finding.folder = folder
        return finding
    }

    /// One line for the operator: where, what, and what it means.
    package var message: String {
        var place: [String] = []
        if let stream { place.append("stream \(stream.hex)") }
        if let segment { place.append("segment \(segment)") }
        if let sequence { place.append("record \(sequence)") }
        return (place.isEmpty ? "journal" : place.joined(separator: ", ")) + ": " + reason.text
    }
}

extension JournalFinding.Reason {
    package var text: String {
        switch self {
        case .storage(let errno): "cannot be read (errno \(errno))"
        case .newerFormat(let version): "has format \(version), which this program is too old for"
        case .malformedHeader: "the segment's header is not of this format: it was overwritten or changed"
        case .malformedGenesis: "the stream's beginning is not of this format: it was overwritten or changed"
        case .foreignGenesis: "the stream was not started with this realm's key: it was inserted or changed"
        case .foreignSigner: "the stream names another signing key than the realm's"
        case .keyBoxUnauthentic: "the stream's first key does not open with the realm's audit key"
        case .headerMismatch: "the segment's header does not follow from the records before it"
        case .malformedFrame: "the bytes here are no frame: they were changed"
        case .frameUnauthentic: "the record does not open: it was changed, moved, or comes from elsewhere"
        case .malformedRecord: "the record is authentic but not of this format"
        case .sequenceBroken(let expected): "record \(expected) was expected here: records were removed or inserted"
        case .chainBroken: "the record does not continue the one before it: something was changed or swapped"
        case .commitOutOfOrder(let expected): "batch \(expected) was expected here: batches were removed or inserted"
        case .commitMismatch: "the batch's end names another record than the one before it"
        case .macMismatch(let epoch): "batch \(epoch) was not written with its own key: it was forged or written again"
        case .checkpointSignature: "the checkpoint's signature is wrong"
        case .framesAfterEnd: "something follows the stream's end"
        case .bytesAfterEnd: "there are bytes behind the last frame"
        case .segmentMissing(let ordinal): "segment \(ordinal) is missing"
        case .keySlotMissing: "the stream did not end, and its key is gone: its end was cut off or its header changed"
        case .keySlotMismatch: "the key in the header is not the one of this batch: the header was changed or is old"
        case .endCut(let batches, let epoch):
            "only \(batches) of \(epoch) batches are left: the end was cut off"
        case .streamMissing: "the stream is missing, and nothing says that it was removed for its age or size"
        case .streamEndMismatch: "the stream does not end where the one after it found its end"
        case .hashMismatch: "the record is another one than a later stream or the index remembers"
        case .expectedHeadMissing(.folder):
            "the newest record that the folder knows is not here: the end was cut or replaced"
        case .expectedHeadMissing(.realm):
            "the newest record that the realm knows is not here: the end was cut, or the stream removed"
        case .expectedHeadMissing(.auditor): "the record that was noted is not here: the journal is not the one it was"
        case .removalNotRecorded: "records before this one are missing, and nothing says that they were removed"
        case .removalMismatch: "what is left does not follow from what the signed checkpoint says was removed"
        case .removalsUnauthentic: "the list of removed segments is not authentic"
        case .removalUnjustified:
            "older records were removed here, and neither their age nor the spool's size can have been the reason"
        case .countersMissing:
            "the counts of repeated denials are missing: how often they were repeated last is not known"
        case .countersUnauthentic:
            "the counts of repeated denials were changed, or torn by the end: how often they were repeated last is not known"
        }
    }
}
