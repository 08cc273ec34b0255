/// A moment at which the power goes, and what becomes of that which was not synced.
package struct PowerCut: Hashable, Sendable, CustomStringConvertible {
    package enum Fate: Hashable, Sendable {
        /// Nothing unsynced reached the disk.
        case lost
        /// Everything issued did, in order: what a killed process leaves behind.
        case kept
        /// Each unsynced change reached the disk or not, writes in any subset of their 512-byte sectors.
        /// The seed decides, the same way each time.
        case mixed(seed: UInt64)
    }

    /// How many of the recorded operations were issued before the cut.
    package var operationCount: Int
    package var fate: Fate

    package init(after operationCount: Int, _ fate: Fate) {
        self.operationCount = operationCount
        self.fate = fate
    }

    package var description: String { "power cut after \(operationCount) operations, unsynced \(fate)" }

    /// Random numbers that are the same for the same seed (SplitMix64, Steele et al. 2014).
    package struct Dice: RandomNumberGenerator, Sendable {
        private var state: UInt64

        package init(seed: UInt64) { state = seed }

        package mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        /// True in `percent` of a hundred throws.
        package mutating func falls(percent: UInt64) -> Bool { next() % 100 < percent }
    }
}
