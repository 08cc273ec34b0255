import ArgusMountKit
import Glibc
import Testing

/// A folder with a file of every shape for every attack, each written twice, and what a test has to know of them: where
/// the capsules lie, how they were before, and how they are.
final class AttackedFolder {
    struct Victim {
        let attack: StorageAttack
        var file: KnownFile
        let name: String
        /// Where its capsule lies.
        let capsule: String
    }

    let folder: MountedFolder
    private(set) var victims: [Victim] = []
    /// Nobody touches these.
    private(set) var bystanders: [KnownFile] = []
    private var anothers: [ContentShape: String] = [:]
    /// How many records were seen.
    private var recordCount = 0

    /// Makes it, and leaves it unmounted.
    init() throws {
        folder = try MountedFolder()
        var files: [(attack: StorageAttack?, file: KnownFile, name: String)] = []
        for shape in ContentShape.allCases {
            mkdir("\(folder.mountPoint)/\(shape)", 0o700)
            for (number, attack) in ([nil] + StorageAttack.all(on: shape).map(Optional.some)).enumerated() {
                let name = "/\(shape)/\(number)"
                var file = KnownFile(shape, path: folder.mountPoint + name)
                try file.write()
                files.append((attack, file, name))
            }
        }
        try folder.unmount()
        try copyStorage(to: "older")
        try folder.mount()
        for place in files.indices { try files[place].file.write() }
        try folder.unmount()
        try copyStorage(to: "newest")
        let rows = try JSON(text: folder.argusfs("index", "ls", MountedFolder.name, "--json").required().output)
        var locations: [String: String] = [:]
        for row in rows.array { if let path = row["path"]?.string { locations[path] = row["location"]?.string } }
        for (attack, file, name) in files {
            let capsule = try #require(locations[name])
            if let attack {
                victims.append(Victim(attack: attack, file: file, name: name, capsule: capsule))
            } else {
                bystanders.append(file)
                anothers[file.shape] = capsule
            }
        }
    }

    private func copyStorage(to name: String) throws {
        try folder.shell("cp -a ../storage \"$1\"", name, in: folder.home).required()
    }

    /// Puts the storage back as it was when the folder was made: then it is whole.
    func heal() throws {
        try folder.shell("rm -rf ../storage/*; cp -a newest/. ../storage/", in: folder.home).required()
        #expect(try findings().isEmpty)
    }

    /// Where the older version of a capsule lies.
    func older(_ capsule: String) -> String {
        "\(folder.home)/older" + capsule.dropFirst(folder.storage.utf8.count)
    }

    /// False where the attack changes nothing of that capsule.
    func attack(_ victim: Victim) throws -> Bool {
        try victim.attack.perform(
            on: victim.capsule, older: older(victim.capsule), another: try #require(anothers[victim.file.shape]))
    }

    /// What `argusfs check` says of each file.
    func findings() throws -> [String: [StorageFinding]] {
        let check = try folder.argusfs("check", MountedFolder.name, "--json")
        let found = try JSON(text: check.output).array
        #expect(check.status == (found.isEmpty ? 0 : 1), "\(check.error)")
        return Dictionary(grouping: found.map(StorageFinding.init), by: \.path)
    }

    /// The reasons of the `integrity` records that came since this was asked last, by path.
    func integrityRecords() throws -> [String: Set<String>] {
        let shown = try folder.argusfs("journal", "show", "--activity", "integrity", "--json").required().output
        let lines = shown.split(separator: "\n")
        var reasons: [String: Set<String>] = [:]
        for line in lines.dropFirst(recordCount) {
            let record = try JSON(text: String(line))
            #expect(record["capsule"]?.string?.count == 32)
            reasons[try #require(record["path"]?.string), default: []].insert(record["reason"]?.string ?? "")
        }
        recordCount = lines.count
        return reasons
    }
}

/// One finding of a check, and what it means for readers.
struct StorageFinding {
    enum Effect: Hashable {
        /// A page of content.
        case page(UInt64)
        /// All that lies below a map page.
        case map
        case whole
        /// What no reader needs.
        case none
    }

    let path: String
    let text: String

    init(_ json: JSON) {
        path = json["path"]?.string ?? ""
        text = json["detail"]?.string ?? ""
    }

    /// The finding without the place where the capsule lies.
    var what: Substring { text.split(separator: ": ", maxSplits: 1).last ?? "" }

    /// How a record says it.
    var recorded: String {
        let words = ["is no regular file", "is missing", "was durable", "is sealed with key", "has format"]
        return words.first { what.contains($0) } ?? String(what)
    }

    var effect: Effect {
        let numbers = what.split { !$0.isNumber }.compactMap { UInt64($0) }
        if what.hasPrefix("page "), what.contains(" of the file"), numbers.count == 2 {
            return .page(numbers[1] / 4096)
        }
        if what.hasPrefix("map page ") { return .map }
        let harmless = [
            "is not the one that the newest root names", "free page ", "kept for the older root",
            "the list of free pages",
            "bytes behind the last page", "used twice",
        ]
        return harmless.contains { what.contains($0) } ? .none : .whole
    }

    /// A capsule that was cut may have lost its slots; otherwise what it lost is told page by page.
    static func effects(of findings: [StorageFinding]) -> [Effect] {
        let others = findings.filter { $0.what != "the capsule is cut short, or has no slot left" }
        return (others.isEmpty ? findings : others).map(\.effect)
    }

    /// Why `failed` are not exactly the probes that these findings mean; nil where they are.
    static func mismatch(_ findings: [StorageFinding], _ failed: Set<UInt64>, of probes: [UInt64]) -> String? {
        let effects = effects(of: findings)
        if effects.contains(.whole) {
            return failed.count == probes.count ? nil : "only \(failed.sorted()) of \(probes) gave EIO"
        }
        let pages = Set(effects.compactMap { if case .page(let page) = $0 { page } else { nil } })
        guard pages.isSubset(of: failed.union(pages.subtracting(probes))) else {
            return "\(pages.subtracting(failed).sorted()) were read"
        }
        var rest = failed.subtracting(pages)
        for _ in effects where effects.contains(.map) {
            // The widest span of a map page that failed altogether.
            guard let page = rest.min() else { break }
            let spans = (1...6).map { (level: UInt64) -> [UInt64] in
                let shift = 6 * level
                return probes.filter { $0 >> shift == page >> shift }
            }
            rest.subtract(spans.last { failed.isSuperset(of: $0) } ?? [])
        }
        return rest.isEmpty ? nil : "\(rest.sorted()) gave EIO"
    }
}
