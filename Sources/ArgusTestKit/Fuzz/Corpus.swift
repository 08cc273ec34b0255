internal import ArgusSystem
internal import Glibc

/// Inputs for a parser that are kept in the tree, in `Tests/Corpus/<target>`: valid ones, as the code of today makes
/// them, and damaged ones that were once worth a look.
package struct Corpus {
    /// Sorted by name.
    package let files: [(name: String, bytes: [UInt8])]

    /// `valid`: what the code makes, by name; those files are written with ARGUS_WRITE_VECTORS in the environment, and must
    /// be the same without it.
    package init(_ target: String, valid: [String: [UInt8]] = [:]) throws {
        let directory = try DirectoryHandle(path: Self.path).subdirectory(target)
        if getenv("ARGUS_WRITE_VECTORS") != nil {
            for (name, bytes) in valid { try directory.replaceFile(name, with: bytes) }
        }
        var files: [(name: String, bytes: [UInt8])] = []
        var missing = valid
        for name in try directory.names().sorted() {
            let bytes = try directory.readFile(name, maxByteCount: 1 << 20)
            if let expected = missing.removeValue(forKey: name), expected != bytes { throw Outdated(name: name) }
            files.append((name, bytes))
        }
        if let name = missing.keys.min() { throw Outdated(name: name) }
        self.files = files
    }

    package struct Outdated: Error, CustomStringConvertible {
        let name: String
        package var description: String {
            "the corpus has another '\(name)' than the code makes; write it anew with ARGUS_WRITE_VECTORS=1"
        }
    }

    private static let path: String = {
        let sources = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }
        return sources.joined() + "/Tests/Corpus"
    }()
}
