package import ArgusCore
internal import ArgusJournal

extension Timestamp {
    /// Without the fraction, for tables: `2026-11-23 03:40:25`, in UTC.
    package var shortText: String {
        rfc3339.split(separator: ".")[0].split(separator: "T").joined(separator: " ")
    }

    /// Reads RFC 3339: a date alone is its midnight in UTC; a time without offset is UTC. Nil for anything else.
    package init?(text: String) {
        var scanner = DigitScanner(Array(text.utf8))
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var total = dayNumber(year: year, month: month, day: day) * 86_400
        var nanoseconds: UInt32 = 0
        if !scanner.isAtEnd {
            guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "), let hour = scanner.number(2),
                scanner.skip(":"), let minute = scanner.number(2), hour < 24, minute < 60
            else { return nil }
            total += hour * 3600 + minute * 60
            if scanner.skip(":") {
                guard let second = scanner.number(2), second <= 60 else { return nil }
                total += second
                if scanner.skip(".") {
                    guard let fraction = scanner.fraction() else { return nil }
                    nanoseconds = fraction
                }
            }
            if !scanner.isAtEnd, !scanner.skip("Z"), !scanner.skip("z") {
                let sign: Int64
                if scanner.skip("+") { sign = 1 } else if scanner.skip("-") { sign = -1 } else { return nil }
                guard let hours = scanner.number(2), scanner.skip(":"), let minutes = scanner.number(2), hours < 24,
                    minutes < 60
                else { return nil }
                total -= sign * (hours * 3600 + minutes * 60)
            }
        }
        guard scanner.isAtEnd else { return nil }
        self.init(seconds: total, nanoseconds: nanoseconds)
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, by counting years from March on in eras of 400
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil).
private func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted.flooredQuotient(by: 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

extension Int64 {
    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

private struct DigitScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skip(_ character: Character) -> Bool {
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    mutating func number(_ digits: Int) -> Int64? {
        guard bytes.count - position >= digits else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + digits] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        position += digits
        return value
    }

    /// One to nine digits after the point, as nanoseconds.
    mutating func fraction() -> UInt32? {
        var value: UInt32 = 0
        var count = 0
        while count < 9, let digit = number(1) {
            value = value * 10 + UInt32(digit)
            count += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<9 { value *= 10 }
        return value
    }
}
