internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import Synchronization

/// Seals frames into a segment and opens them (AES-256-GCM).
///
/// Length 4, kind 1, zeros 3, nonce 12, ciphertext, tag 16, zeros to a multiple of 8. The authenticated data are the
/// stream, the segment's ordinal, the offset, the length and the kind: a frame fits at its own place alone.
enum FrameSealer {
    static let aadByteCount = 32

    @inline(__always)
    private static func fillAAD(
        _ target: UnsafeMutableRawBufferPointer, stream: StreamID, ordinal: UInt32, offset: Int, length: Int,
        kind: FrameKind
    ) {
        var writer = RawWriter(target)
        writer.identifier(high: stream.high, low: stream.low)
        writer.integer(ordinal)
        writer.integer(UInt32(truncatingIfNeeded: offset))
        writer.integer(UInt32(truncatingIfNeeded: length))
        writer.integer(UInt32(kind.rawValue))
    }

    /// Seals `plain` at `offset` of a mapped segment. The length is stored last, after all the rest: a frame whose
    /// length can be read is whole, also for other processes and after this one was killed.
    static func seal(
        _ plain: UnsafeRawBufferPointer, kind: FrameKind, stream: StreamID, ordinal: UInt32, offset: Int,
        nonce: UnsafeRawBufferPointer, key: SecretBytes, into segment: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        let length = plain.count + JournalFormat.frameOverhead
        precondition(offset + JournalFormat.frameByteCount(plain: plain.count) <= segment.count)
        let head = UnsafeMutableRawBufferPointer(rebasing: segment[offset..<offset + 20])
        let body = UnsafeMutableRawBufferPointer(rebasing: segment[offset + 20..<offset + 20 + plain.count])
        let tag = UnsafeMutableRawBufferPointer(
            rebasing: segment[offset + 20 + plain.count..<offset + 36 + plain.count])
        head.storeBytes(of: UInt32(kind.rawValue).littleEndian, toByteOffset: 4, as: UInt32.self)
        UnsafeMutableRawBufferPointer(rebasing: head[8..<20]).copyMemory(from: nonce)
        var aad: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        try withUnsafeMutableBytes(of: &aad) { aad throws(CryptoError) in
            fillAAD(aad, stream: stream, ordinal: ordinal, offset: offset, length: length, kind: kind)
            try AESGCM.withContext(key: key) { context throws(CryptoError) in
                try context.seal(
                    plain, nonce: nonce, aad: UnsafeRawBufferPointer(aad), into: body, tag: tag)
            }
        }
        atomicMemoryFence(ordering: .releasing)
        head.storeBytes(of: UInt32(length).littleEndian, toByteOffset: 0, as: UInt32.self)
    }

    /// What lies at `offset` of a segment's bytes.
    enum Found {
        /// A length of zero, or the segment's end.
        case nothing
        case frame(FrameKind, plain: [UInt8], end: Int)
        case malformed
        case unauthentic
    }

    static func open(
        _ segment: UnsafeRawBufferPointer, at offset: Int, stream: StreamID, ordinal: UInt32, key: SecretBytes
    ) -> Found {
        guard offset + 4 <= segment.count else { return .nothing }
        let length = Int(segment.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian)
        if length == 0 { return .nothing }
        let plainCount = length - JournalFormat.frameOverhead
        guard plainCount > 0, plainCount <= JournalFormat.maxRecordByteCount,
            offset + JournalFormat.frameByteCount(plain: plainCount) <= segment.count,
            let kind = FrameKind(rawValue: segment[offset + 4]),
            SegmentHeader.isZero(segment, offset + 5..<offset + 8),
            SegmentHeader.isZero(
                segment, offset + length..<offset + JournalFormat.frameByteCount(plain: plainCount))
        else { return .malformed }
        var aad: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let plain = withUnsafeMutableBytes(of: &aad) { aad -> [UInt8]? in
            fillAAD(aad, stream: stream, ordinal: ordinal, offset: offset, length: length, kind: kind)
            var plain = [UInt8](repeating: 0, count: plainCount)
            let opened: Void? = plain.withUnsafeMutableBytes { plain in
                try? AESGCM.withContext(key: key) { context throws(CryptoError) in
                    try context.open(
                        UnsafeRawBufferPointer(rebasing: segment[offset + 20..<offset + 20 + plainCount]),
                        nonce: UnsafeRawBufferPointer(rebasing: segment[offset + 8..<offset + 20]),
                        aad: UnsafeRawBufferPointer(aad),
                        tag: UnsafeRawBufferPointer(rebasing: segment[offset + 20 + plainCount..<offset + length]),
                        into: plain)
                }
            }
            return opened == nil ? nil : plain
        }
        guard let plain else { return .unauthentic }
        return .frame(kind, plain: plain, end: offset + JournalFormat.frameByteCount(plain: plainCount))
    }
}
