package import ArgusCore
internal import ArgusCrypto
package import ArgusStore
package import ArgusSystem

/// The keys of a folder: one a generation, newest last, and the key that names its capsules.
package struct FolderKeys: Sendable {
    private let generations: [(generation: KeyGeneration, key: SecretBytes)]
    private let namingKey: SecretBytes

    /// `generations` holds at least one key.
    package init(generations: [(generation: KeyGeneration, key: SecretBytes)], namingKey: SecretBytes) {
        precondition(!generations.isEmpty, "a folder has a key")
        self.generations = generations
        self.namingKey = namingKey
    }

    /// The key that new wraps are made with.
    package var current: (generation: KeyGeneration, key: SecretBytes) { generations[generations.count - 1] }

    package func key(_ generation: KeyGeneration) -> SecretBytes? {
        generations.last { $0.generation == generation }?.key
    }

    /// The name of the file's capsule on storage: the first 16 bytes of
    /// HMAC-SHA256(naming key, "argus object name v1" || file id).
    package func objectName(of file: FileID) -> ObjectName {
        ObjectName(derive("argus object name v1", file.bytes))
    }

    /// The id of the file that an inode number was made for: the first 16 bytes of
    /// HMAC-SHA256(naming key, "argus file id v1" || inode number, little-endian).
    ///
    /// Unpredictable without the key, and found again from the number, so that a capsule whose row was lost in a
    /// crash can be looked for.
    package func fileID(of inode: InodeNumber) -> FileID {
        derive("argus file id v1", withUnsafeBytes(of: inode.rawValue.littleEndian) { Array($0) })
    }

    private func derive<Kind>(_ purpose: String, _ message: [UInt8]) -> Identifier<Kind> {
        let digest = HMAC.sha256(key: namingKey, Array(purpose.utf8) + message)
        return digest.withUnsafeBytes {
            Identifier(
                high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}
