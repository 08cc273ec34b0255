import ArgusSystem
import ArgusTestKit
import FoundationEssentials
import Glibc
import Testing

/// The files under `Tests/Vectors/capsule`. With ARGUS_WRITE_VECTORS in the environment they are written anew.
@Suite("The capsule's format stays what it was, and its document is complete")
struct VectorTests {
    private static let isWriting = getenv("ARGUS_WRITE_VECTORS") != nil

    @Test("the same keys, random bytes and steps give the same capsules, and damage the same errors")
    func recorded() throws {
        var maker = VectorMaker()
        let made = try maker.make()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = [UInt8](try encoder.encode(made)) + [UInt8(ascii: "\n")]
        if Self.isWriting { try write(maker, text) }
        let directory = try DirectoryHandle(path: CapsuleVectors.directory)
        let recorded = try directory.readFile("vectors.json", maxByteCount: 4 << 20)
        let vectors = try JSONDecoder().decode(CapsuleVectors.self, from: Data(recorded))
        #expect(vectors.capsules.count >= 20 && vectors.damaged.count >= 150)
        for (found, expected) in zip(made.capsules, vectors.capsules) { #expect(found == expected) }
        for (found, expected) in zip(made.damaged, vectors.damaged) { #expect(found == expected) }
        #expect(made == vectors)
        for name in vectors.capsules.map(\.name) + ["critical"] {
            let bytes = try directory.readFile(name + ".capsule", maxByteCount: 4 << 20)
            #expect(maker.images[name]?.bytes == bytes, "\(name)")
        }
        for vector in vectors.damaged {
            #expect(vector.check != "", "\(vector.name): a change that no check finds")
        }
    }

    @Test("a reader that was written from the document alone gives the same answers")
    func independentReader() throws {
        let reader = CapsuleVectors.directory + "/../reader.py"
        #expect(run("python3", reader, "--vectors", CapsuleVectors.directory) == 0)
    }

    private func write(_ maker: VectorMaker, _ text: [UInt8]) throws {
        let directory = try DirectoryHandle(path: CapsuleVectors.directory)
        for (name, image) in maker.images { try directory.replaceFile(name + ".capsule", with: image.bytes) }
        try directory.replaceFile("vectors.json", with: text)
    }

    /// The program's exit status.
    private func run(_ program: String, _ arguments: String...) -> Int32 {
        var pid = pid_t()
        var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        guard posix_spawnp(&pid, program, nil, nil, &argv, environ) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : -1
    }
}
