import ArgusCore
import ArgusFS
import ArgusFUSE
import ArgusMountKit
import ArgusRealm
import ArgusSystem
import ArgusTestKit
import Glibc
import Testing

extension JournalPowerCutTests {
    /// The recorder lies below the driver of a real mount, and programs of their own use the folder through the kernel.
    @Test("records of a mounted folder after a power cut", arguments: [true, false])
    func mounted(isStrict: Bool) throws {
        let answers = Answers()
        let recording = try Recording.make { realm, folder, users in
            if isStrict {
                _ = try realm.set([.audit(isStrict: true)], ofFolder: TestRealm.folder)
                try folder.folder.reload()
            }
            let user = users[0]
            try MountedVolume.serve(folder.volume) { mountPoint in
                let app = try SteppedApp(in: mountPoint)
                for number in 1...40 {
                    try app.step()
                    answers.note(user)
                    // Nobody asks for it, and the batch comes to the disk.
                    if number % 8 == 0 { try waitForSync(of: user.recorder, since: answers.newestBoundary) }
                }
                try app.end()
            }
        }
        try examineCuts(of: recording, answers, isStrict: isStrict, "mounted")
    }
}

/// A volume on a mount of its own, served by this process.
private enum MountedVolume {
    static func serve(_ volume: Volume, _ body: (_ mountPoint: String) throws -> Void) throws {
        let place = ScratchDirectory()
        let driver = try Driver(
            volume: volume,
            options: MountOptions(
                mountPoint: place.path, source: TestRealm.folder, allowOther: false, defaultPermissions: false,
                readOnly: false, kernelOptions: []))
        let serving = Thread.start(name: "driver") { driver.run() }
        defer {
            driver.unmount()
            serving.join()
        }
        try body(place.path)
    }
}

/// A program that does one thing in a folder at a time, when it is told to, and says when it has its answer: makes a
/// directory, renames it, opens a file, and so on. Each is one record.
private final class SteppedApp {
    private let place = ScratchDirectory()
    private let program: Program
    private let orders: OwnedDescriptor
    private let answers: OwnedDescriptor

    init(in mountPoint: String) throws {
        for name in ["orders", "answers"] {
            guard mkfifo("\(place.path)/\(name)", 0o600) == 0 else { throw KitError("mkfifo(3) failed: \(errno)") }
        }
        // Open for both, so that neither side waits for the other here.
        orders = try OwnedDescriptor.open("\(place.path)/orders", flags: O_RDWR)
        answers = try OwnedDescriptor.open("\(place.path)/answers", flags: O_RDWR)
        program = try Program(["python3", "-c", Self.script, mountPoint, place.path])
        // The file that it opens is there.
        try awaitAnswer()
    }

    func step() throws {
        try order("s")
        try awaitAnswer()
    }

    func end() throws {
        try order("e")
        try program.wait().required()
    }

    private func order(_ letter: String) throws {
        guard write(orders.rawValue, letter, 1) == 1 else { throw KitError("write(2) failed: \(errno)") }
    }

    private func awaitAnswer() throws {
        // Far longer than anything takes: only never would be wrong.
        var waiting = pollfd(fd: answers.rawValue, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 60_000) == 1 else { throw KitError("the program does not answer") }
        var byte: UInt8 = 0
        guard read(answers.rawValue, &byte, 1) == 1 else { throw KitError("read(2) failed: \(errno)") }
    }

    private static let script = """
        import os, sys
        os.chdir(sys.argv[1])
        orders = os.open(sys.argv[2] + "/orders", os.O_RDONLY)
        answers = os.open(sys.argv[2] + "/answers", os.O_WRONLY)
        kept = [os.open("file", os.O_RDWR | os.O_CREAT)]
        os.write(answers, b".")
        number = 0
        while os.read(orders, 1) == b"s":
            if number % 3 == 0: os.mkdir(f"d{number}")
            elif number % 3 == 1: os.rename(f"d{number - 1}", f"r{number}")
            else: kept.append(os.open("file", os.O_RDONLY))
            number += 1
            os.write(answers, b".")
        """
}
