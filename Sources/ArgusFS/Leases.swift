internal import ArgusCore

/// Hands out numbers that are never used twice: only those below `end`, which the index knows to be taken.
///
/// A struct guarded by the namespace lock. After a crash counting goes on at the leased end.
struct NumberLease {
    private(set) var next: UInt64
    /// Numbers below it are leased: the index holds, or is about to hold, this bound.
    private(set) var end: UInt64
    /// Numbers below it are leased durably and may be handed out.
    private(set) var durableEnd: UInt64
    let size: UInt64

    init(next: UInt64, size: UInt64) {
        self.next = next
        self.end = next
        self.durableEnd = next
        self.size = size
    }

    var isExhausted: Bool { next >= durableEnd }

    /// Whether it is time to lease more, ahead of need.
    var wantsMore: Bool { end == durableEnd && end - next < size / 2 }

    mutating func extend() -> UInt64 {
        end += size
        return end
    }

    /// The index is durable with everything leased so far up to `bound`.
    mutating func confirm(through bound: UInt64) {
        durableEnd = max(durableEnd, bound)
    }

    /// The next number; the caller has looked at `isExhausted`.
    mutating func take() -> UInt64 {
        precondition(!isExhausted, "a number is handed out only under a durable lease")
        defer { next += 1 }
        return next
    }
}
