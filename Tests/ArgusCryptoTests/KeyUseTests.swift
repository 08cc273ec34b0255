import ArgusSystem
import Testing

@testable import ArgusCrypto

@Suite("Keys are used as they were given, and bad ones refused")
struct KeyUseTests {
    @Test(
        "a degenerate key neither seals nor opens",
        arguments: [
            [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xa5, count: 32),
            [UInt8](1...16) + [UInt8](repeating: 0, count: 16),
        ])
    func degenerate(bytes: [UInt8]) throws {
        let key = SecretBytes.of(bytes)
        #expect(throws: CryptoError.degenerateKey) { try SealedBox.seal([1], key: key, aad: []) }
        #expect(throws: CryptoError.degenerateKey) {
            try SealedBox.open([UInt8](repeating: 1, count: 40), key: key, aad: [])
        }
        let good = SecretBytes.random(count: 32)
        let box = try SealedBox.seal([1], key: good, aad: [])
        #expect(try SealedBox.open(box, key: good, aad: []) == [1])
    }

    @Test("a context lent within another leaves the outer key as it was")
    func nested() throws {
        let (outer, inner) = (SecretBytes.random(count: 32), SecretBytes.random(count: 32))
        let nonce = [UInt8](repeating: 3, count: 12)
        let alone = try AESGCM.withContext(key: outer) { try $0.seal([1, 2, 3], nonce: nonce, aad: []) }
        let around = try AESGCM.withContext(key: outer) { context in
            let box = try SealedBox.seal([9], key: inner, aad: [])
            #expect(try SealedBox.open(box, key: inner, aad: []) == [9])
            return try context.seal([1, 2, 3], nonce: nonce, aad: [])
        }
        #expect(alone.ciphertext == around.ciphertext)
        #expect(alone.tag == around.tag)
    }

    @Test("secrets that follow each other in the same memory are told apart")
    func sameMemory() throws {
        var boxes: [[UInt8]] = []
        let bytes = (0..<20).map { _ in SecretBytes.random(count: 32).array }
        for key in bytes { boxes.append(try SealedBox.seal([1], key: .of(key), aad: [])) }
        for (key, box) in zip(bytes, boxes) { #expect(try SealedBox.open(box, key: .of(key), aad: []) == [1]) }
        #expect(throws: CryptoError.unauthentic) { try SealedBox.open(boxes[0], key: .of(bytes[1]), aad: []) }
    }

    @Test("threads seal and hash side by side, each with its own key")
    func threads() throws {
        let failures = Lock()
        nonisolated(unsafe) var failureCount = 0
        let threads = (0..<8).map { number in
            Thread.start(name: "seal \(number)") {
                let key = SecretBytes.random(count: 32)
                var failed = 0
                for round in 0..<200 {
                    let text = [UInt8](repeating: UInt8(number), count: round)
                    let box = try? SealedBox.seal(text, key: key, aad: SHA256.hash(text))
                    if box.flatMap({ try? SealedBox.open($0, key: key, aad: SHA256.hash(text)) }) != text {
                        failed += 1
                    }
                }
                failures.withLock { failureCount += failed }
            }
        }
        for thread in threads { thread.join() }
        #expect(failureCount == 0)
    }

    @Test("a peer's key of small order is refused", arguments: [0, 1, 0xec, 0xed, 0xee] as [UInt8])
    func smallOrderPeer(first: UInt8) {
        let rest: [UInt8] =
            first > 1 ? [UInt8](repeating: 0xff, count: 30) + [0x7f] : [UInt8](repeating: 0, count: 31)
        let key = X25519PrivateKey()
        #expect(throws: CryptoError.degenerateKey) { _ = try key.sharedSecret(with: [first] + rest) }
    }

    @Test("a degenerate own key, or a peer's of another length, agrees on nothing")
    func badAgreement() {
        let blank = X25519PrivateKey(secret: .of([UInt8](repeating: 0, count: 32)))
        #expect(throws: CryptoError.degenerateKey) { _ = try blank.sharedSecret(with: X25519PrivateKey().publicKey) }
        #expect(throws: CryptoError.degenerateKey) { _ = try X25519PrivateKey().sharedSecret(with: [1, 2, 3]) }
    }

    @Test("both ends agree")
    func agreement() throws {
        let (here, there) = (X25519PrivateKey(), X25519PrivateKey())
        let (left, right) = try (
            here.sharedSecret(with: there.publicKey), there.sharedSecret(with: here.publicKey)
        )
        #expect(left.isEqual(to: right))
        #expect(try !left.isEqual(to: here.sharedSecret(with: here.publicKey)))
    }

    @Test("a signature fits its message and its signer alone")
    func signature() {
        let key = Ed25519PrivateKey()
        let message = Array("the record of a day".utf8)
        let signature = key.sign(message)
        #expect(Ed25519.verify(signature, message, key.publicKey))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!Ed25519.verify(changed, message, key.publicKey))
        }
        for index in message.indices {
            var changed = message
            changed[index] ^= 1
            #expect(!Ed25519.verify(signature, changed, key.publicKey))
        }
        #expect(!Ed25519.verify(signature, message, Ed25519PrivateKey().publicKey))
        #expect(!Ed25519.verify(Array(signature.dropLast()), message, key.publicKey))
        #expect(!Ed25519.verify(signature, message, Array(key.publicKey.dropLast())))
    }

    @Test("under a signer's key of small order nothing is signed")
    func smallOrderSigner() {
        // With the neutral element for the key and for R, and S = 0, the equation holds for every message.
        let neutral: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
        let forged = neutral + [UInt8](repeating: 0, count: 32)
        #expect(!Ed25519.verify(forged, Array("anything".utf8), neutral))
        for sign: UInt8 in [0, 0x80] {
            var key = neutral
            key[31] |= sign
            #expect(Ed25519.hasSmallOrder(key))
        }
        #expect(!Ed25519.hasSmallOrder(Ed25519PrivateKey().publicKey))
    }

    @Test(
        "scrypt refuses parameters outside its definition, or that take the machine's memory",
        arguments: [(0, 8, 1), (64, 8, 1), (-1, 8, 1), (10, 0, 1), (10, 8, 0), (10, 8, -1), (21, 8, 1), (63, 8, 1)])
    func scryptLimits(logN: Int, r: Int, p: Int) {
        #expect(throws: CryptoError.self) {
            _ = try Scrypt.derive(passphrase: .of([1]), salt: [2], logN: logN, r: r, p: p)
        }
    }

    @Test("keys derived for different purposes differ")
    func purposes() {
        let key = SecretBytes.random(count: 32)
        let derived = [[1], [2], [1, 0], []].map { HKDF.derive(key, salt: [], info: $0).array }
        #expect(Set(derived).count == derived.count)
        #expect(HKDF.derive(key, salt: [], info: [], count: 0).count == 0)
        #expect(HKDF.derive(key, salt: [], info: [], count: 8160).count == 8160)
    }

    @Test(
        "bytes are compared whole", arguments: [([], [], true), ([1], [1], true), ([1], [2], false), ([1], [], false)])
    func constantTime(left: [UInt8], right: [UInt8], equal: Bool) {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in #expect(constantTimeEqual(left, right) == equal) }
        }
    }
}
