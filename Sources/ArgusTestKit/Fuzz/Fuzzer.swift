internal import ArgusCore
internal import ArgusSystem
internal import Glibc

/// Feeds a parser with inputs that were bred from a corpus, the same ones in every run.
///
/// Each target has a thread of its own, so that all of them run at the same time. ARGUS_FUZZ_SECONDS says for how long,
/// ARGUS_FUZZ_EXECUTIONS how often; without either, it is as often as one waits for gladly. What was done is printed.
package struct Fuzzer {
    private let target: String
    private let corpus: [[UInt8]]
    private let executions: Int
    private var dice: PowerCut.Dice

    /// `executions`: how many, where the environment says nothing.
    package init(_ target: String, corpus: Corpus, executions: Int) {
        precondition(!corpus.files.isEmpty, "inputs are bred from a corpus")
        self.target = target
        self.corpus = corpus.files.map(\.bytes)
        self.executions = executions
        dice = PowerCut.Dice(seed: target.utf8.reduce(0) { $0 &* 131 &+ UInt64($1) })
    }

    /// Calls `body` with every input of the corpus and then with what comes of them, and returns how many it saw. The
    /// first error ends it; it is thrown with the input that gave it.
    @discardableResult
    package func run(_ body: @escaping ([UInt8]) throws -> Void) async throws -> Int {
        // Sound: the caller waits, so that only the thread calls it.
        nonisolated(unsafe) let body = body
        let fuzzer = self
        return try await withCheckedThrowingContinuation { continuation in
            Thread.start(name: "fuzz") {
                var fuzzer = fuzzer
                continuation.resume(with: Result { try fuzzer.runHere(body) })
            }
        }
    }

    private mutating func runHere(_ body: ([UInt8]) throws -> Void) throws -> Int {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds()
        let seconds = Self.number("ARGUS_FUZZ_SECONDS").map { UInt64($0) }
        let limit = Self.number("ARGUS_FUZZ_EXECUTIONS") ?? (seconds == nil ? executions : .max)
        let deadline = seconds.map { start + $0 * 1_000_000_000 } ?? .max
        var count = 0
        while count < corpus.count || count < limit && clock.monotonicNanoseconds() < deadline {
            let input = count < corpus.count ? corpus[count] : mutant()
            do {
                try body(input)
            } catch {
                throw Finding(target: target, number: count, input: input, cause: error)
            }
            count += 1
        }
        let elapsed = (clock.monotonicNanoseconds() - start) / 1_000_000_000
        print("fuzz \(target): \(count) executions, \(elapsed) s")
        return count
    }

    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    /// What a body throws at an input.
    struct Finding: Error, CustomStringConvertible {
        let target: String
        let number: Int
        let input: [UInt8]
        let cause: any Error
        var description: String { "fuzz \(target): input \(number), \(Hex.encode(input)): \(cause)" }
    }

    private mutating func mutant() -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        for _ in 0...below(5) {
            // Fields lie at multiples of eight, as a rule.
            let place = below(max(bytes.count, 1)) & (below(2) == 0 ? ~7 : ~0)
            switch below(9) {
            case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(below(8))
            case 1 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: dice.next())
            case 2:
                bytes.insert(
                    contentsOf: (0..<1 + below(8)).map { _ in UInt8(truncatingIfNeeded: dice.next()) },
                    at: min(place, bytes.count))
            case 3 where !bytes.isEmpty: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
            case 4 where !bytes.isEmpty: bytes.removeSubrange(place...)
            case 5: put(Self.numbers[below(Self.numbers.count)], width: 1 << below(4), in: &bytes, at: place)
            case 6 where !bytes.isEmpty:
                // A piece of another input at the same place.
                let other = corpus[below(corpus.count)]
                let end = min(other.count, bytes.count, place + 1 + below(300))
                if place < end { bytes.replaceSubrange(place..<end, with: other[place..<end]) }
            case 7 where !bytes.isEmpty:
                // A piece of itself somewhere else.
                let target = below(bytes.count)
                let count = min(bytes.count - max(place, target), 1 + below(100))
                bytes.replaceSubrange(target..<target + count, with: bytes[place..<place + count])
            default:
                let end = min(bytes.count, place + 1 + below(64))
                let value: UInt8 = below(2) == 0 ? 0 : 0xff
                if place < end { for index in place..<end { bytes[index] = value } }
            }
        }
        return bytes
    }

    private func put(_ value: UInt64, width: Int, in bytes: inout [UInt8], at place: Int) {
        for index in 0..<width where place + index < bytes.count {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    private mutating func below(_ bound: Int) -> Int { Int(dice.next() % UInt64(bound)) }

    /// Where lengths and counts go wrong.
    private static let numbers: [UInt64] = [
        0, 1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 251, 252, 255, 256, 4095, 4096, 4097, 0x7fff, 0x8000, 0xffff,
        0x1_0000,
        0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 44, (1 << 44) + 1, 1 << 48, (1 << 48) - 1, 1 << 52,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000, .max,
    ]
}
