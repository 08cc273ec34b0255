/// Columns of text under headings, for people; programs ask for `--json`.
package struct Table {
    package enum Alignment: Sendable { case left, right }

    private let headings: [(text: String, alignment: Alignment)]
    private var rows: [[String]] = []

    package init(_ headings: [(text: String, alignment: Alignment)]) {
        self.headings = headings
    }

    package init(_ headings: String...) {
        self.init(headings.map { ($0, .left) })
    }

    /// Adds a row; control characters in a cell are shown as `?`, so that a name cannot drive the terminal.
    package mutating func add(_ cells: String...) {
        precondition(cells.count == headings.count, "a row has one cell for each heading")
        rows.append(cells.map(Table.printable))
    }

    /// The lines, each ended by a newline. The last column is not padded.
    package var text: String {
        let widths = headings.indices.map { column in
            max(headings[column].text.count, rows.map { $0[column].count }.max() ?? 0)
        }
        return ([headings.map(\.text)] + rows).map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return switch headings[column].alignment {
                case .right: padding + row[column]
                case .left: column == row.count - 1 ? row[column] : row[column] + padding
                }
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// `text` with each control character replaced, C1 controls and line separators included.
    package static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator, .format: "?"
                    default: scalar
                    }
                }))
    }
}

/// A number of bytes for people: `0`, `512`, `1.5 KiB`, `20 MiB`.
package func byteCountText(_ count: UInt64) -> String {
    guard count >= 1024 else { return "\(count)" }
    var value = Double(count)
    var unit = -1
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    repeat {
        value /= 1024
        unit += 1
    } while value >= 1023.95 && unit < units.count - 1
    let tenths = Int((value * 10).rounded())
    return tenths >= 100 || tenths % 10 == 0
        ? "\((tenths + 5) / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
