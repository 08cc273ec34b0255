internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// The MAC key in force, sealed, in the header of the open segment: epoch, nonce, sealed key, tag, four zeros.
///
/// Two places take turns, by the parity of the epoch, so that a crash while one is written leaves the other.
enum KeySlot {
    static func offset(epoch: UInt64) -> Int { JournalFormat.slotOffsets[Int(epoch & 1)] }

    static func encode(_ key: SecretBytes, epoch: UInt64, sealedWith slots: SecretBytes, ordinal: UInt32)
        throws(CryptoError) -> [UInt8]
    {
        var writer = ByteWriter()
        writer.integer(epoch)
        writer.append(try SealedBox.sealSecret(key, key: slots, aad: aad(epoch: epoch, ordinal: ordinal)))
        writer.pad(to: JournalFormat.slotByteCount)
        return writer.bytes
    }

    /// The newest slot in a header that opens, or nil where none does.
    static func read(_ header: UnsafeRawBufferPointer, slots: SecretBytes, ordinal: UInt32) -> (
        epoch: UInt64, key: SecretBytes
    )? {
        JournalFormat.slotOffsets
            .compactMap { open(header, at: $0, slots: slots, ordinal: ordinal) }
            .max { $0.epoch < $1.epoch }
    }

    static func isWiped(_ header: UnsafeRawBufferPointer) -> Bool {
        JournalFormat.slotOffsets.allSatisfy { isZero(header, $0) }
    }

    /// Whether each place is empty or holds a key that opens.
    static func isClean(_ header: UnsafeRawBufferPointer, slots: SecretBytes, ordinal: UInt32) -> Bool {
        JournalFormat.slotOffsets.allSatisfy {
            isZero(header, $0)
                || open(header, at: $0, slots: slots, ordinal: ordinal) != nil
                    && SegmentHeader.isZero(header, $0 + 68..<$0 + JournalFormat.slotByteCount)
        }
    }

    private static func isZero(_ header: UnsafeRawBufferPointer, _ offset: Int) -> Bool {
        SegmentHeader.isZero(header, offset..<offset + JournalFormat.slotByteCount)
    }

    private static func open(
        _ header: UnsafeRawBufferPointer, at offset: Int, slots: SecretBytes, ordinal: UInt32
    ) -> (epoch: UInt64, key: SecretBytes)? {
        let epoch = header.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        guard self.offset(epoch: epoch) == offset,
            let key = try? SealedBox.openSecret(
                Array(header[offset + 8..<offset + 68]), key: slots, aad: aad(epoch: epoch, ordinal: ordinal))
        else { return nil }
        return (epoch, key)
    }

    private static func aad(epoch: UInt64, ordinal: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("argus journal slot v1".utf8)
        writer.integer(epoch)
        writer.integer(ordinal)
        return writer.bytes
    }
}
