internal import ArgusCapsule
internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// The keys of a realm's records, each derived from the master key (HKDF, salt = realm id).
struct RealmKeys: Sendable {
    let realm: RealmID
    /// Seals the table of persons.
    let persons: SecretBytes
    /// Seals what was done to the realm and is not recorded yet.
    let acts: SecretBytes
    /// Seals the move between two folders that has begun.
    let moves: SecretBytes
    /// Seals the list of files in a backup.
    let backup: SecretBytes
    /// Under it drivers of the realm's folders compare contents (`FolderNeighbours`).
    let copies: SecretBytes

    init(masterKey: SecretBytes, realm: RealmID) {
        self.realm = realm
        self.persons = HKDF.derive(masterKey, salt: realm.bytes, info: Array("argus realm persons v1".utf8))
        self.acts = HKDF.derive(masterKey, salt: realm.bytes, info: Array("argus realm acts v1".utf8))
        self.moves = HKDF.derive(masterKey, salt: realm.bytes, info: Array("argus realm moves v1".utf8))
        self.backup = HKDF.derive(masterKey, salt: realm.bytes, info: Array("argus realm backup v1".utf8))
        self.copies = HKDF.derive(masterKey, salt: realm.bytes, info: Array("argus realm copies v1".utf8))
    }
}

/// The keys of one folder's records: all that a process that serves a folder keeps of the realm's keys.
struct FolderSecrets: Sendable {
    let realm: RealmID
    let folder: FolderID
    /// Seals record and anchor.
    let record: SecretBytes
    /// Wraps the folder's newest key and its naming key.
    private let wrapping: SecretBytes

    init(masterKey: SecretBytes, realm: RealmID, folder: FolderID) {
        self.realm = realm
        self.folder = folder
        self.record = HKDF.derive(
            masterKey, salt: realm.bytes, info: Array("argus realm folder record v1".utf8) + folder.bytes)
        self.wrapping = HKDF.derive(
            masterKey, salt: realm.bytes, info: Array("argus realm folder keys v1".utf8) + folder.bytes)
    }

    // MARK: Folder keys

    /// New keys: the first generation and the naming key.
    func makeKeys() throws(RealmError) -> WrappedFolderKeys {
        let naming = SecretBytes.random(count: 32)
        return WrappedFolderKeys(
            naming: try seal(naming, under: wrapping, aad: namingAAD),
            generations: [try wrap(.random(count: 32), generation: 1)])
    }

    /// Adds a generation: the one that was newest is wrapped under it from now on.
    func rotate(_ wrapped: WrappedFolderKeys) throws(RealmError) -> WrappedFolderKeys {
        let keys = try unwrap(wrapped)
        let (generation, old) = keys.current
        guard let last = wrapped.generations.last, last.generation == generation, generation < .max else {
            throw FolderRecord.damaged
        }
        let new = SecretBytes.random(count: 32)
        var rotated = wrapped
        rotated.generations.removeLast()
        rotated.generations.append(
            .init(generation: generation, box: try seal(old, under: chainKey(new), aad: keyAAD(generation))))
        rotated.generations.append(try wrap(new, generation: generation + 1))
        return rotated
    }

    /// Opens the newest key, and with each key the one before it.
    func unwrap(_ wrapped: WrappedFolderKeys) throws(RealmError) -> FolderKeys {
        var keys: [(generation: KeyGeneration, key: SecretBytes)] = []
        var under = wrapping
        for item in wrapped.generations.reversed() {
            guard keys.last.map({ $0.generation == item.generation + 1 }) ?? true else { throw FolderRecord.damaged }
            let key = try open(item.box, under: under, aad: keyAAD(item.generation))
            keys.append((generation: item.generation, key: key))
            under = chainKey(key)
        }
        guard keys.last?.generation == 1 else { throw FolderRecord.damaged }
        return FolderKeys(
            generations: keys.reversed(), namingKey: try open(wrapped.naming, under: wrapping, aad: namingAAD))
    }

    private func wrap(_ key: SecretBytes, generation: KeyGeneration) throws(RealmError) -> WrappedFolderKeys.Item {
        .init(generation: generation, box: try seal(key, under: wrapping, aad: keyAAD(generation)))
    }

    private func chainKey(_ key: SecretBytes) -> SecretBytes {
        HKDF.derive(key, salt: folder.bytes, info: Array("argus realm folder key chain v1".utf8))
    }

    private func keyAAD(_ generation: KeyGeneration) -> [UInt8] {
        var writer = ByteWriter()
        writer.append("argus folder key v1".utf8)
        writer.identifier(realm)
        writer.identifier(folder)
        writer.integer(generation)
        return writer.bytes
    }

    private var namingAAD: [UInt8] { Array("argus naming key v1".utf8) + realm.bytes + folder.bytes }

    private func seal(_ secret: SecretBytes, under key: SecretBytes, aad: [UInt8]) throws(RealmError) -> [UInt8] {
        guard !secret.looksDegenerate else {
            throw RealmError(.failed, "the kernel's random numbers are not random; do not use this machine for secrets")
        }
        do throws(CryptoError) { return try SealedBox.sealSecret(secret, key: key, aad: aad) } catch {
            throw RealmError(.failed, "libcrypto could not seal a key; install the system's libssl3 again")
        }
    }

    private func open(_ box: [UInt8], under key: SecretBytes, aad: [UInt8]) throws(RealmError) -> SecretBytes {
        let secret: SecretBytes
        do throws(CryptoError) { secret = try SealedBox.openSecret(box, key: key, aad: aad) } catch {
            throw FolderRecord.damaged
        }
        guard secret.count == 32, !secret.looksDegenerate else { throw FolderRecord.damaged }
        return secret
    }
}

/// A folder's keys as its record keeps them.
struct WrappedFolderKeys: Hashable, Sendable {
    struct Item: Hashable, Sendable {
        var generation: KeyGeneration
        var box: [UInt8]
    }

    var naming: [UInt8]
    /// From generation 1 to the newest, without a gap; each but the newest wrapped under its successor.
    var generations: [Item]
}
