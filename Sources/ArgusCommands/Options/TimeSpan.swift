/// A span of time as commands take it: `90`, `90s`, `15m`, `8h`, `2d`, or several together (`1h30m`).
package struct TimeSpan: Hashable, Sendable {
    package let seconds: UInt32

    package init(seconds: UInt32) { self.seconds = seconds }

    /// Nil for anything else, for nothing, for zero, and for more than fits 32 bits of seconds.
    package init?(text: String) {
        var total: UInt64 = 0
        var number: UInt64?
        for character in text {
            if let digit = character.isASCII ? character.wholeNumberValue : nil {
                let (grown, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
                guard !overflow, grown < UInt64(UInt32.max) else { return nil }
                number = grown + UInt64(digit)
            } else {
                guard let count = number else { return nil }
                let unit: UInt64
                switch character {
                case "s": unit = 1
                case "m": unit = 60
                case "h": unit = 3600
                case "d": unit = 86_400
                default: return nil
                }
                total += count * unit
                number = nil
            }
        }
        total += number ?? 0
        guard total > 0, let seconds = UInt32(exactly: total) else { return nil }
        self.seconds = seconds
    }
}
