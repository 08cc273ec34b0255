internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// Seals and opens the pages of one file (AES-256-GCM, SP 800-38D).
///
/// A page authenticates only as what it is and where it is: its AAD is suite u16, kind u8, level u8, file-key
/// generation u32, folder 16, file 16, position u64. The position is that in the level: of the page in the file, of
/// the node among those of its level, of the page in the free list.
struct PageCipher: Sendable {
    let key: FileKey
    let identity: CapsuleIdentity

    /// 48 bytes, as AES-GCM takes them.
    private struct AAD {
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    }

    private func aad(_ kind: PageKind, level: Int, position: UInt64) -> AAD {
        let head = UInt64(CapsuleFormat.suite) | UInt64(kind.rawValue) << 16 | UInt64(level) << 24
        return AAD(
            words: (
                (head | UInt64(key.generation) << 32).littleEndian, identity.folder.high.bigEndian,
                identity.folder.low.bigEndian, identity.file.high.bigEndian, identity.file.low.bigEndian,
                position.littleEndian
            ))
    }

    /// Lends the calling thread's cipher with this file's key set.
    func withContext<R>(_ body: (AESGCM) throws(CapsuleError) -> R) throws(CapsuleError) -> R {
        try AESGCM.withContext(key: key.sealing, body)
    }

    /// Seals the page at `plaintext` into `ciphertext`, which may be the same, and returns the entry for it.
    func seal(
        _ plaintext: UnsafeRawPointer, into ciphertext: UnsafeMutableRawPointer, nonce: UnsafeRawPointer,
        as kind: PageKind, level: Int = 0, position: UInt64, page: UInt64, birth: CommitNumber, with context: AESGCM
    ) throws(CapsuleError) -> MapEntry {
        var entry = MapEntry(page: page, birth: birth, generation: key.generation, kind: kind)
        let aad = aad(kind, level: level, position: position)
        do throws(CryptoError) {
            try entry.withMutableBytes { bytes throws(CryptoError) in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[MapEntry.nonceRange])
                target.copyMemory(from: UnsafeRawBufferPointer(start: nonce, count: target.count))
                try withUnsafeBytes(of: aad.words) { aad throws(CryptoError) in
                    try context.seal(
                        UnsafeRawBufferPointer(start: plaintext, count: CapsuleFormat.pageByteCount),
                        nonce: UnsafeRawBufferPointer(target), aad: aad,
                        into: UnsafeMutableRawBufferPointer(start: ciphertext, count: CapsuleFormat.pageByteCount),
                        tag: UnsafeMutableRawBufferPointer(rebasing: bytes[MapEntry.tagRange]))
                }
            }
        } catch {
            throw .crypto
        }
        return entry
    }

    /// Opens the page at `bytes` in place. False: it is not what `entry` refers to, and `bytes` are wiped.
    func open(
        _ bytes: UnsafeMutableRawPointer, entry: MapEntry, as kind: PageKind, level: Int = 0, position: UInt64,
        with context: AESGCM
    ) throws(CapsuleError) -> Bool {
        let aad = aad(kind, level: level, position: position)
        do throws(CryptoError) {
            try entry.withBytes { entry throws(CryptoError) in
                try withUnsafeBytes(of: aad.words) { aad throws(CryptoError) in
                    try context.open(
                        UnsafeRawBufferPointer(start: bytes, count: CapsuleFormat.pageByteCount),
                        nonce: UnsafeRawBufferPointer(rebasing: entry[MapEntry.nonceRange]), aad: aad,
                        tag: UnsafeRawBufferPointer(rebasing: entry[MapEntry.tagRange]),
                        into: UnsafeMutableRawBufferPointer(start: bytes, count: CapsuleFormat.pageByteCount))
                }
            }
            return true
        } catch .unauthentic {
            return false
        } catch {
            throw .crypto
        }
    }
}
