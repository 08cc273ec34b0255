internal import ArgusSystem
internal import FoundationEssentials

/// A sealed record of the realm as a whole, in a file of its own that need not be there; its plaintext is JSON.
protocol RealmRecord: Codable {
    static var fileName: String { get }
    static var kind: SealedRecord.Kind { get }
    /// What is said of a file that is not authentic.
    static var damaged: RealmError { get }
    static func key(of keys: RealmKeys) -> SecretBytes
}

extension RealmRecord {
    /// Nil where there is no such file.
    static func read(in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) -> Self? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try directory.readFile(fileName, maxByteCount: SealedRecord.maxByteCount)
        } catch {
            guard error.isAbsence else { throw RealmError(error) }
            return nil
        }
        let plaintext = try SealedRecord.open(
            bytes, kind, realm: keys.realm, folder: nil, key: key(of: keys), damaged: damaged)
        guard let record = try? JSONDecoder().decode(Self.self, from: Data(plaintext)) else { throw damaged }
        return record
    }

    func write(in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { throw Self.damaged }
        let sealed = try SealedRecord.seal(
            SealedRecord.padded([UInt8](data)), Self.kind, realm: keys.realm, folder: nil, key: Self.key(of: keys))
        try realmCall { () throws(SystemError) in try directory.replaceFile(Self.fileName, with: sealed) }
    }
}
