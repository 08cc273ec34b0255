internal import Glibc

/// Feeds a parser with inputs that were bred from a corpus, the same ones in every run.
///
/// Without more, so many executions as CI can wait for. With ARGUS_LONG_TESTS each target runs for 60 seconds, with
/// ARGUS_FUZZ_EXECUTIONS=N exactly N times; the number that was done is printed.
package struct Fuzzer {
    private let target: String
    private let corpus: [[UInt8]]
    private let executions: Int
    private var dice: PowerCut.Dice

    /// `executions`: how many in CI.
    package init(_ target: String, corpus: [[UInt8]], executions: Int) {
        precondition(!corpus.isEmpty, "inputs are bred from a corpus")
        self.target = target
        self.corpus = corpus
        self.executions = executions
        dice = PowerCut.Dice(seed: target.utf8.reduce(0) { $0 &* 131 &+ UInt64($1) })
    }

    /// Calls `body` with every input of the corpus and then with what comes of them, and returns how many it saw.
    @discardableResult
    package mutating func run(_ body: ([UInt8]) throws -> Void) rethrows -> Int {
        var limit = executions
        var deadline = Int.max
        if let text = getenv("ARGUS_FUZZ_EXECUTIONS"), let number = Int(String(cString: text)) {
            limit = number
        } else if getenv("ARGUS_LONG_TESTS") != nil {
            limit = .max
            deadline = time(nil) + 60
        }
        for input in corpus { try body(input) }
        var count = corpus.count
        while count < limit, count % 64 != 0 || time(nil) < deadline {
            try body(mutant())
            count += 1
        }
        print("fuzz \(target): \(count) executions")
        return count
    }

    private mutating func mutant() -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        for _ in 0...below(5) {
            let place = below(max(bytes.count, 1))
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
