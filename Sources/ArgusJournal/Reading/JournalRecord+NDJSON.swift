package import ArgusCore

extension JournalRecord {
    /// The record as one line of JSON without the newline: ARGUS's own names first, then those of OCSF.
    ///
    /// `folderName` takes the place of the folder's id where it is known. Bytes that are no UTF-8 appear as U+FFFD in
    /// `path`, and exactly in `pathHex`.
    package func ndjson(folderName: String? = nil) -> String {
        var json = JSONObject()
        json.string("time", time.rfc3339)
        json.number("seq", sequence)
        json.string("activity", activityName)
        json.string("status", status == .success ? "success" : "failure")
        json.string("person", actor.person)
        json.number("uid", actor.uid)
        if actor.loginUID != .max { json.number("auid", actor.loginUID) }
        json.string("program", actor.program)
        json.number("pid", actor.pid)
        json.path("path", path)
        json.string("folder", folderName ?? folder.hex)
        json.string("folderId", folder.hex)
        json.string("fileId", fileID?.hex ?? "")
        if !secondPath.isEmpty { json.path("secondPath", secondPath) }
        if !reason.isEmpty { json.string("reason", reason) }
        if byteCount > 0 { json.number("bytes", byteCount) }
        if let fileSize { json.number("size", fileSize) }
        if !capsule.isEmpty { json.string("capsule", Hex.encode(capsule)) }
        if let copy { json.string("seen", copy == .exact ? "exact" : "inferred") }
        if let sourceFolder { json.string("sourceFolderId", sourceFolder.hex) }
        if let destinationFolder { json.string("destinationFolderId", destinationFolder.hex) }
        if let subjectFolder { json.string("aboutFolderId", subjectFolder.hex) }
        if !subjectHeads.isEmpty {
            json.string(
                "aboutHeads",
                subjectHeads.map { "\($0.stream?.hex ?? ""):\($0.sequence):\(Hex.encode($0.hash))" }
                    .joined(separator: " "))
        }
        if !access.isEmpty { json.string("access", access.text) }
        if let writtenByteCount {
            json.number("bytesRead", byteCount &- writtenByteCount)
            json.number("bytesWritten", writtenByteCount)
        }
        if !actor.programDigest.isEmpty { json.string("programSha256", Hex.encode(actor.programDigest)) }
        if let session = actor.session { json.number("session", session) }
        if let parent = actor.parentPID { json.number("parentPid", parent) }
        if !actor.parentProgram.isEmpty { json.string("parentProgram", actor.parentProgram) }
        if let repeats {
            json.number("count", repeats.count)
            json.number("firstSeq", repeats.firstSequence)
            json.string("lastTime", repeats.lastTime.rfc3339)
            if let stream = repeats.stream { json.string("ofStream", stream.hex) }
        }
        if let gap {
            json.string("gapStream", gap.stream.hex)
            json.number("gapFirst", gap.first)
            json.number("gapLast", gap.last)
            json.number("gapCount", gap.count)
        }
        if let checkpoint {
            json.string("checkpoint", "\(checkpoint.purpose)")
            if !checkpoint.removals.isEmpty { json.objects("removed", checkpoint.removals.map(Self.json)) }
        }
        if let indexRoot {
            json.number("indexCommit", indexRoot.commit)
            json.string("indexRoot", indexRoot.rootTag.hex)
        }
        json.string("device", device.hex)
        json.string("stream", stream.hex)
        json.number("monotonic", monotonicNanoseconds)
        json.string("hash", Hex.encode(hash))
        if let classes = ocsf {
            json.number("class_uid", UInt32(classes.classID))
            json.number("activity_id", UInt32(classes.activityID))
            json.number("type_uid", UInt32(classes.classID) * 100 + UInt32(classes.activityID))
        }
        json.number("status_id", UInt8(status == .success ? 1 : 2))
        for field in unknownFields { json.string("field-\(field.type)", Hex.encode(field.value)) }
        return json.text
    }

    private static func json(_ removal: JournalRemoval) -> JSONObject {
        var json = JSONObject()
        json.string("stream", removal.stream.hex)
        json.number("throughSeq", removal.sequence)
        if let time = removal.lastTime { json.string("throughTime", time.rfc3339) }
        if let bytes = removal.byteCount { json.number("bytes", bytes) }
        json.string("left", removal.isWhole ? "nothing" : "the rest")
        return json
    }

    /// Class and activity of the Open Cybersecurity Schema Framework (schema.ocsf.io, 1001 File System Activity, 6006
    /// File Hosting Activity); nil for what is none of either.
    private var ocsf: (classID: UInt16, activityID: UInt16)? {
        switch activity {
        case .create: (1001, 1)
        case .read: (1001, 2)
        case .write, .truncate: (1001, 3)
        case .unlink: (1001, 4)
        case .rename: (1001, 5)
        case .setAttributes: (1001, 6)
        case .mount: (1001, 12)
        case .unmount: (1001, 13)
        case .open: (1001, 14)
        case .close, .link, .list, .denied, .integrity, .recover: (1001, 99)
        case .copy: (6006, 6)
        case .export: (6006, 2)
        case .import: (6006, 1)
        default: nil
        }
    }
}

/// One object of JSON (RFC 8259), its members in the order they come.
private struct JSONObject {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    var text: String { String(decoding: bytes + [UInt8(ascii: "}")], as: UTF8.self) }

    mutating func number(_ name: String, _ value: some BinaryInteger) {
        key(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    mutating func string(_ name: String, _ value: String) {
        key(name)
        quote(value)
    }

    mutating func objects(_ name: String, _ values: [JSONObject]) {
        key(name)
        bytes.append(UInt8(ascii: "["))
        for (place, value) in values.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: value.text.utf8)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    mutating func path(_ name: String, _ value: [UInt8]) {
        let text = String(decoding: value, as: UTF8.self)
        string(name, text)
        if !text.utf8.elementsEqual(value) { string(name + "Hex", Hex.encode(value)) }
    }

    private mutating func key(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        quote(name)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func quote(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0..<0x20, 0x7f:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: Hex.encode([byte]).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension Timestamp {
    /// `2026-11-23T03:04:05.123456789Z` (RFC 3339), in UTC.
    package var rfc3339: String {
        let days = Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
        let rest = Int(seconds) - days * 86_400
        // Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        return digits(year, 4) + "-" + digits(month, 2) + "-" + digits(day, 2) + "T" + digits(rest / 3_600, 2) + ":"
            + digits(rest / 60 % 60, 2) + ":" + digits(rest % 60, 2) + "." + digits(Int(nanoseconds), 9) + "Z"
    }
}
