package import ArgusCore

extension Timestamp {
    /// RFC 3339 in UTC with nanoseconds: `2026-11-23T03:40:25.123456789Z`.
    package var text: String {
        let fraction = String(nanoseconds)
        let zeros = String(repeating: "0", count: max(0, 9 - fraction.count))
        return "\(dateAndTime).\(zeros)\(fraction)Z"
    }

    /// Without the fraction, for tables: `2026-11-23 03:40:25`, in UTC.
    package var shortText: String { dateAndTime.replacingFirst("T", with: " ") }

    private var dateAndTime: String {
        let day = seconds.flooredQuotient(by: 86_400)
        let second = seconds - day * 86_400
        let (year, month, dayOfMonth) = civilDate(ofDay: day)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
        return "\(date)T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
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

/// Year, month and day of a day counted from 1970-01-01 in the proleptic Gregorian calendar, by counting years from
/// March on in eras of 400 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
private func civilDate(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = shifted.flooredQuotient(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
}

/// The inverse of `civilDate`.
private func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted.flooredQuotient(by: 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number.magnitude)
    return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Int64 {
    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension String {
    fileprivate func replacingFirst(_ character: Character, with other: Character) -> String {
        guard let index = firstIndex(of: character) else { return self }
        return self[..<index] + String(other) + self[self.index(after: index)...]
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
