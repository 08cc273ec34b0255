/// A configuration file in TOML (https://toml.io), as far as settings need it: tables, strings, whole numbers, booleans
/// and arrays of these. What else TOML has is refused with the line and what to write instead, never guessed at.
struct TOMLDocument {
    enum Value: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
        case array([Value])
    }

    struct Entry: Hashable, Sendable {
        /// Of the table and the key: `mount.options`; keys before the first table stand alone.
        var key: String
        var value: Value
        var line: Int
    }

    struct Problem: Error, Hashable, Sendable {
        var line: Int
        /// What is wrong and, after a semicolon, what to write instead.
        var message: String
    }

    private(set) var entries: [Entry] = []
    private(set) var problems: [Problem] = []

    /// Reads all of `text`: after a problem it goes on with the next line.
    init(_ text: String) {
        var reader = TOMLReader(text)
        var table = ""
        while true {
            do throws(Problem) {
                guard let statement = try reader.next() else { return }
                switch statement {
                case .table(let name, let line):
                    guard !tables.contains(name) else {
                        throw Problem(line: line, message: "[\(name)] stands here a second time; put its keys together")
                    }
                    tables.insert(name)
                    table = name
                case .pair(let key, let value, let line):
                    let whole = table.isEmpty ? key : "\(table).\(key)"
                    if let earlier = entries.first(where: { $0.key == whole }) {
                        throw Problem(
                            line: line, message: "\(key) is set in line \(earlier.line) already; keep one of them")
                    }
                    entries.append(Entry(key: whole, value: value, line: line))
                }
            } catch {
                problems.append(error)
                reader.skipLine()
            }
        }
    }

    private var tables: Set<String> = []
}

/// Reads a document statement by statement.
private struct TOMLReader {
    typealias Problem = TOMLDocument.Problem

    enum Statement {
        case table(String, line: Int)
        case pair(String, TOMLDocument.Value, line: Int)
    }

    /// Arrays within arrays; no setting has any.
    private static let depthMax = 4

    private let characters: [Unicode.Scalar]
    private var position = 0
    private var line = 1

    init(_ text: String) {
        characters = Array(text.unicodeScalars)
    }

    private var current: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    private func problem(_ message: String) -> Problem { Problem(line: line, message: message) }

    private mutating func advance() {
        if current == "\n" { line += 1 }
        position += 1
    }

    mutating func skipLine() {
        while let character = current, character != "\n" {
            _ = character
            position += 1
        }
    }

    mutating func next() throws(Problem) -> Statement? {
        try skipBlanks(throughLines: true)
        guard let first = current else { return nil }
        let start = line
        let statement: Statement
        if first == "[" {
            statement = .table(try table(), line: start)
        } else {
            let key = try bareKey("a key")
            try skipBlanks(throughLines: false)
            guard current == "=" else {
                throw problem(
                    current == "."
                        ? "a key with a dot; write the table: [\(key)] on a line of its own, then the key"
                        : "no = after \(key); write \(key) = VALUE")
            }
            advance()
            try skipBlanks(throughLines: false)
            statement = .pair(key, try value(depth: 0), line: start)
        }
        try skipBlanks(throughLines: false)
        guard current == nil || current == "\n" else {
            throw problem("something follows on the same line; begin a new line, or a comment with #")
        }
        return statement
    }

    /// Passes blanks and comments.
    private mutating func skipBlanks(throughLines: Bool) throws(Problem) {
        while let character = current {
            switch character {
            case " ", "\t", "\r": advance()
            case "\n" where throughLines: advance()
            case "#": skipLine()
            default: return
            }
        }
    }

    private mutating func table() throws(Problem) -> String {
        advance()
        if current == "[" { throw problem("[[…]] lists tables; write one [table]") }
        try skipBlanks(throughLines: false)
        let name = try bareKey("the name of a table")
        try skipBlanks(throughLines: false)
        guard current == "]" else { throw problem("the name of a table ends with ]; write [\(name)]") }
        advance()
        return name
    }

