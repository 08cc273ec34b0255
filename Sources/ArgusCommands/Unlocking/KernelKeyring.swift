internal import ArgusCore
internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// Unlocked realms in the kernel's keyring of the caller's uid (keyrings(7)): memory that is never swapped out and that
/// the kernel clears when the time is up.
///
/// Every process of the same uid can read the key while it is there: unlocking trusts one's own session.
struct KernelKeyring {
    private let description: String
    /// The longest key that is read back, in bytes.
    private static let keyMaxBytes = 256

    init(realm: RealmID) {
        description = "argus:realm:\(realm.hex)"
    }

    /// The key left by `store`, or nil when the realm is locked.
    func key() -> SecretBytes? {
        let serial = argus_keyring_find(description)
        guard serial >= 0 else { return nil }
        var count = -1
        let read = SecretBytes(count: Self.keyMaxBytes) { buffer in
            count = argus_keyring_read(serial, buffer.baseAddress, buffer.count)
        }
        guard (1...Self.keyMaxBytes).contains(count) else { return nil }
        return read.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    /// Keeps the key until `remove`, the timeout, or the end of the uid's last process.
    func store(_ key: SecretBytes, timeout: TimeSpan?) throws(SystemError) {
        _ = remove()
        let (serial, cause) = key.withBytes { bytes in
            let serial = argus_keyring_add(description, bytes.baseAddress, bytes.count, timeout?.seconds ?? 0)
            return (serial, errno)
        }
        if serial < 0 { throw SystemError(errno: cause, call: "add_key(2)") }
    }

    /// False when there was none.
    func remove() -> Bool {
        let serial = argus_keyring_find(description)
        return serial >= 0 && argus_keyring_invalidate(serial) == 0
    }
}
