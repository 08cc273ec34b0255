package import ArgusCore
internal import ArgusCrypto

/// Heads of a realm's journal as somebody writes them down outside of it: one line of text.
///
///     argus-heads-1 REALM FOLDER:STREAM:SEQUENCE:HASH … CHECK
///
/// All in hexadecimal but the sequence. `CHECK` is the first 8 digits of SHA-256 over what is before it and the blank: it
/// shows an error of copying, and vouches for nothing.
package struct JournalHeadList: Hashable, Sendable {
    package static let prefix = "argus-heads-1"
    private static let checkDigitCount = 8

    package var realm: RealmID
    package var heads: [JournalHead]

    package init(realm: RealmID, heads: [JournalHead]) {
        self.realm = realm
        self.heads = heads
    }

    package var text: String {
        let body = ([Self.prefix, realm.hex] + heads.map(Self.text)).joined(separator: " ")
        return body + " " + Self.check(body)
    }

    /// Nil for what is no such line, or was not copied rightly.
    package init?(text: String) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count >= 3, words[0] == Self.prefix, let realm = RealmID(hex: words[1]),
            words[words.count - 1] == Self.check(words.dropLast().joined(separator: " "))
        else { return nil }
        var heads: [JournalHead] = []
        for word in words[2..<words.count - 1] {
            guard let head = Self.head(word) else { return nil }
            heads.append(head)
        }
        self.init(realm: realm, heads: heads)
    }

    private static func text(_ head: JournalHead) -> String {
        "\(head.folder.hex):\(head.stream?.hex ?? ""):\(head.sequence):\(Hex.encode(head.hash))"
    }

    private static func head(_ word: String) -> JournalHead? {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let folder = FolderID(hex: parts[0]), let stream = StreamID(hex: parts[1]),
            let sequence = UInt64(parts[2]), sequence > 0, let hash = Hex.decode(parts[3]),
            hash.count == JournalFormat.hashByteCount
        else { return nil }
        return JournalHead(folder: folder, sequence: sequence, hash: hash, stream: stream, witness: .auditor)
    }

    private static func check(_ body: String) -> String {
        String(Hex.encode(SHA256.hash(Array(body.utf8))).prefix(checkDigitCount))
    }
}
