internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem

/// A record of the realm on disk: magic, format and type in clear, then a box (docs/formats/realm.md).
///
/// The box is bound to realm, folder and type: no record can stand in for another.
enum SealedRecord {
    enum Kind: UInt32 {
        case folder = 1
        case persons = 2
        case anchor = 3
        /// The list of files in a backup.
        case backup = 4
        case acts = 5
        /// A move between two folders that has begun.
        case move = 6
    }

    static let format: UInt32 = 1
    static let maxByteCount = 4 << 20
    private static let magic = Array("ARGUSREC".utf8)
    private static let headerByteCount = 16

    /// Filled up with blanks, so that a length tells little.
    static func padded(_ text: [UInt8]) -> [UInt8] {
        let byteCount = 1024
        return text + [UInt8](repeating: UInt8(ascii: " "), count: (byteCount - text.count % byteCount) % byteCount)
    }

    static func seal(_ plaintext: [UInt8], _ kind: Kind, realm: RealmID, folder: FolderID?, key: SecretBytes)
        throws(RealmError) -> [UInt8]
    {
        let header = header(kind)
        do throws(CryptoError) {
            return header + (try SealedBox.seal(plaintext, key: key, aad: aad(header, realm, folder)))
        } catch {
            throw RealmError(.failed, "libcrypto could not seal a record; install the system's libssl3 again")
        }
    }

    /// Throws `damaged` for anything but what `seal` made for this place.
    static func open(
        _ bytes: [UInt8], _ kind: Kind, realm: RealmID, folder: FolderID?, key: SecretBytes, damaged: RealmError
    ) throws(RealmError) -> [UInt8] {
        guard bytes.count > headerByteCount, bytes.starts(with: magic) else { throw damaged }
        let found = bytes[8..<12].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard found >= 1 else { throw damaged }
        guard found <= format else {
            throw RealmError(
                .newerFormat,
                "has a record of format \(found), and this version knows up to \(format); install the version that wrote it"
            )
        }
        guard bytes.starts(with: header(kind)) else { throw damaged }
        do throws(CryptoError) {
            return try SealedBox.open(
                Array(bytes[headerByteCount...]), key: key, aad: aad(Array(bytes[..<headerByteCount]), realm, folder))
        } catch {
            throw damaged
        }
    }

    private static func header(_ kind: Kind) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(magic)
        writer.integer(format)
        writer.integer(kind.rawValue)
        return writer.bytes
    }

    private static func aad(_ header: [UInt8], _ realm: RealmID, _ folder: FolderID?) -> [UInt8] {
        header + realm.bytes + (folder?.bytes ?? [UInt8](repeating: 0, count: FolderID.byteCount))
    }
}
