internal import FoundationEssentials

/// JSON for programs: fields in the order of their names, no escaped slashes, and null for what is absent.
enum JSONOutput {
    static func text(_ value: some Encodable) throws(CommandError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw CommandError("JSON", "the result cannot be written as JSON; this is a defect of argusfs")
        }
    }

    static func print(_ value: some Encodable) throws(CommandError) {
        try Standard.outputLine(try text(value))
    }
}

/// Prints a JSON array element by element, one a line, so that a listing of any length is never held in memory.
struct JSONArrayPrinter {
    /// Output is collected up to about this many bytes, so that a long listing takes few writes.
    private static let bufferMaxBytes = 64 << 10
    private var buffer = "["
    private var isEmpty = true

    mutating func add(_ element: some Encodable) throws(CommandError) {
        buffer += isEmpty ? "\n" : ",\n"
        buffer += try JSONOutput.text(element)
        isEmpty = false
        if buffer.utf8.count > Self.bufferMaxBytes {
            try Standard.output(buffer)
            buffer = ""
        }
    }

    consuming func finish() throws(CommandError) {
        try Standard.outputLine(buffer + (isEmpty ? "]" : "\n]"))
    }
}
