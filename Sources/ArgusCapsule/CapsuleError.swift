package import ArgusCore
internal import ArgusCrypto
package import ArgusStore

/// What is wrong with a capsule, and where. Offsets and page numbers only: never names, keys or content.
package enum CapsuleFinding: Hashable, Sendable {
    /// The object is shorter than what was committed to it, or has no slot at all.
    case truncated
    /// A slot's cleartext is no header of a capsule.
    case header(slot: Int)
    /// The header names another folder or file.
    case wrongIdentity(slot: Int)
    /// The file key does not open the slot's commitment.
    case keyCommitment(slot: Int)
    /// A slot's root is not authentic, or holds what the format forbids.
    case root(slot: Int)
    /// A slot that the newest root refers to was replaced, or should be empty.
    case otherSlot(slot: Int)
    /// A map page, by its page number in the object.
    case mapPage(page: UInt64)
    /// A data page, by its page number in the object and the offset of its content in the file.
    case dataPage(page: UInt64, offset: UInt64)
    /// The list of free pages.
    case freeList
    /// A free page is not zero.
    case freePage(page: UInt64)
    /// A page that only the root in the other slot refers to, which is kept until the newest one is durable.
    case keptPage(page: UInt64)
    /// A page is referred to twice, or neither in use nor free.
    case pageCount
    /// The object goes on behind its last page.
    case trailingBytes
    /// The newest root is older than the one that is known to be durable.
    case rolledBack(found: CommitNumber, expected: CommitNumber)
    /// The newest root is not the one expected: newer, or another with its number.
    case unexpectedRoot(found: CommitNumber, expected: CommitNumber)
}

package enum CapsuleError: Error, Hashable, Sendable {
    /// Storage returned bytes that nobody with the key has written there.
    case unauthentic(CapsuleFinding)
    /// No stanza opens with the keys at hand; `generation` is the folder key that the capsule names.
    case noKey(generation: KeyGeneration)
    /// A format version, or a critical extension (from 0x8000 on), that this version does not know.
    case newerFormat(found: UInt16, supported: UInt16)
    /// Past 16 TiB, or past 2³² seals with one key.
    case fileTooLarge
    /// An earlier fdatasync failed: what is on storage is unknown until the capsule is opened anew.
    case poisoned
    case store(StoreError)
    /// The cryptographic library failed, or a new key is degenerate.
    case crypto
}

/// Runs a call of the store.
func stored<R>(_ body: () throws(StoreError) -> R) throws(CapsuleError) -> R {
    do throws(StoreError) { return try body() } catch { throw .store(error) }
}

/// Runs a cryptographic call; what does not authenticate is `finding`.
func authentic<R>(_ finding: @autoclosure () -> CapsuleFinding, _ body: () throws(CryptoError) -> R)
    throws(CapsuleError) -> R
{
    do throws(CryptoError) {
        return try body()
    } catch .unauthentic {
        throw .unauthentic(finding())
    } catch {
        throw .crypto
    }
}
