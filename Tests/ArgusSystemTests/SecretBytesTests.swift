import ArgusSystem
import Testing

@Suite("Secrets")
struct SecretBytesTests {
    struct Refused: Error {}

    @Test("a secret holds its bytes, of any count", arguments: [0, 1, 16, 32, 33, 4096, 4097, 100_000])
    func holds(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        let secret = bytes.withUnsafeBytes { SecretBytes(copying: $0) }
        #expect(secret.count == count)
        #expect(secret.withBytes { Array($0) } == bytes)
    }

    @Test("a slot that is used again holds nothing of the secret before")
    func wiped() {
        // A size that no other test uses: its slots are this test's alone.
        let count = 1500
        for _ in 0..<200 {
            _ = SecretBytes(count: count) { $0.initializeMemory(as: UInt8.self, repeating: 0xa7) }
            _ = SecretBytes(count: count) { fresh in #expect(fresh.allSatisfy { $0 == 0 }) }
        }
    }

    @Test("a secret whose filling failed leaves nothing behind")
    func failedFill() {
        #expect(throws: Refused.self) {
            _ = try SecretBytes(count: 3000) { buffer throws(Refused) in
                buffer.initializeMemory(as: UInt8.self, repeating: 0xa7)
                throw Refused()
            }
        }
        _ = SecretBytes(count: 3000) { fresh in #expect(fresh.allSatisfy { $0 == 0 }) }
    }

    @Test("many secrets live side by side without touching each other")
    func many() {
        let secrets = (0..<5000).map { number in
            SecretBytes(count: 32) { $0.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: number)) }
        }
        for (number, secret) in secrets.enumerated() {
            let whole = secret.withBytes { $0.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) } }
            #expect(whole)
        }
        #expect(Set(secrets.map(\.id)).count == secrets.count)
    }

    @Test("threads make and drop secrets at once")
    func threads() {
        let threads = (0..<4).map { number in
            Thread.start(name: "secrets") {
                for round in 0..<1000 {
                    let secret = SecretBytes(count: 64) { fresh in
                        precondition(fresh.allSatisfy { $0 == 0 })
                        fresh.initializeMemory(as: UInt8.self, repeating: UInt8(number + 1))
                    }
                    precondition(secret.withBytes { $0.allSatisfy { $0 == UInt8(number + 1) } }, "round \(round)")
                }
            }
        }
        for thread in threads { thread.join() }
    }

    @Test("secrets are equal by their bytes")
    func equality() {
        func secret(_ bytes: [UInt8]) -> SecretBytes { bytes.withUnsafeBytes { SecretBytes(copying: $0) } }
        #expect(secret([1, 2]).isEqual(to: secret([1, 2])))
        #expect(!secret([1, 2]).isEqual(to: secret([1, 3])))
        #expect(!secret([1, 2]).isEqual(to: secret([1, 2, 0])))
        #expect(secret([]).isEqual(to: secret([])))
        #expect(!SecretBytes.random(count: 32).isEqual(to: .random(count: 32)))
    }

    struct Sample: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let isDegenerate: Bool
        let bytes: [UInt8]

        /// 32 bytes, the last `zeroCount` of them zero, the others running through `distinctCount` values.
        init(zeroCount: Int, distinctCount: Int, isDegenerate: Bool) {
            testDescription = "\(zeroCount) zeros, \(distinctCount) other values"
            self.isDegenerate = isDegenerate
            var bytes: [UInt8] = []
            for index in 0..<(32 - zeroCount) { bytes.append(UInt8(index % distinctCount + 1)) }
            self.bytes = bytes + [UInt8](repeating: 0, count: zeroCount)
        }
    }

    @Test(
        "keys that are blank, half filled or patterned look degenerate",
        arguments: [
            Sample(zeroCount: 32, distinctCount: 1, isDegenerate: true),
            Sample(zeroCount: 12, distinctCount: 32, isDegenerate: true),
            Sample(zeroCount: 11, distinctCount: 32, isDegenerate: false),
            Sample(zeroCount: 0, distinctCount: 1, isDegenerate: true),
            Sample(zeroCount: 0, distinctCount: 7, isDegenerate: true),
            Sample(zeroCount: 0, distinctCount: 8, isDegenerate: false),
            Sample(zeroCount: 0, distinctCount: 32, isDegenerate: false),
        ])
    func degenerate(sample: Sample) {
        let secret = sample.bytes.withUnsafeBytes { SecretBytes(copying: $0) }
        #expect(secret.looksDegenerate == sample.isDegenerate)
    }

    @Test("random keys do not")
    func randomKeys() {
        for _ in 0..<1000 { #expect(!SecretBytes.random(count: 32).looksDegenerate) }
    }

    @Test("a printed secret tells its length alone")
    func redacted() {
        let secret = SecretBytes(count: 3) { $0.copyBytes(from: [0x61, 0x62, 0x63]) }
        #expect("\(secret)" == "‹secret of 3 bytes›")
    }

    @Test("wiping leaves zeros")
    func wiping() {
        var bytes = [UInt8](repeating: 0xff, count: 100)
        bytes.withUnsafeMutableBytes { wipe($0) }
        #expect(bytes == [UInt8](repeating: 0, count: 100))
    }
}
