internal import ArgusCore
internal import ArgusCrypto
internal import ArgusSystem
internal import FoundationEssentials

/// `realm.json`: the identity of a realm and the master key, wrapped once for each way to unlock it
/// (docs/formats/realm.md).
///
/// Its member `mac` is a MAC over the file's own bytes, with zeros in its place: whoever holds the master key sees any
/// byte that differs, in members of later versions and in white space too.
struct RealmFile: Codable, Sendable {
    static let name = "realm.json"
    static let format: UInt32 = 1
    static let maxByteCount = 64 << 10
    private static let macDigitCount = 64

    var format: UInt32
    var realm: String
    var created: Int64
    var device: String
    var wraps: [KeyWrap]
    /// The revision that the file of acts has at least; absent where nothing was done yet.
    var acts: UInt64?
    var mac: String

    init(realm: RealmID, device: DeviceID, created: Timestamp, wraps: [KeyWrap]) {
        self.format = Self.format
        self.realm = realm.hex
        self.created = created.seconds
        self.device = device.hex
        self.wraps = wraps
        self.mac = String(repeating: "0", count: Self.macDigitCount)
    }

    /// Reads what can be read without a key. The answer is not authenticated before `verify`.
    init(decoding bytes: [UInt8]) throws(RealmError) {
        struct Version: Decodable { var format: UInt32 }
        let decoder = JSONDecoder()
        let data = Data(bytes)
        guard let version = try? decoder.decode(Version.self, from: data), version.format > 0 else {
            throw Self.damaged
        }
        guard version.format <= Self.format else {
            throw RealmError(
                .newerFormat,
                "is a realm of format \(version.format), and this version knows up to \(Self.format); install the version that made it"
            )
        }
        guard let file = try? decoder.decode(RealmFile.self, from: data), RealmID(hex: file.realm) != nil,
            DeviceID(hex: file.device) != nil, file.mac.utf8.count == Self.macDigitCount
        else { throw Self.damaged }
        self = file
    }

    static func read(in directory: DirectoryHandle) throws(RealmError) -> (file: RealmFile, bytes: [UInt8]) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try directory.readFile(name, maxByteCount: maxByteCount)
        } catch {
            throw error.isAbsence ? .notARealm : RealmError(error)
        }
        return (try RealmFile(decoding: bytes), bytes)
    }

    /// The file's bytes, under a MAC of `masterKey`.
    mutating func encoded(masterKey: SecretBytes) throws(RealmError) -> [UInt8] {
        let zeros = String(repeating: "0", count: Self.macDigitCount)
        mac = zeros
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { throw Self.damaged }
        var bytes = [UInt8](data) + [UInt8(ascii: "\n")]
        guard let place = Self.place(of: zeros, in: bytes) else { throw Self.damaged }
        mac = Hex.encode(try self.mac(of: bytes, masterKey: masterKey))
        bytes.replaceSubrange(place, with: mac.utf8)
        return bytes
    }

    /// Throws where a byte is not the one that was written, or the key is another realm's.
    func verify(_ bytes: [UInt8], masterKey: SecretBytes) throws(RealmError) {
        guard let place = Self.place(of: mac, in: bytes) else { throw Self.damaged }
        var zeroed = bytes
        zeroed.replaceSubrange(place, with: repeatElement(UInt8(ascii: "0"), count: Self.macDigitCount))
        let expected = Array(Hex.encode(try mac(of: zeroed, masterKey: masterKey)).utf8)
        let isEqual = expected.withUnsafeBytes { left in
            bytes[place].withUnsafeBytes { constantTimeEqual(left, $0) }
        }
        guard isEqual else { throw Self.damaged }
    }

    func realmID() throws(RealmError) -> RealmID {
        guard let id = RealmID(hex: realm) else { throw Self.damaged }
        return id
    }

    func deviceID() throws(RealmError) -> DeviceID {
        guard let id = DeviceID(hex: device) else { throw Self.damaged }
        return id
    }

    func wraps(_ method: UnlockMethod) -> [KeyWrap] { wraps.filter { $0.type == method.rawValue } }

    private func mac(of bytes: [UInt8], masterKey: SecretBytes) throws(RealmError) -> [UInt8] {
        let key = HKDF.derive(masterKey, salt: try realmID().bytes, info: Array("argus realm mac v1".utf8))
        return HMAC.sha256(key: key, bytes)
    }

    /// Where the digits stand, if they stand in one place.
    private static func place(of digits: String, in bytes: [UInt8]) -> Range<Int>? {
        let wanted = Array(digits.utf8)
        guard wanted.count == macDigitCount, bytes.count >= wanted.count else { return nil }
        let starts = (0...bytes.count - wanted.count).filter { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
        return starts.count == 1 ? starts[0]..<starts[0] + wanted.count : nil
    }

    static let damaged = RealmError(
        .damaged, "its realm.json was altered or damaged; restore that file from a backup")
}

extension RealmError {
    static let notARealm = RealmError(
        .notARealm, "is not a realm; make one there with `argusfs init`, or give another directory")
}
