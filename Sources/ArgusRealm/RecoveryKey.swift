internal import ArgusCrypto
internal import ArgusSystem

/// The recovery key as people write it: 32 random bytes and 3 bytes of checksum in 56 characters, in groups of four.
///
/// The alphabet is Crockford's base32: without I, L, O and U, so that a handwritten key can be read; when read, O is 0
/// and I and L are 1. The checksum tells a slip of the pen from a wrong key.
enum RecoveryKey {
    static let secretByteCount = 32
    private static let checksumByteCount = 3
    private static let characterCount = 56
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    static func text(of secret: SecretBytes) -> String {
        var bytes = secret.withBytes { Array($0) }
        bytes += checksum(of: secret)
        defer { bytes.withUnsafeMutableBytes { wipe($0) } }
        var text: [UInt8] = []
        for character in 0..<characterCount {
            if character > 0, character.isMultiple(of: 4) { text.append(UInt8(ascii: "-")) }
            var value = 0
            for bit in character * 5..<character * 5 + 5 {
                value = value << 1 | Int(bytes[bit / 8] >> (7 - UInt8(bit % 8)) & 1)
            }
            text.append(alphabet[value])
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func secret(from text: String) throws(RealmError) -> SecretBytes {
        var values: [UInt8] = []
        for character in text.utf8 {
            switch character {
            case UInt8(ascii: "-"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                continue
            default:
                guard let value = value(of: character), values.count < characterCount else { throw mistyped }
                values.append(value)
            }
        }
        guard values.count == characterCount else { throw mistyped }
        var bytes = [UInt8](repeating: 0, count: secretByteCount + checksumByteCount)
        defer { bytes.withUnsafeMutableBytes { wipe($0) } }
        for bit in 0..<characterCount * 5 {
            bytes[bit / 8] |= (values[bit / 5] >> (4 - UInt8(bit % 5)) & 1) << (7 - UInt8(bit % 8))
        }
        let secret = bytes[..<secretByteCount].withUnsafeBytes { SecretBytes(copying: $0) }
        guard checksum(of: secret).elementsEqual(bytes[secretByteCount...]) else { throw mistyped }
        return secret
    }

    private static func value(of character: UInt8) -> UInt8? {
        let upper = character >= UInt8(ascii: "a") && character <= UInt8(ascii: "z") ? character - 32 : character
        switch upper {
        case UInt8(ascii: "O"): return 0
        case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
        default: return alphabet.firstIndex(of: upper).map(UInt8.init)
        }
    }

    private static func checksum(of secret: SecretBytes) -> [UInt8] {
        var message = Array("argus recovery key v1".utf8) + secret.withBytes { Array($0) }
        defer { message.withUnsafeMutableBytes { wipe($0) } }
        return Array(SHA256.hash(message).prefix(checksumByteCount))
    }

    private static let mistyped = RealmError(
        .wrongRecoveryKey, "the recovery key is mistyped: it has 56 letters and digits, as `argusfs init` printed them")
}
