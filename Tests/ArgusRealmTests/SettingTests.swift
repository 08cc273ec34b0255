import ArgusCore
import ArgusFS
import ArgusJournal
import ArgusRealm
import ArgusSystem
import Testing

@Suite struct SettingTests {
    private let directory = RealmDirectory()
    private let realm: Realm

    init() throws {
        realm = try directory.create().realm
        _ = try realm.createFolder(name: "plans", members: [], storage: nil, ownerUID: 0)
    }

    private func set(_ texts: String...) throws -> FolderSummary {
        try realm.set(texts.map { try #require(FolderSetting(text: $0)) }, ofFolder: "plans")
    }

    @Test("settings are kept, and shown by this process and the next")
    func kept() throws {
        #expect(try realm.folder(named: "plans").isStrict == false)
        #expect(try set("audit=strict").isStrict)
        #expect(try directory.open().folder(named: "plans").isStrict)
        #expect(try set("audit=strict", "audit=normal").isStrict == false)
    }

    @Test(
        "what is no setting is refused", arguments: ["", "audit", "audit=", "audit=STRICT", "=strict", "audit=strict "])
    func malformed(_ text: String) {
        #expect(FolderSetting(text: text) == nil)
    }

    @Test("a setting reads as it is written", arguments: ["audit=normal", "audit=strict"])
    func spelled(_ text: String) {
        #expect(FolderSetting(text: text)?.text == text)
    }

    @Test("a folder in use is strict from its next operation on: what was answered is on disk")
    func live() throws {
        let folder = try realm.openFolder(named: "plans", mode: .mount)
        defer { try? folder.close(isClean: false) }
        _ = try set("audit=strict")
        try folder.reload()
        let follower = try JournalReader(
            directory: DirectoryHandle(path: directory.realmPath + "/journal"),
            keys: .derive(masterKey: realm.exportMasterKey(), realm: realm.id)
        ).follower(fromBeginning: true)
        let actor = AuditActor(uid: 0, loginUID: .max, pid: 1, person: "root", program: "/bin/true")
        for number in 1...20 {
            try folder.parts.journal.append(
                AuditEvent(
                    activity: .write, status: .success, actor: actor, path: [0x2F], byteCount: UInt64(number)))
            // A follower hands out what a commit on disk covers, and nothing else.
            var newest: UInt64 = 0
            try follower.poll { newest = $0.byteCount }
            #expect(newest == UInt64(number))
        }
    }
}
