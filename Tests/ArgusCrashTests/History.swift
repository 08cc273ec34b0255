import ArgusCore

/// What a user of a folder, or of one directory in it, did and was told: what a disk is held against.
struct History: Sendable {
    struct Entry: Hashable, Sendable {
        var kind: FileKind
        var inode: UInt64
        var permissions: UInt32
        var target: [UInt8] = []
    }

    /// All names after a change, by path. Between `start` and `end` of the log it was being made.
    struct Names: Sendable {
        var entries: [String: Entry]
        var start: Int
    }

    struct Version: Sendable {
        var bytes: [UInt8]
        var start: Int
        /// Nobody may ever find it after a crash: the file as cut, before its new content.
        var isPassing = false
    }

    /// From `boundary` on, names are at least those of `names`, and the file's content at least that of `version`.
    struct Promise: Sendable {
        var boundary: Int
        var names: Int?
        var file: UInt64?
        var version: Int?
        var journalSequence: UInt64
    }

    /// From that state of the names on, the file has at least that content, promised or not.
    struct Condition: Sendable {
        var names: Int
        var file: UInt64
        var version: Int
    }

    /// Where in the folder: empty for all of it.
    var place: String
    var names: [Names]
    var versions: [UInt64: [Version]] = [:]
    var promises: [Promise] = []
    var conditions: [Condition] = []

    init(place: String, entries: [String: Entry] = [:]) {
        self.place = place
        names = [Names(entries: entries, start: 0)]
    }

    /// The same with everything begun from the start: for disks of a history that was bent, which may hold what was done
    /// later. Only what was promised counts.
    func promisesAlone() -> History {
        var copy = self
        copy.names = names.map { .init(entries: $0.entries, start: 0) }
        copy.versions = versions.mapValues { $0.map { .init(bytes: $0.bytes, start: 0, isPassing: $0.isPassing) } }
        return copy
    }

    /// The same as somebody knows it whose machine went down at `boundary`: all that was begun may be there, what was
    /// promised is promised from the start.
    func cut(at boundary: Int) -> History {
        var copy = self
        copy.names = names.filter { $0.start <= boundary }.map { .init(entries: $0.entries, start: 0) }
        copy.versions = versions.mapValues { versions in
            versions.filter { $0.start <= boundary }
                .map { .init(bytes: $0.bytes, start: 0, isPassing: $0.isPassing) }
        }
        copy.promises = promises.filter { $0.boundary <= boundary }.map { promise in
            var promise = promise
            promise.boundary = 0
            return promise
        }
        return copy
    }

    /// What is wrong with what was found after a cut at `boundary`; nil: nothing.
    func violation(at boundary: Int, found: [String: Entry], contents: [UInt64: [UInt8]]) -> String? {
        let kept = promises.filter { $0.boundary <= boundary }
        let least = kept.compactMap(\.names).max() ?? 0
        let issued = names.prefix { $0.start <= boundary }.count
        let candidates = (least..<max(issued, least + 1)).filter { names[$0].entries == found }
        guard let first = candidates.first else {
            let older = names.firstIndex { $0.entries == found }
            return "\(place)/ names: "
                + (older.map { "state \($0) is older than state \(least), which was promised" }
                    ?? "no state of history between \(least) and \(issued): \(difference(found, names[least].entries))")
        }
        for (inode, bytes) in contents {
            let all = versions[inode] ?? []
            let promised = kept.filter { $0.file == inode }.compactMap(\.version).max() ?? 0
            let required = conditions.filter { $0.file == inode && $0.names <= first }.map(\.version).max() ?? 0
            let end = all.prefix { $0.start <= boundary }.count
            let matches = all.indices.prefix(end).filter { all[$0].bytes == bytes }
            guard let newest = matches.last else { return "file \(inode): \(bytes.count) bytes that it never had" }
            if newest < promised {
                let reasons = kept.filter { $0.file == inode && $0.version == promised }.map(\.boundary)
                return "file \(inode): version \(newest), but \(promised) was promised at \(reasons)"
            }
            if newest < required { return "file \(inode): version \(newest) under a name given to \(required)" }
            if matches.allSatisfy({ all[$0].isPassing }) && newest > promised {
                return "file \(inode): cut, without its new content"
            }
        }
        return nil
    }

    private func difference(_ found: [String: Entry], _ expected: [String: Entry]) -> String {
        let missing = expected.filter { found[$0.key] != $0.value }.keys.sorted().prefix(4)
        let extra = found.filter { expected[$0.key] != $0.value }.keys.sorted().prefix(4)
        return "against the promised one \(Array(missing)) are missing or other, \(Array(extra)) are new or other"
    }
}
