import ArgusCore
import ArgusSystem
import Testing

@testable import ArgusCrypto

@Suite("Known answers of the standards")
struct KnownAnswerTests {
    @Test(
        "every file of answers is there, whole",
        arguments: [
            ("aes-256-gcm.txt", 4), ("sha-256.txt", 4), ("hmac-sha-256.txt", 7), ("hkdf-sha-256.txt", 3),
            ("scrypt.txt", 3), ("x25519.txt", 4), ("ed25519.txt", 4),
        ])
    func files(file: String, count: Int) {
        #expect(Vector.all(file).count == count)
    }

    @Test("AES-256-GCM", arguments: Vector.all("aes-256-gcm.txt"))
    func gcm(vector: Vector) throws {
        let context = AESGCM()
        context.setKey(try vector.secret("key"), refusesDegenerate: false)
        let (plaintext, nonce, aad) = try (vector.bytes("plaintext"), vector.bytes("nonce"), vector.bytes("aad"))
        let sealed = try context.seal(plaintext, nonce: nonce, aad: aad)
        #expect(try sealed.ciphertext == vector.bytes("ciphertext"))
        #expect(try sealed.tag == vector.bytes("tag"))
        #expect(try context.open(sealed.ciphertext, nonce: nonce, aad: aad, tag: sealed.tag) == plaintext)
    }

    @Test("SHA-256", arguments: Vector.all("sha-256.txt"))
    func sha256(vector: Vector) throws {
        #expect(try SHA256.hash(vector.text("text")) == vector.bytes("hash"))
    }

    @Test("SHA-256 of a million letters a (FIPS 180-4)")
    func sha256OfAMillion() {
        let hash = SHA256.hash([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        #expect(Hex.encode(hash) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("HMAC-SHA-256", arguments: Vector.all("hmac-sha-256.txt"))
    func hmac(vector: Vector) throws {
        let code = try HMAC.sha256(key: vector.secret("key"), vector.bytes("message"))
        let expected = try vector.bytes("code")
        #expect(code.count == 32)
        #expect(Array(code.prefix(expected.count)) == expected)
    }

    @Test("HKDF-SHA-256", arguments: Vector.all("hkdf-sha-256.txt"))
    func hkdf(vector: Vector) throws {
        let derived = try HKDF.derive(
            vector.secret("key"), salt: vector.bytes("salt"), info: vector.bytes("info"),
            count: vector.integer("count"))
        #expect(try derived.array == vector.bytes("output"))
    }

    @Test("scrypt", arguments: Vector.all("scrypt.txt"))
    func scrypt(vector: Vector) throws {
        let expected = try vector.bytes("output")
        let derived = try Scrypt.derive(
            passphrase: .of(vector.text("passphrase-text")), salt: vector.text("salt-text"),
            logN: vector.integer("logN"), r: vector.integer("r"), p: vector.integer("p"), count: expected.count)
        #expect(derived.array == expected)
    }

    @Test("X25519", arguments: Vector.all("x25519.txt"))
    func x25519(vector: Vector) throws {
        let key = X25519PrivateKey(secret: try vector.secret("secret"))
        if vector.fields["public"] != nil { #expect(try key.publicKey == vector.bytes("public")) }
        #expect(try key.sharedSecret(with: vector.bytes("peer")).array == vector.bytes("shared"))
    }

    @Test("Ed25519", arguments: Vector.all("ed25519.txt"))
    func ed25519(vector: Vector) throws {
        let key = Ed25519PrivateKey(secret: try vector.secret("secret"))
        let (message, signature) = try (vector.bytes("message"), vector.bytes("signature"))
        #expect(try key.publicKey == vector.bytes("public"))
        #expect(key.sign(message) == signature)
        #expect(Ed25519.verify(signature, message, key.publicKey))
    }

    @Test("the self-check passes, again and again")
    func selfCheck() throws {
        for _ in 0..<3 { try Crypto.selfCheck() }
    }
}

extension AESGCM {
    func seal(_ plaintext: [UInt8], nonce: [UInt8], aad: [UInt8]) throws -> (ciphertext: [UInt8], tag: [UInt8]) {
        var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
        var tag = [UInt8](repeating: 0, count: Self.tagByteCount)
        try ciphertext.withUnsafeMutableBytes { ciphertext in
            try tag.withUnsafeMutableBytes { tag in
                try plaintext.withUnsafeBytes { plaintext in
                    try nonce.withUnsafeBytes { nonce in
                        try aad.withUnsafeBytes { aad in
                            try seal(plaintext, nonce: nonce, aad: aad, into: ciphertext, tag: tag)
                        }
                    }
                }
            }
        }
        return (ciphertext, tag)
    }

    func open(_ ciphertext: [UInt8], nonce: [UInt8], aad: [UInt8], tag: [UInt8]) throws -> [UInt8] {
        var plaintext = [UInt8](repeating: 0xee, count: ciphertext.count)
        try open(ciphertext, nonce: nonce, aad: aad, tag: tag, into: &plaintext)
        return plaintext
    }

    func open(
        _ ciphertext: [UInt8], nonce: [UInt8], aad: [UInt8], tag: [UInt8], into plaintext: inout [UInt8]
    ) throws {
        try plaintext.withUnsafeMutableBytes { plaintext in
            try ciphertext.withUnsafeBytes { ciphertext in
                try nonce.withUnsafeBytes { nonce in
                    try aad.withUnsafeBytes { aad in
                        try tag.withUnsafeBytes { tag in
                            try open(ciphertext, nonce: nonce, aad: aad, tag: tag, into: plaintext)
                        }
                    }
                }
            }
        }
    }
}
