import ArgusCore
import ArgusSystem
import Testing

/// One case of a file under `Tests/Vectors/crypto`.
struct Vector: Sendable, CustomTestStringConvertible {
    let fields: [String: String]
    let testDescription: String

    static let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Vectors/crypto"

    /// The cases of a file; none where it cannot be read, which the test of their number tells.
    static func all(_ file: String) -> [Vector] {
        guard
            let directory = try? DirectoryHandle(path: directory),
            let bytes = try? directory.readFile(file, maxByteCount: 1 << 20)
        else { return [] }
        var vectors: [Vector] = []
        var fields: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                if !fields.isEmpty { vectors.append(Vector(fields: fields, testDescription: "\(vectors.count + 1)")) }
                fields = [:]
            } else if !line.hasPrefix("#") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let value = parts.count > 1 ? parts[1] : ""
                fields[String(trim(parts[0]))] = String(trim(value))
            }
        }
        if !fields.isEmpty { vectors.append(Vector(fields: fields, testDescription: "\(vectors.count + 1)")) }
        return vectors
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }

    struct Missing: Error {
        let field: String
    }

    func text(_ name: String) throws -> [UInt8] {
        guard let value = fields[name] else { throw Missing(field: name) }
        return Array(value.utf8)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        guard let value = fields[name], let bytes = Hex.decode(value) else { throw Missing(field: name) }
        return bytes
    }

    func integer(_ name: String) throws -> Int {
        guard let value = fields[name].flatMap({ Int($0) }) else { throw Missing(field: name) }
        return value
    }

    func secret(_ name: String) throws -> SecretBytes { try .of(bytes(name)) }
}

extension SecretBytes {
    static func of(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }

    var array: [UInt8] { withBytes { Array($0) } }
}
