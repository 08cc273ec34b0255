import ArgusMountKit
import Glibc
import Testing

@Suite("Nothing that a person chose can be read on storage", .tags(.fuse))
struct SecrecyTests {
    @Test("no name and no content is found in realm, storage, runtime files and logs: mounted, killed and at rest")
    func search() throws {
        let folder = try MountedFolder()
        // Long enough that chance does not make them; each stands for one kind of place.
        let words = (0..<9).map { "Quahog\($0)\(UInt64.random(in: 1 << 40...UInt64.max))zephyr" }
        try folder.argusfs("folder", "create", words[8], "--storage", folder.storage).required()
        try folder.shell(
            """
            mkdir "$1"; echo "$2" > "$1/$3"; ln -s "$4" "$1/link"
            setfattr -n "user.$5" -v "$6" "$1/$3"
            for n in $(seq 1 4000); do echo "$7"; done > "$1/long"
            printf '%s' "$8" > "$1/replaced"; echo gone > "$1/new"; mv "$1/new" "$1/replaced"; rm "$1/$3"
            echo "$2" > "$1/$3"; cat "$1/long" > /dev/null; ls "$1/no$3" 2> /dev/null || :
            """, words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]
        ).required()
        try folder.argusfs("sync", folder.mountPoint).required()
        try expectSealed(folder, words, "mounted")
        try folder.argusfs("index", "ls", MountedFolder.name).required()
        try folder.killDriver()
        try expectSealed(folder, words, "killed")
        try folder.mount()
        try folder.unmount()
        try folder.argusfs("check", MountedFolder.name).required()
        try expectSealed(folder, words, "at rest")
    }

    private func expectSealed(_ folder: MountedFolder, _ words: [String], _ state: String) throws {
        let files = Tree.files(below: folder.realm) + Tree.files(below: folder.storage)
        #expect(files.count > 5)
        for file in files {
            // What was removed from the folder may go from storage while this looks.
            guard let bytes = Tree.bytes(file) else {
                #expect(access(file, F_OK) != 0, "\(file) cannot be read")
                continue
            }
            for (number, word) in words.enumerated() {
                for form in Self.forms(of: word) {
                    #expect(!bytes.contains(sequence: form), "\(state): word \(number) in \(file)")
                    #expect(!file.contains(word), "\(state): word \(number) names \(file)")
                }
            }
        }
    }

    /// A word as it is, in hexadecimal, in UTF-16, and its middle part, in case it was cut.
    private static func forms(of word: String) -> [[UInt8]] {
        let bytes = Array(word.utf8)
        let hex = bytes.flatMap { byte in Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8) }
        return [bytes, hex, bytes.flatMap { [$0, 0] }, Array(bytes[4..<20])]
    }
}

extension [UInt8] {
    fileprivate func contains(sequence wanted: [UInt8]) -> Bool {
        withUnsafeBytes { memory($0, contains: wanted) }
    }
}

private func memory(_ bytes: UnsafeRawBufferPointer, contains wanted: [UInt8]) -> Bool {
    guard bytes.count >= wanted.count else { return false }
    let first = wanted[0]
    var start = 0
    while start + wanted.count <= bytes.count {
        if bytes[start] == first, bytes[start..<start + wanted.count].elementsEqual(wanted) { return true }
        start += 1
    }
    return false
}
