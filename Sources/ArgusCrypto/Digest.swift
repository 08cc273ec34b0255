internal import ArgusSystem
internal import CLibcrypto

/// SHA-256 and HMAC-SHA-256 in parts, on a context that is made once (FIPS 180-4, RFC 2104).
///
/// libcrypto's own HMAC looks its digest up at each call. Here the digest is fetched once a process; what is left is one
/// small allocation of libcrypto's at each start, which its EVP interface does not avoid: one a hash, three a code.
final class Digest {
    static let byteCount = 32
    private static let blockByteCount = 64

    // EVP_MD is immutable and counted by atomic operations once fetched, and this one is never freed.
    private nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA2-256", nil)

    private let context = EVP_MD_CTX_new()

    init() {
        precondition(context != nil && Self.algorithm != nil, "libcrypto has no SHA-256")
        check(EVP_DigestInit_ex(context, Self.algorithm, nil))
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    func hash(_ bytes: UnsafeRawBufferPointer, into hash: UnsafeMutableRawBufferPointer) {
        begin()
        update(bytes)
        finish(into: hash)
    }

    /// The code of the parts, one after the other. `code` may overlap a part.
    func authenticate(
        key: UnsafeRawBufferPointer, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer? = nil,
        _ third: UnsafeRawBufferPointer? = nil, into code: UnsafeMutableRawBufferPointer
    ) {
        withUnsafeTemporaryAllocation(byteCount: Self.blockByteCount + Self.byteCount, alignment: 16) { scratch in
            defer { wipe(scratch) }
            let block = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Self.blockByteCount])
            let inner = UnsafeMutableRawBufferPointer(rebasing: scratch[Self.blockByteCount...])
            block.initializeMemory(as: UInt8.self, repeating: 0)
            if key.count > block.count {
                hash(key, into: UnsafeMutableRawBufferPointer(rebasing: block[..<Self.byteCount]))
            } else {
                block.copyMemory(from: key)
            }
            for index in block.indices { block[index] ^= 0x36 }
            begin()
            update(UnsafeRawBufferPointer(block))
            update(first)
            if let second { update(second) }
            if let third { update(third) }
            finish(into: inner)
            for index in block.indices { block[index] ^= 0x36 ^ 0x5c }
            begin()
            update(UnsafeRawBufferPointer(block))
            update(UnsafeRawBufferPointer(inner))
            finish(into: code)
            // The state that is left is the code itself, and the code may be a key.
            begin()
        }
    }

    func begin() { check(EVP_DigestInit_ex(context, nil, nil)) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        if !bytes.isEmpty { check(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)) }
    }

    func finish(into hash: UnsafeMutableRawBufferPointer) {
        precondition(hash.count == Self.byteCount, "a SHA-256 hash has 32 bytes")
        check(EVP_DigestFinal_ex(context, hash.octets, nil))
    }

    /// Hashing in memory has no way to fail once the context is made.
    private func check(_ status: Int32) {
        precondition(status == 1, "libcrypto failed to hash")
    }
}
