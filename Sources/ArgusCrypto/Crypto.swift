internal import ArgusCore
internal import ArgusSystem

/// The library as a whole.
package enum Crypto {
    /// Asks every algorithm for an answer known in advance, and the cipher to refuse a changed one.
    ///
    /// Run once before any key is touched: it finds a libcrypto that lacks an algorithm or computes wrongly. Fails with
    /// `library`, with code 0 where an answer is wrong. The answers were computed by another implementation over the
    /// texts below.
    package static func selfCheck() throws(CryptoError) {
        let key = sequence(from: 0, count: 32)
        let text = Array("a known answer, not a secret".utf8)
        let salt = Array("argus".utf8)

        try checkCipher(key: key, text: text, aad: salt)
        try expect(
            SHA256.hash(text), "bd04eaba4bae3781db5dcf745fd796b4160e13d80f9ded788adad7b2788f93b5")
        try expect(
            HMAC.sha256(key: key, text), "86be4ea9a616f9ed19a146255cc3beadcc311ab5471e1939394d8fbd3fe1ae81")
        try expect(
            HKDF.derive(key, salt: salt, info: text, count: 42),
            "96a353fb32f271c25ddc605db353fef1a14c505ae0abccf602830949e2d9af96ec8324febc4fe30f0098")
        try expect(
            try Scrypt.derive(passphrase: secret(text), salt: salt, logN: 4, r: 8, p: 1),
            "3fd7f090689945ae4fa46d0535e7921aa46809b4c9e120f06b96d8a731da4541")

        let peer = X25519PrivateKey(secret: sequence(from: 32, count: 32)).publicKey
        try expect(peer, "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254")
        try expect(
            try X25519PrivateKey(secret: key).sharedSecret(with: peer),
            "9663aa1da97e848a914a436d04163dfbb89178f107f1b5b77ed3854203382854")

        let signer = Ed25519PrivateKey(secret: key)
        try expect(signer.publicKey, "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
        let signature = signer.sign(text)
        try expect(
            signature,
            "d7a83d0a7f51ed73698c27efcdfeb3bf836ab10600666557f131a1e0ce1b896a"
                + "feb594d528a727542c160d1c0e29dc5053307db20f3defa8205b155e64b4170a")
        guard
            Ed25519.verify(signature, text, signer.publicKey),
            !Ed25519.verify(signature, text + [0], signer.publicKey)
        else { throw .library(code: 0) }
    }

    private static func checkCipher(key: SecretBytes, text: [UInt8], aad: [UInt8]) throws(CryptoError) {
        let nonce: [UInt8] = Array(0..<12)
        let sealed = "2622bd75aa92ac3bec2fe4fcd49b544dedb9f314915b2c195b1580f134a662bdddbfce16ce13c84c49016d4f"
        var box = try SealedBox.seal(text, nonce: nonce, key: key, aad: aad)
        try expect(Array(box.dropFirst(AESGCM.nonceByteCount)), sealed)
        guard try SealedBox.open(box, key: key, aad: aad) == text else { throw .library(code: 0) }
        box[AESGCM.nonceByteCount] ^= 1
        do throws(CryptoError) {
            _ = try SealedBox.open(box, key: key, aad: aad)
        } catch .unauthentic {
            return
        }
        throw .library(code: 0)
    }

    private static func expect(_ bytes: [UInt8], _ answer: String) throws(CryptoError) {
        guard Hex.encode(bytes) == answer else { throw .library(code: 0) }
    }

    private static func expect(_ secret: SecretBytes, _ answer: String) throws(CryptoError) {
        try expect(secret.withBytes { Array($0) }, answer)
    }

    private static func sequence(from first: UInt8, count: Int) -> SecretBytes {
        SecretBytes(count: count) { bytes in
            for index in bytes.indices { bytes[index] = first + UInt8(index) }
        }
    }

    private static func secret(_ bytes: [UInt8]) -> SecretBytes {
        bytes.withUnsafeBytes { SecretBytes(copying: $0) }
    }
}
