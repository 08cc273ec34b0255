internal import ArgusSystem
internal import CLibcrypto

/// SHA-256 and HMAC-SHA-256 in parts, in memory that is allocated once (FIPS 180-4, RFC 2104).
///
/// By libcrypto's SHA256_Init(3): its EVP interface runs the same code, but allocates at each start, and a hash is made
/// for each record of the journal on the way of a request.
final class Digest {
    static let byteCount = 32
    private static let blockByteCount = 64

    private let state = UnsafeMutablePointer<SHA256_CTX>.allocate(capacity: 1)

    init() {
        state.initialize(to: SHA256_CTX())
    }

    deinit {
        wipe(UnsafeMutableRawBufferPointer(start: state, count: MemoryLayout<SHA256_CTX>.size))
        state.deallocate()
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
        }
    }

    func begin() { check(SHA256_Init(state)) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        if !bytes.isEmpty { check(SHA256_Update(state, bytes.baseAddress, bytes.count)) }
    }

    func finish(into hash: UnsafeMutableRawBufferPointer) {
        precondition(hash.count == Self.byteCount, "a SHA-256 hash has 32 bytes")
        check(SHA256_Final(hash.octets, state))
        // What is left is the hash or code itself, and a code may be a key.
        wipe(UnsafeMutableRawBufferPointer(start: state, count: MemoryLayout<SHA256_CTX>.size))
    }

    /// Hashing in memory has no way to fail.
    private func check(_ status: Int32) {
        precondition(status == 1, "libcrypto failed to hash")
    }
}
