import ArgusFUSE
import Testing

/// Small and repeatable (xorshift64), so that a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite("Whatever bytes arrive, the decoder returns or throws")
struct RequestFuzzTests {
    /// Each case runs in exactly sized memory, so that a read past the end is found by the sanitizer and the trap alike.
    @Test("valid requests with bytes changed, cut and added", arguments: 1...16 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var generator = SeededGenerator(state: seed &* 0x9E37_79B9_7F4A_7C15)
        var outcomes: Set<String> = []
        for (request, _) in RequestDecoderTests.requests {
            for _ in 0..<200 {
                var bytes = request.bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
                }
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
                case 1: bytes += (0..<Int.random(in: 1...64, using: &generator)).map { _ in 0 }
                default: break
                }
                // Most mutations should get past the header, or only its check would be tested.
                if Bool.random(using: &generator), bytes.count >= 4 {
                    bytes.replaceSubrange(0..<4, with: RequestBytes.littleEndian(UInt32(bytes.count)))
                }
                outcomes.insert(RequestBytes.decode(bytes))
            }
        }
        #expect(outcomes.contains("malformed"))
        #expect(outcomes.count > 100)
    }

    @Test("every length of a request but the whole is malformed")
    func prefixes() {
        for (request, _) in RequestDecoderTests.requests {
            let whole = request.bytes
            for count in 0..<min(whole.count, 40) {
                #expect(RequestBytes.decode(Array(whole.prefix(count))) == "malformed")
            }
        }
    }
}