    private mutating func bareKey(_ what: String) throws(Problem) -> String {
        var key = String.UnicodeScalarView()
        while let character = current,
            character.isASCII,
            character.properties.isAlphabetic || ("0"..."9").contains(character) || character == "-"
                || character == "_"
        {
            key.append(character)
            advance()
        }
        guard !key.isEmpty else {
            throw problem("\(what) is expected here; write letters, digits, - and _, without quotes")
        }
        return String(key)
    }

    private mutating func value(depth: Int) throws(Problem) -> TOMLDocument.Value {
        switch current {
        case "\"": return .string(try basicString())
        case "'": return .string(try literalString())
        case "[": return .array(try array(depth: depth + 1))
        case "{": throw problem("a table in braces; write [table] on a line of its own")
        case nil, "\n", "#": throw problem("no value; write one after the =")
        default: return try word()
        }
    }

    private mutating func array(depth: Int) throws(Problem) -> [TOMLDocument.Value] {
        guard depth <= Self.depthMax else { throw problem("arrays too deep in each other; write them flat") }
        let start = line
        advance()
        var values: [TOMLDocument.Value] = []
        while true {
            try skipBlanks(throughLines: true)
            if current == "]" { break }
            guard current != nil else { throw Problem(line: start, message: "the array has no end; write ]") }
            values.append(try value(depth: depth))
            try skipBlanks(throughLines: true)
            if current == "," {
                advance()
            } else if current != "]" {
                throw problem("no comma between the elements of an array; write one")
            }
        }
        advance()
        return values
    }

    private mutating func literalString() throws(Problem) -> String {
        advance()
        var text = String.UnicodeScalarView()
        while let character = current, character != "'" {
            guard character != "\n" else { break }
            text.append(character)
            advance()
        }
        guard current == "'" else { throw problem("the text has no end; write ' there") }
        advance()
        if text.isEmpty, current == "'" { throw problem("text over several lines; write it on one") }
        return String(text)
    }

    private mutating func basicString() throws(Problem) -> String {
        advance()
        var text = String.UnicodeScalarView()
        while let character = current, character != "\"" {
            switch character {
            case "\n": throw problem("the text has no end; write \" there")
            case "\\":
                advance()
                text.append(try escape())
            default:
                text.append(character)
                advance()
            }
        }
        guard current == "\"" else { throw problem("the text has no end; write \" there") }
        advance()
        if text.isEmpty, current == "\"" { throw problem("text over several lines; write it on one") }
        return String(text)
    }

    private mutating func escape() throws(Problem) -> Unicode.Scalar {
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "b": "\u{8}", "t": "\t", "n": "\n", "f": "\u{c}", "r": "\r", "\"": "\"", "\\": "\\",
        ]
        guard let kind = current else { throw problem("the text has no end; write \" there") }
        if let plain = simple[kind] {
            advance()
            return plain
        }
        let count = kind == "u" ? 4 : kind == "U" ? 8 : 0
        guard count > 0 else {
            throw problem("\\\(kind) stands for nothing; write \\\\ for a backslash, or the text in single quotes")
        }
        advance()
        var digits = ""
        while digits.unicodeScalars.count < count, let digit = current, digit.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(digit)
            advance()
        }
        guard digits.unicodeScalars.count == count, let code = UInt32(digits, radix: 16),
            let scalar = Unicode.Scalar(code)
        else { throw problem("\\\(kind) needs \(count) digits of a character; write the character itself") }
        return scalar
    }

    private mutating func word() throws(Problem) -> TOMLDocument.Value {
        var text = ""
        while let character = current, !" \t\r\n,]#=".unicodeScalars.contains(character) {
            text.unicodeScalars.append(character)
            advance()
        }
        if text == "true" { return .boolean(true) }
        if text == "false" { return .boolean(false) }
        let digits = text.replacing("_", with: "")
        if let number = Int64(digits), digits.first != "_", text.last != "_" { return .integer(number) }
        throw problem("\(text) is no value; write text in quotes: \"\(text)\"")
    }
}
