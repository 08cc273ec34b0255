internal import ArgusCore
internal import ArgusJournal
internal import ArgusPolicy
internal import ArgusSystem
internal import FoundationEssentials

/// Everything that the realm knows of a folder but its content: the plaintext of the sealed file `folder`.
struct FolderRecord: Hashable, Sendable {
    static let fileName = "folder"
    /// Records are padded to a multiple of this, so that a length tells nothing of a name.
    private static let paddingByteCount = 1024

    /// Rises by one with each change.
    var revision: UInt64
    var id: FolderID
    var name: String
    var created: Timestamp
    var policy: FolderPolicy
    /// Absolute path of the store; nil: `store/` beside the record.
    var storage: String?
    /// Whether the journal is on disk before an operation is answered.
    var isStrict: Bool
    /// The file id under which the index is sealed.
    var indexFile: FileID
    var keys: WrappedFolderKeys
    /// Changes of the policy that the folder's journal does not have yet.
    var pending: [PendingChange] = []
    /// The newest record of the journal when the last of them was recorded there: what a command recorded, no index knows.
    var journalHead: Head?

    struct Head: Codable, Hashable, Sendable {
        var sequence: UInt64
        /// In hexadecimal.
        var hash: String
        /// In hexadecimal; absent in records that were written before it was kept.
        var stream: String?

        init(_ mark: JournalMark) {
            sequence = mark.sequence
            hash = Hex.encode(mark.hash)
            stream = mark.stream?.hex
        }

        /// Nil where a field is malformed.
        var mark: JournalMark? {
            Hex.decode(hash).map {
                JournalMark(stream: stream.flatMap { StreamID(hex: $0) }, sequence: sequence, hash: $0)
            }
        }
    }

    var generation: KeyGeneration { keys.generations.last?.generation ?? 0 }

    static let damaged = RealmError(
        .damaged, "the folder's record was altered or damaged; restore it from a backup of the realm")

    func sealed(with secrets: FolderSecrets) throws(RealmError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(Stored(self)) else { throw Self.damaged }
        var bytes = [UInt8](data)
        let padding = (Self.paddingByteCount - bytes.count % Self.paddingByteCount) % Self.paddingByteCount
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: padding))
        return try SealedRecord.seal(
            bytes, .folder, realm: secrets.realm, folder: secrets.folder, key: secrets.record)
    }

    static func read(in directory: DirectoryHandle, secrets: FolderSecrets) throws(RealmError) -> FolderRecord {
        let bytes: [UInt8] = try realmCall { () throws(SystemError) in
            try directory.readFile(fileName, maxByteCount: SealedRecord.maxByteCount)
        }
        let plaintext = try SealedRecord.open(
            bytes, .folder, realm: secrets.realm, folder: secrets.folder, key: secrets.record, damaged: damaged)
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(plaintext)), let record = stored.record,
            record.id == secrets.folder
        else { throw damaged }
        return record
    }

    func write(in directory: DirectoryHandle, secrets: FolderSecrets) throws(RealmError) {
        let bytes = try sealed(with: secrets)
        try realmCall { () throws(SystemError) in try directory.replaceFile(Self.fileName, with: bytes) }
    }

    /// The record as JSON spells it.
    private struct Stored: Codable {
        struct Member: Codable {
            var person: String?
            var group: String?
            var rights: [String]
        }

        struct Key: Codable {
            var generation: UInt32
            var box: String
        }

        var revision: UInt64
        var id: String
        var name: String
        var created: Int64
        var createdNanoseconds: UInt32
        var protection: String
        var owner: String
        var members: [Member]
        var storage: String?
        var strict: Bool
        var indexFile: String
        var namingKey: String
        var keys: [Key]
        /// Absent in records that were written before there were such rules: the shipped default.
        var programs: String?
        var pending: [PendingChange]?
        var journalHead: Head?

        init(_ record: FolderRecord) {
            revision = record.revision
            id = record.id.hex
            name = record.name
            created = record.created.seconds
            createdNanoseconds = record.created.nanoseconds
            protection = record.policy.protection.rawValue
            owner = record.policy.owner.hex
            members = record.policy.members.map { member in
                var stored = Member(rights: member.rights.names)
                switch member.principal {
                case .person(let person): stored.person = person.hex
                case .group(let group): stored.group = group
                case .everyone: break
                }
                return stored
            }
            storage = record.storage
            strict = record.isStrict
            indexFile = record.indexFile.hex
            namingKey = Hex.encode(record.keys.naming)
            keys = record.keys.generations.map { Key(generation: $0.generation, box: Hex.encode($0.box)) }
            programs = record.policy.programs == ProgramRules() ? nil : record.policy.programs.text
            pending = record.pending.isEmpty ? nil : record.pending
            journalHead = record.journalHead
        }

        /// Nil where a field holds what the format does not allow.
        var record: FolderRecord? {
            guard let id = FolderID(hex: id), let protection = Protection(rawValue: protection),
                let owner = PersonID(hex: owner), let indexFile = FileID(hex: indexFile),
                let naming = Hex.decode(namingKey)
            else { return nil }
            guard let programs = ProgramRules(text: programs ?? "") else { return nil }
            var policy = FolderPolicy(protection: protection, owner: owner, members: [], programs: programs)
            for member in members {
                let principal: Principal
                switch (member.person, member.group) {
                case (let person?, nil):
                    guard let person = PersonID(hex: person) else { return nil }
                    principal = .person(person)
                case (nil, let group?): principal = .group(group)
                case (nil, nil): principal = .everyone
                default: return nil
                }
                guard let rights = Rights(text: member.rights.joined(separator: ",")) else { return nil }
                policy.members.append(ArgusPolicy.Member(principal: principal, rights: rights))
            }
            var generations: [WrappedFolderKeys.Item] = []
            for key in keys {
                guard let box = Hex.decode(key.box) else { return nil }
                generations.append(.init(generation: key.generation, box: box))
            }
            return FolderRecord(
                revision: revision, id: id, name: name,
                created: Timestamp(seconds: created, nanoseconds: createdNanoseconds), policy: policy,
                storage: storage, isStrict: strict, indexFile: indexFile,
                keys: WrappedFolderKeys(naming: naming, generations: generations), pending: pending ?? [],
                journalHead: journalHead)
        }
    }
}
