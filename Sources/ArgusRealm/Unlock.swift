package import ArgusCore
package import ArgusSystem

/// What opens a realm.
package enum Unlock: Sendable {
    case passphrase(SecretBytes)
    /// The path of a file of at least 32 bytes.
    case keyFile(String)
    /// The recovery key as it was printed; case, spaces and dashes do not matter.
    case recovery(String)
    /// What `Realm.exportMasterKey` gave, kept by the kernel keyring or handed to the driver.
    case masterKey(SecretBytes)
}

/// The cost of scrypt (RFC 7914): 128 · r · 2^logN bytes of memory.
package struct ScryptCost: Hashable, Sendable {
    package var logN: Int
    package var r: Int
    package var p: Int

    package init(logN: Int, r: Int, p: Int) {
        self.logN = logN
        self.r = r
        self.p = p
    }

    /// 128 MiB and some 0.4 s.
    package static let standard = ScryptCost(logN: 17, r: 8, p: 1)
    /// For tests alone.
    package static let test = ScryptCost(logN: 10, r: 8, p: 1)

    /// Most memory that a realm's record may make this process take.
    private static let maxByteCount = 1 << 30

    var isAcceptable: Bool {
        (1...24).contains(logN) && (1...32).contains(r) && (1...16).contains(p)
            && 128 * r << logN <= Self.maxByteCount
    }
}

package enum UnlockMethod: String, Hashable, Sendable, CaseIterable {
    case passphrase
    case keyFile = "key-file"
    case recovery
}

/// What is known of a realm without a key. Nothing of it is authenticated yet.
package struct RealmSummary: Sendable {
    package let id: RealmID
    package let format: UInt32
    package let created: Timestamp
    package let methods: Set<UnlockMethod>
}
