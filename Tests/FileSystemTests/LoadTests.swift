import ArgusMountKit
import Foundation
import Testing

/// Many calls on one file, and many processes on one file or directory (Sources/argus-exerciser/load.c). The exerciser
/// checks what it finds; longer runs with ARGUS_LONG_TESTS.
@Suite("Under load a mounted folder", .serialized)
struct LoadTests {
    private static let isLong = ProcessInfo.processInfo.environment["ARGUS_LONG_TESTS"] != nil

    private func exercise(_ arguments: String...) throws {
        try Program([Exerciser.path] + arguments).wait().required()
    }

    @Test("keeps the content of a file right, whatever calls change it")
    func content() throws {
        let folder = try MountedFolder()
        for seed in 1...(Self.isLong ? 200 : 4) {
            try exercise("file", "\(folder.mountPoint)/file-\(seed)", "\(seed)", Self.isLong ? "20000" : "1500")
        }
        let before = try folder.shell("sha256sum file-*").required().output
        try folder.remount()
        #expect(try folder.shell("sha256sum file-*").required().output == before)
    }

    @Test("takes the records of several appending processes whole and in order")
    func appends() throws {
        let folder = try MountedFolder()
        try exercise("appends", "\(folder.mountPoint)/log", "6", Self.isLong ? "20000" : "400")
    }

    @Test("keeps apart what processes do under a lock", arguments: [("flock", 0), ("process", 1), ("description", 2)])
    func locks(kind: String, number: Int) throws {
        let folder = try MountedFolder()
        try exercise("locks", "\(folder.mountPoint)/\(kind)", "4", Self.isLong ? "20000" : "300", "\(number)")
    }

    @Test("lists each name that stays exactly once while others come, move and go, in bounded memory")
    func listing() throws {
        let folder = try MountedFolder()
        try exercise("listing", "\(folder.mountPoint)/names", Self.isLong ? "1000000" : "4000", Self.isLong ? "5" : "8")
        let status = Tree.text("/proc/\(try folder.driver())/status")
        let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?
            .split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        #expect(try #require(peak) < 400_000, "KiB that the driver held at most")
    }

    @Test("holds a sparse file of 16 TiB, and refuses one that is larger")
    func sparse() throws {
        let folder = try MountedFolder()
        try folder.shell(
            """
            truncate -s 17592186044416 huge
            printf end | dd of=huge bs=1 seek=17592186044413 conv=notrunc status=none
            test "$(tail -c 4 huge | od -An -c | tr -d ' ')" = '\\0end'
            test "$(stat -c %s huge)" = 17592186044416
            test "$(stat -c %b huge)" -lt 1000
            if truncate -s 17592186044417 huge 2> error; then exit 1; fi
            grep -q 'File too large' error
            """
        ).required()
        try folder.remount()
        #expect(try folder.shell("tail -c 3 huge").required().output == "end")
    }
}
