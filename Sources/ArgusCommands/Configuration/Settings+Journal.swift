internal import ArgusJournal

/// How much of the journal a machine keeps.
extension Settings {
    private static let keepDaysMax: Int64 = 36_500

    var journalLimits: JournalLimits {
        var limits = JournalLimits()
        if let journalMaxBytes { limits.bound(spoolByteCount: journalMaxBytes) }
        if let journalKeepDays { limits.retentionSeconds = journalKeepDays * 86_400 }
        if journalKeepsAll == true { limits.retention = .keepsAll }
        return limits
    }

    static func journalMaxBytes(_ entry: TOMLDocument.Entry) throws(TOMLDocument.Problem) -> UInt64 {
        guard case .string(let text) = entry.value, let bytes = ByteSize(text: text)?.bytes,
            (JournalLimits.spoolMinBytes...JournalLimits.spoolMaxBytes).contains(bytes)
        else {
            throw .init(
                line: entry.line,
                message: "\(entry.key) is no size of 2MiB or more; write max-size = \"1GiB\"")
        }
        return bytes
    }

    static func journalKeepDays(_ entry: TOMLDocument.Entry) throws(TOMLDocument.Problem) -> Int64 {
        guard case .integer(let days) = entry.value, (1...keepDaysMax).contains(days) else {
            throw .init(
                line: entry.line, message: "\(entry.key) is no number from 1 to \(keepDaysMax); write keep-days = 90")
        }
        return days
    }

    static func flag(_ entry: TOMLDocument.Entry) throws(TOMLDocument.Problem) -> Bool {
        guard case .boolean(let value) = entry.value else {
            throw .init(line: entry.line, message: "\(entry.key) is neither true nor false; write one of them")
        }
        return value
    }
}

/// A size as people write it: `512KiB`, `64MiB`, `1GiB`, `2TiB`.
struct ByteSize: Hashable, Sendable {
    let bytes: UInt64

    private static let units: [(name: String, shift: UInt64)] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]

    /// Nil for anything else, and for what does not fit.
    init?(text: String) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }) else { return nil }
        let digits = text.dropLast(unit.name.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits)
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    /// In the largest unit that leaves nothing over.
    init(bytes: UInt64) { self.bytes = bytes }

    var text: String {
        let unit = Self.units.last { bytes.isMultiple(of: 1 << $0.shift) } ?? ("B", 0)
        return "\(bytes >> unit.shift)\(unit.name)"
    }
}
