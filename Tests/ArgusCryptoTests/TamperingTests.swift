import ArgusSystem
import Testing

@testable import ArgusCrypto

@Suite("What was changed does not open")
struct TamperingTests {
    enum Part: CaseIterable {
        case ciphertext, nonce, aad, tag
    }

    struct Sealed {
        var ciphertext: [UInt8]
        var nonce = [UInt8](0..<12)
        var aad = Array("folder, file, page".utf8)
        var tag: [UInt8]

        subscript(part: Part) -> [UInt8] {
            get {
                switch part {
                case .ciphertext: ciphertext
                case .nonce: nonce
                case .aad: aad
                case .tag: tag
                }
            }
            set {
                switch part {
                case .ciphertext: ciphertext = newValue
                case .nonce: nonce = newValue
                case .aad: aad = newValue
                case .tag: tag = newValue
                }
            }
        }
    }

    let key = SecretBytes.of([UInt8](0..<32))
    let plaintext = (0..<100).map { UInt8($0 ^ 0x5a) }

    private func seal() throws -> Sealed {
        var sealed = Sealed(ciphertext: [], tag: [])
        (sealed.ciphertext, sealed.tag) = try AESGCM.withContext(key: key) {
            try $0.seal(plaintext, nonce: sealed.nonce, aad: sealed.aad)
        }
        return sealed
    }

    @Test("a flipped bit anywhere is unauthentic, and no plaintext is left behind", arguments: Part.allCases)
    func flippedBit(part: Part) throws {
        let sealed = try seal()
        for index in sealed[part].indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[part][index] ^= 1 << UInt8(bit)
                var output = [UInt8](repeating: 0xee, count: plaintext.count)
                #expect(throws: CryptoError.unauthentic, "\(part), byte \(index), bit \(bit)") {
                    try AESGCM.withContext(key: key) {
                        try $0.open(
                            changed.ciphertext, nonce: changed.nonce, aad: changed.aad, tag: changed.tag, into: &output)
                    }
                }
                #expect(output.allSatisfy { $0 == 0 })
            }
        }
        let opened = try AESGCM.withContext(key: key) {
            try $0.open(sealed.ciphertext, nonce: sealed.nonce, aad: sealed.aad, tag: sealed.tag)
        }
        #expect(opened == plaintext, "the context still opens what is authentic")
    }

    @Test("another key does not open")
    func otherKey() throws {
        let sealed = try seal()
        #expect(throws: CryptoError.unauthentic) {
            try AESGCM.withContext(key: .random(count: 32)) {
                _ = try $0.open(sealed.ciphertext, nonce: sealed.nonce, aad: sealed.aad, tag: sealed.tag)
            }
        }
    }

    @Test("a page is sealed and opened in place")
    func inPlace() throws {
        var page = (0..<4096).map { UInt8(truncatingIfNeeded: $0 * 31) }
        let original = page
        var tag = [UInt8](repeating: 0, count: 16)
        let nonce = [UInt8](0..<12)
        func run(seals: Bool) throws {
            try page.withUnsafeMutableBytes { page in
                try tag.withUnsafeMutableBytes { tag in
                    try nonce.withUnsafeBytes { nonce in
                        try AESGCM.withContext(key: key) { context in
                            let (input, none) = (
                                UnsafeRawBufferPointer(page), UnsafeRawBufferPointer(start: nil, count: 0)
                            )
                            if seals {
                                try context.seal(input, nonce: nonce, aad: none, into: page, tag: tag)
                            } else {
                                try context.open(
                                    input, nonce: nonce, aad: none, tag: UnsafeRawBufferPointer(tag), into: page)
                            }
                        }
                    }
                }
            }
        }
        try run(seals: true)
        #expect(page != original)
        try run(seals: false)
        #expect(page == original)
    }

    @Test("a box of any changed byte, or cut anywhere, is unauthentic")
    func box() throws {
        let box = try SealedBox.seal(plaintext, key: key, aad: [1, 2, 3])
        #expect(box.count == plaintext.count + SealedBox.overheadByteCount)
        #expect(try SealedBox.open(box, key: key, aad: [1, 2, 3]) == plaintext)
        for index in box.indices {
            var changed = box
            changed[index] ^= 0x80
            #expect(throws: CryptoError.unauthentic) { try SealedBox.open(changed, key: key, aad: [1, 2, 3]) }
            let cut = Array(box[..<index])
            #expect(throws: CryptoError.unauthentic) { try SealedBox.open(cut, key: key, aad: [1, 2, 3]) }
        }
        for aad: [UInt8] in [[], [1, 2], [1, 2, 3, 0]] {
            #expect(throws: CryptoError.unauthentic) { try SealedBox.open(box, key: key, aad: aad) }
        }
    }

    @Test("two boxes of the same bytes differ")
    func freshNonces() throws {
        let boxes = try (0..<100).map { _ in try SealedBox.seal([], key: key, aad: []) }
        #expect(Set(boxes).count == boxes.count)
    }

    @Test("a secret comes back out of its box, and only with its key")
    func sealedSecret() throws {
        let secret = SecretBytes.random(count: 32)
        let box = try SealedBox.sealSecret(secret, key: key, aad: [7])
        #expect(try SealedBox.openSecret(box, key: key, aad: [7]).isEqual(to: secret))
        #expect(throws: CryptoError.unauthentic) {
            _ = try SealedBox.openSecret(box, key: .random(count: 32), aad: [7])
        }
        #expect(throws: CryptoError.unauthentic) { _ = try SealedBox.openSecret([1, 2], key: key, aad: [7]) }
    }
}
