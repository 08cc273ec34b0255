internal import ArgusCore
internal import ArgusIdentity
internal import ArgusSystem
internal import FoundationEssentials

/// The persons of a realm: the plaintext of the sealed file `persons`.
enum PersonsRecord {
    static let fileName = "persons"
    private static let paddingByteCount = 1024

    private struct Stored: Codable {
        var id: String
        var account: String
        var uid: UInt32
        /// Absent: active.
        var state: String?
    }

    private static let damaged = RealmError(
        .damaged, "its table of persons was altered or damaged; restore that file from a backup of the realm")

    static func read(in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) -> [Person] {
        let bytes: [UInt8] = try realmCall { () throws(SystemError) in
            try directory.readFile(fileName, maxByteCount: SealedRecord.maxByteCount)
        }
        let plaintext = try SealedRecord.open(
            bytes, .persons, realm: keys.realm, folder: nil, key: keys.persons, damaged: damaged)
        guard let stored = try? JSONDecoder().decode([Stored].self, from: Data(plaintext)) else { throw damaged }
        var persons: [Person] = []
        for person in stored {
            guard let id = PersonID(hex: person.id),
                let state = person.state.map(PersonState.init(rawValue:)) ?? .active
            else { throw damaged }
            persons.append(Person(id: id, account: person.account, uid: person.uid, state: state))
        }
        return persons
    }

    static func write(_ persons: [Person], in directory: DirectoryHandle, keys: RealmKeys) throws(RealmError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let stored = persons.map {
            Stored(
                id: $0.id.hex, account: $0.account, uid: $0.uid, state: $0.state == .active ? nil : $0.state.rawValue)
        }
        guard let data = try? encoder.encode(stored) else { throw damaged }
        var bytes = [UInt8](data)
        let padding = (paddingByteCount - bytes.count % paddingByteCount) % paddingByteCount
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: padding))
        let sealed = try SealedRecord.seal(bytes, .persons, realm: keys.realm, folder: nil, key: keys.persons)
        try realmCall { () throws(SystemError) in try directory.replaceFile(fileName, with: sealed) }
    }
}
