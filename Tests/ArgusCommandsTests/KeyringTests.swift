import ArgusCore
import ArgusSystem
import Testing

@testable import ArgusCommands

@Suite("The kernel keyring")
struct KeyringTests {
    @Test("a key is there until it is removed, under its realm alone")
    func storeAndRemove() throws {
        let keyring = KernelKeyring(realm: .random())
        #expect(keyring.key() == nil)
        let key = SecretBytes.random(count: 32)
        try keyring.store(key, timeout: nil)
        #expect(keyring.key()?.isEqual(to: key) == true)
        #expect(KernelKeyring(realm: .random()).key() == nil)

        let other = SecretBytes.random(count: 32)
        try keyring.store(other, timeout: TimeSpan(seconds: 3600))
        #expect(keyring.key()?.isEqual(to: other) == true)

        #expect(keyring.remove())
        #expect(keyring.key() == nil)
        #expect(!keyring.remove())
    }
}
