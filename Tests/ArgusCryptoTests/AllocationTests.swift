import ArgusSystem
import Glibc
import Synchronization
import Testing

@testable import ArgusCrypto

/// Allocations of libcrypto since the process began, counted by the functions that it was told to allocate with.
private let libcryptoAllocations = Atomic<Int>(0)

/// Counts what libcrypto allocates, in a process of its own: the functions that it allocates with can be replaced only
/// before its first allocation (CRYPTO_set_mem_functions(3)).
@Suite("What a call allocates")
struct AllocationTests {
    @Test("a page is sealed and opened without an allocation of libcrypto, also where the key changes each time")
    func pages() async {
        await #expect(processExitsWith: .success) {
            countAllocations()
            let keys = [SecretBytes.random(count: 32), SecretBytes.random(count: 32)]
            var page = [UInt8](repeating: 7, count: 4096)
            var tag = [UInt8](repeating: 0, count: AESGCM.tagByteCount)
            let nonce = [UInt8](repeating: 1, count: AESGCM.nonceByteCount)

            func round(_ key: SecretBytes) throws {
                try page.withUnsafeMutableBytes { page in
                    try tag.withUnsafeMutableBytes { tag in
                        try nonce.withUnsafeBytes { nonce in
                            try AESGCM.withContext(key: key) { context in
                                let input = UnsafeRawBufferPointer(page)
                                try context.seal(input, nonce: nonce, aad: nonce, into: page, tag: tag)
                                try context.open(
                                    input, nonce: nonce, aad: nonce, tag: UnsafeRawBufferPointer(tag), into: page)
                            }
                        }
                    }
                }
            }

            for key in keys { try round(key) }
            let before = libcryptoAllocations.load(ordering: .relaxed)
            precondition(before > 0, "the counter is in use")
            for index in 0..<1000 { try round(keys[index % 2]) }
            let count = libcryptoAllocations.load(ordering: .relaxed) - before
            precondition(count == 0, "\(count) allocations")
            precondition(page.allSatisfy { $0 == 7 })
        }
    }

    @Test("a page that is not authentic is refused without an allocation of libcrypto")
    func refusals() async {
        await #expect(processExitsWith: .success) {
            countAllocations()
            let key = SecretBytes.random(count: 32)
            let bytes = [UInt8](repeating: 7, count: 4096)
            var page = bytes

            func refuse() {
                page.withUnsafeMutableBytes { page in
                    bytes.withUnsafeBytes { bytes in
                        let tag = UnsafeRawBufferPointer(rebasing: bytes[..<AESGCM.tagByteCount])
                        let nonce = UnsafeRawBufferPointer(rebasing: bytes[..<AESGCM.nonceByteCount])
                        let refused = AESGCM.withContext(key: key) { context in
                            do throws(CryptoError) {
                                try context.open(bytes, nonce: nonce, aad: nonce, tag: tag, into: page)
                                return false
                            } catch { return error == .unauthentic }
                        }
                        precondition(refused)
                    }
                }
            }

            refuse()
            let before = libcryptoAllocations.load(ordering: .relaxed)
            for _ in 0..<1000 { refuse() }
            let count = libcryptoAllocations.load(ordering: .relaxed) - before
            precondition(count == 0, "\(count) allocations")
        }
    }
}

/// Makes libcrypto allocate through functions that count. The C library finds it by name, since one target alone
/// imports it.
private func countAllocations() {
    typealias Allocate = @convention(c) (Int, UnsafePointer<CChar>?, Int32) -> UnsafeMutableRawPointer?
    typealias Reallocate =
        @convention(c) (UnsafeMutableRawPointer?, Int, UnsafePointer<CChar>?, Int32)
        -> UnsafeMutableRawPointer?
    typealias Free = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int32) -> Void
    typealias SetFunctions = @convention(c) (Allocate?, Reallocate?, Free?) -> Int32

    guard let symbol = dlsym(nil, "CRYPTO_set_mem_functions") else { preconditionFailure("libcrypto is linked") }
    let status = unsafeBitCast(symbol, to: SetFunctions.self)(
        { count, _, _ in
            libcryptoAllocations.add(1, ordering: .relaxed)
            return malloc(count)
        },
        { pointer, count, _, _ in
            libcryptoAllocations.add(1, ordering: .relaxed)
            return realloc(pointer, count)
        },
        { pointer, _, _ in free(pointer) })
    precondition(status == 1, "libcrypto has allocated nothing before")
}
